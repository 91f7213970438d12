"""Aider's polyglot benchmark: Exercism exercises (https://github.com/Aider-AI/polyglot-benchmark; MIT, per track).

The loop sees the tests that grade it, as in aider's own two-try protocol, so rows say `check = grade`. There is one
benchmark per language: `polyglot` is Python; the others need their tool chain on this machine.
"""

import json
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from understudy.answer import Answer
from understudy.problem import Message, Options, Problem, Reply, Tests
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import read_text
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError, Missing
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster


class Language(NamedTuple):
    """How exercises of a language are run."""

    framework: str
    program: str | None
    """What must be on PATH; None where the testing server brings it."""
    timeout_s: float


LANGUAGES = {
    "python": Language("pytest", None, 10.0),
    "javascript": Language("jest", "jest", 60.0),
    "go": Language("go", "go", 120.0),
    "rust": Language("cargo", "cargo", 180.0),
}
_MOST_SUPPORT_BYTES = 1 << 20  # of one file beside the exercise; a larger one is a build product
_REQUEST = (
    "{task}\n\nThe file `{path}` holds:\n\n```\n{stub}\n```\n\n"
    "Reply with the whole new content of `{path}` in one code block."
)


@dataclass(frozen=True)
class Polyglot:
    """The exercises of one language in a checkout of the benchmark."""

    name: str
    path: Path
    language: str

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="the exercise's own tests",
            grade="the same tests, in a second testing process",
            cluster="the exercise",
            reply="the last code block, as the exercise's file",
            source="Aider polyglot benchmark (Exercism, MIT)",
            check_is_grade=True,
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        root = self.path / self.language / "exercises" / "practice"
        if not root.is_dir():
            raise BenchmarkError(
                f"There is no folder {root}. Give the path of a checkout of Aider-AI/polyglot-benchmark."
            )
        folders = sorted(folder for folder in root.iterdir() if (folder / ".meta/config.json").is_file())
        samples = (_sample(folder, self.language) for folder in folders)
        return tuple(sample for sample in samples if sample is not None)

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the exercises of a split by name. Rust exercises that need crates from the network are left out."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run the exercise's tests on the answer."""
        return await grade_code(sample, answer, grader)


def open_polyglot(spec: Spec) -> Polyglot:
    """Open the exercises of a language.

    Raises:
        Missing: The language's tool chain is not on this machine.
    """
    language = spec.name.partition("-")[2] or "python"
    program = LANGUAGES[language].program
    if program is not None and shutil.which(program) is None:
        raise Missing(
            f"{spec.name} runs {language} tests and there is no {program!r} on PATH. Install it, or leave it out."
        )
    return Polyglot(spec.text, spec.data(), language)


def _sample(folder: Path, language: str) -> Sample | None:
    config = _config(folder)
    code = [path for path in config["solution"] if not path.endswith("Cargo.toml")]
    if len(code) != 1 or _needs_crates(folder):
        return None
    kept = _support(folder, {code[0], *config["example"]})
    tests = {path: text for path, text in kept.items() if path in config["test"]}
    if not tests:
        raise BenchmarkError(f"{folder}: the exercise holds none of its tests {config['test']}. Fetch it again.")
    rule = LANGUAGES[language]
    hidden = hidden_tests(kept, timeout_s=rule.timeout_s, framework=rule.framework)
    task = "\n\n".join(read_text(path) for path in sorted((folder / ".docs").glob("i*.md"))).strip()
    stub = read_text(folder / code[0]).rstrip()
    return Sample(
        id=f"{language}/{folder.name}",
        problem=Problem(
            messages=(Message(role="user", content=_REQUEST.format(task=task, path=code[0], stub=stub)),),
            check=Tests(files=kept, framework=rule.framework, timeout_s=rule.timeout_s),
            reply=Reply(kind="code", path=code[0]),
            options=Options(max_tokens=4096),
        ),
        cluster=f"{language}/{folder.name}",
        hidden=hidden,
        category=language,
    )


def _config(folder: Path) -> dict[str, list[str]]:
    path = folder / ".meta/config.json"
    try:
        files: Any = json.loads(read_text(path))["files"]
        return {name: [str(one) for one in files.get(name, [])] for name in ("solution", "test", "example")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(f"{path}: this is no exercise's configuration ({error!r}). Fetch it again.") from None


def _support(folder: Path, left_out: set[str]) -> dict[str, str]:
    """What stands beside the solution: tests, fixtures, project files; hidden folders and large files do not."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not hidden and name not in left_out and path.stat().st_size <= _MOST_SUPPORT_BYTES:
            found[name] = read_text(path)
    return found


def _needs_crates(folder: Path) -> bool:
    cargo = folder / "Cargo.toml"
    if not cargo.is_file():
        return False
    section = read_text(cargo).partition("[dependencies]")[2].partition("\n[")[0]
    return any(line.strip() and not line.strip().startswith("#") for line in section.splitlines())
