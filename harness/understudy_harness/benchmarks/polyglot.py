"""Aider's polyglot benchmark: exercises of Exercism (https://github.com/Aider-AI/polyglot-benchmark; MIT).

The loop sees the tests that grade it, as in aider's own two-try protocol, so rows say `check = grade`. Languages whose
tool chain is not on this machine are left out, and the statement says so; `PATH@LANGUAGE,LANGUAGE` insists on some.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from understudy.answer import Answer
from understudy.problem import Message, Options, Problem, Reply, Tests
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import read_text
from understudy_harness.benchmarks.exercises import LANGUAGES, Language
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError, Missing
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_MOST_SUPPORT_BYTES = 1 << 20  # of one file beside the exercise; a larger one is a build product
_PRODUCTS = frozenset({".jar", ".class", ".o"})
_REQUEST = (
    "{task}\n\nThe file `{path}` holds:\n\n```\n{stub}\n```\n\n"
    "Reply with the whole new content of `{path}` in one code block."
)
_SEVERAL = (
    "{task}\n\nThe files hold:\n\n{stubs}\n\n"
    "Reply with the whole new content of each file that you change: its path on a line of its own, then one code block."
    " Change and add no other file."
)
_BESIDE = "\n\nBeside the solution stand these files, which stay as they are:\n\n{files}"


@dataclass(frozen=True)
class Polyglot:
    """The exercises in a checkout of the benchmark."""

    name: str
    path: Path
    languages: tuple[str, ...]

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        absent = [name for name in LANGUAGES if name not in self.languages]
        left_out = f"; without {', '.join(absent)}" if absent else ""
        return Statement(
            check="the exercise's own tests",
            grade="the same tests, in a second testing process",
            cluster="the exercise, in whatever language",
            reply="the last code block, as the exercise's file; of several files, each block with its path",
            source=f"Aider polyglot benchmark (Exercism, MIT): {', '.join(self.languages)}{left_out}",
            check_is_grade=True,
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        found = tuple(sample for language in self.languages for sample in self._of(language))
        if not found:
            folder = self.path / self.languages[0] / "exercises" / "practice"
            raise BenchmarkError(
                f"There is no folder {folder}. Give the path of a checkout of Aider-AI/polyglot-benchmark."
            )
        return found

    def _of(self, language: str) -> Iterator[Sample]:
        root = self.path / language / "exercises" / "practice"
        folders = root.iterdir() if root.is_dir() else ()
        for folder in sorted(folder for folder in folders if (folder / ".meta/config.json").is_file()):
            sample = _sample(folder, language, LANGUAGES[language])
            if sample is not None:
                yield sample

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the exercises of a split by language and name; those that cannot be run alone are left out."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run the exercise's tests on the answer."""
        return await grade_code(sample, answer, grader)


def open_polyglot(spec: Spec) -> Polyglot:
    """Open the exercises of a checkout: `PATH`, or `PATH@LANGUAGE,LANGUAGE`.

    Raises:
        BenchmarkError: A language is not known.
        Missing: The program that runs a language's tests is not on the PATH.
    """
    path, _, asked = str(spec.data()).partition("@")
    if not asked:
        return Polyglot(spec.text, Path(path), tuple(name for name in LANGUAGES if _lacks(name) is None))
    chosen = tuple(dict.fromkeys(asked.split(",")))
    for name in chosen:
        if name not in LANGUAGES:
            raise BenchmarkError(
                f"{spec.text!r} asks for {name!r}, which is not graded here. Languages: {', '.join(LANGUAGES)}."
            )
        lack = _lacks(name)
        if lack is not None:
            raise Missing(
                f"The exercises in {name} need the program {lack!r}, which is not on the PATH. {LANGUAGES[name].cure}"
            )
    return Polyglot(spec.text, Path(path), chosen)


def _lacks(language: str) -> str | None:
    """The program that a language needs and that is not here."""
    program = LANGUAGES[language].program
    return program if program is not None and shutil.which(program) is None else None


def _sample(folder: Path, language: str, how: Language) -> Sample | None:
    config = _config(folder)
    asked = config["solution"] if how.several else config["solution"][:1]
    beside = _support(folder, {*asked, *config["example"]})
    if not any(path in beside for path in config["test"]):
        raise BenchmarkError(f"{folder}: the exercise holds none of its tests {config['test']}. Fetch it again.")
    try:
        kept = how.trusted(beside, config)
    except (KeyError, ValueError) as error:
        raise BenchmarkError(f"{folder}: the exercise lacks {error}. Fetch it again.") from None
    if kept is None:
        return None
    stubs = {path: read_text(folder / path) for path in asked}
    shown = {path: kept[path] for path in config["editor"] if path in kept} if how.several else {}
    files = {**kept, **(stubs if len(stubs) > 1 else {})}  # of several files a reply may leave some as they are
    return Sample(
        id=f"{language}/{folder.name}",
        problem=Problem(
            messages=(Message(role="user", content=_request(folder, stubs, shown)),),
            check=Tests(files=files, protected=tuple(kept), timeout_s=how.timeout_s),
            reply=Reply(kind="files", paths=tuple(asked)) if len(asked) > 1 else Reply(kind="code", path=asked[0]),
            options=Options(max_tokens=4096),
        ),
        cluster=folder.name,
        hidden=hidden_tests(files, protected=kept, timeout_s=how.timeout_s),
        category=language,
    )


def _request(folder: Path, stubs: Mapping[str, str], shown: Mapping[str, str]) -> str:
    """What is asked: the task, the files as they are, and how to reply."""
    task = "\n\n".join(read_text(path) for path in sorted((folder / ".docs").glob("i*.md"))).strip()
    task += _BESIDE.format(files=_blocks(shown)) if shown else ""
    if len(stubs) > 1:
        return _SEVERAL.format(task=task, stubs=_blocks(stubs))
    ((path, stub),) = stubs.items()
    return _REQUEST.format(task=task, path=path, stub=stub.rstrip())


def _blocks(files: Mapping[str, str]) -> str:
    """Files as a reply is to hold them."""
    return "\n\n".join(f"{path}\n```\n{text.rstrip()}\n```" for path, text in files.items())


def _config(folder: Path) -> dict[str, list[str]]:
    path = folder / ".meta/config.json"
    try:
        files: Any = json.loads(read_text(path))["files"]
        return {name: [str(one) for one in files.get(name, [])] for name in ("solution", "test", "example", "editor")}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BenchmarkError(f"{path}: this is no exercise's configuration ({error!r}). Fetch it again.") from None


def _support(folder: Path, left_out: set[str]) -> dict[str, str]:
    """What stands beside the solution: tests, fixtures, project files; hidden folders and large files do not."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        product = path.suffix in _PRODUCTS or path.stat().st_size > _MOST_SUPPORT_BYTES
        if path.is_file() and not hidden and name not in left_out and not product:
            found[name] = read_text(path)
    return found
