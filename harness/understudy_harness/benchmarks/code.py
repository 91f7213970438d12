"""Grade code by its hidden tests, in the second testing process."""

from collections.abc import Iterable, Mapping
from typing import Any

from understudy.answer import Answer
from understudy.errors import ServerError
from understudy.problem import Tests
from understudy_harness.sample import Grade, Grader, Sample

# By which the testing server knows the other languages.
_MANIFESTS = ("package.json", "Cargo.toml", "go.mod", "CMakeLists.txt", "build.gradle", "pom.xml")


def hidden_tests(
    files: Mapping[str, str],
    *,
    protected: Iterable[str] | None = None,
    values: bool = False,
    timeout_s: float = 10.0,
    memory_mb: int = 1024,
    framework: str = "pytest",
) -> dict[str, Any]:
    """The hidden part of a sample that `grade_code` reads: test files by path, and how to run them.

    Args:
        files: The tests and whatever they import from a trusted copy. An answer that writes one of them is tampered.
        protected: Those of them that an answer may not write; None: all.
        values: The tests only compare plain values, so that candidate and tests can be kept in two sandboxes.
        timeout_s: Wall time for all tests of one answer, in seconds.
        memory_mb: Memory that they may take, in MiB; the grading server is started with the most that is needed.
        framework: As the testing server names it.
    """
    return {
        "tests": dict(files),
        **({} if protected is None else {"protected": tuple(protected)}),
        "values": values,
        "timeout_s": timeout_s,
        "memory_mb": memory_mb,
        "framework": framework,
    }


async def grade_code(sample: Sample, answer: Answer, grader: Grader) -> Grade:
    """Run a sample's hidden tests on the files of an answer; an answer without code is malformed and nothing runs.

    Raises:
        ServerError: The grading server failed or found no test to run, which says nothing about the answer.
    """
    if not any(text.strip() for text in answer.files.values()):
        return Grade(score=0.0, word="malformed", detail="The reply holds no code.")
    hidden = sample.hidden
    tests = Tests(
        files=hidden["tests"],
        protected=tuple(hidden.get("protected", hidden["tests"])),
        framework=hidden["framework"],
        timeout_s=hidden["timeout_s"],
        values=hidden["values"],
    )
    grade = await grader.grade(sample, answer, tests)
    if grade.word == "no_tests" and not tests.files.keys().isdisjoint(_MANIFESTS):
        # Which tests there are is known beforehand in Python only; elsewhere code that ends the process hides them all.
        return Grade(score=0.0, word="aborted", detail="The process ended before any test was reported.")
    if grade.word == "no_tests":
        raise ServerError(f"The grading server found no test of {sample.id!r} to run.", server="grader")
    return grade
