"""Aider's polyglot benchmark: the Python exercises of Exercism (https://github.com/Aider-AI/polyglot-benchmark; MIT).

The loop sees the tests that grade it, as in aider's own two-try protocol, so rows say `check = grade`. The exercises of
other languages are not read: a loose problem, which is how samples reach the testing server, is judged in Python only.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from understudy.answer import Answer
from understudy.problem import Message, Options, Problem, Reply, Tests
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import read_text
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_LANGUAGE, _TIMEOUT_S = "python", 10.0
_MOST_SUPPORT_BYTES = 1 << 20  # of one file beside the exercise; a larger one is a build product
_REQUEST = (
    "{task}\n\nThe file `{path}` holds:\n\n```\n{stub}\n```\n\n"
    "Reply with the whole new content of `{path}` in one code block."
)


@dataclass(frozen=True)
class Polyglot:
    """The Python exercises in a checkout of the benchmark."""

    name: str
    path: Path

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
        root = self.path / _LANGUAGE / "exercises" / "practice"
        if not root.is_dir():
            raise BenchmarkError(
                f"There is no folder {root}. Give the path of a checkout of Aider-AI/polyglot-benchmark."
            )
        folders = sorted(folder for folder in root.iterdir() if (folder / ".meta/config.json").is_file())
        samples = (_sample(folder) for folder in folders)
        return tuple(sample for sample in samples if sample is not None)

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the exercises of a split by name; those of several files are left out."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run the exercise's tests on the answer."""
        return await grade_code(sample, answer, grader)


def open_polyglot(spec: Spec) -> Polyglot:
    """Open the exercises of a checkout."""
    return Polyglot(spec.text, spec.data())


def _sample(folder: Path) -> Sample | None:
    config = _config(folder)
    code = config["solution"]
    if len(code) != 1:
        return None
    kept = _support(folder, {code[0], *config["example"]})
    tests = {path: text for path, text in kept.items() if path in config["test"]}
    if not tests:
        raise BenchmarkError(f"{folder}: the exercise holds none of its tests {config['test']}. Fetch it again.")
    hidden = hidden_tests(kept, timeout_s=_TIMEOUT_S)
    task = "\n\n".join(read_text(path) for path in sorted((folder / ".docs").glob("i*.md"))).strip()
    stub = read_text(folder / code[0]).rstrip()
    return Sample(
        id=f"{_LANGUAGE}/{folder.name}",
        problem=Problem(
            messages=(Message(role="user", content=_REQUEST.format(task=task, path=code[0], stub=stub)),),
            check=Tests(files=kept, timeout_s=_TIMEOUT_S),
            reply=Reply(kind="code", path=code[0]),
            options=Options(max_tokens=4096),
        ),
        cluster=f"{_LANGUAGE}/{folder.name}",
        hidden=hidden,
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
