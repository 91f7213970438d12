"""Questions about what changed between two installed versions of a package: `libraries:PACKAGE=OLD,NEW`.

They measure current knowledge: whoever remembers the older version is wrong. OLD and NEW are environments or
site-packages folders; the packages are read and never imported. The model answers with a function, which is run, so
that `["a", "b"]` and `list(("a", "b"))` are the same answer. The problem names the newer version, so that the docs
server can be asked about it.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from understudy.answer import Answer
from understudy.problem import Form, Message, Options, Problem, Reply
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.signatures import Change, Kind, Package, changes, read_package
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_QUESTIONS: dict[Kind, str] = {
    "default": "What is the default value of the parameter `{parameter}` of `{function}` in {package} {version}?",
    "added": "Which parameters has `{function}` in {package} {version} that it did not have in {older}? Give a list.",
    "removed": "Which parameters of `{function}` in {package} {older} are gone in {version}? Give a list.",
    "parameters": "Which parameters does `{function}` take in {package} {version}, in order? Give a list of names.",
}
_REQUEST = "\n\nReply with a Python function `answer()` that returns it, in one code block."
_ORDERED: tuple[Kind, ...] = ("default", "parameters")


@dataclass(frozen=True)
class Libraries:
    """The changes of one package as questions."""

    name: str
    package: str
    old: Path
    new: Path

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        before, after = self._versions
        return Statement(
            check="form: the reply holds code",
            grade="the returned value, in a second testing process",
            cluster="the function that changed",
            reply="the last code block",
            source=f"{self.package} {before.version} against {after.version}, as installed",
        )

    @cached_property
    def _versions(self) -> tuple[Package, Package]:
        before, after = read_package(self.package, self.old), read_package(self.package, self.new)
        if before.version == after.version:
            raise BenchmarkError(f"Both folders hold {self.package} {after.version}. Give two different versions.")
        return before, after

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        before, after = self._versions
        found = tuple(_sample(change, before, after) for change in changes(before, after))
        if not found:
            raise BenchmarkError(f"No signature changed between {self.package} {before.version} and {after.version}.")
        return found

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the questions of a split in the order of the functions' names."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run `answer()` and compare what it returns."""
        return await grade_code(sample, answer, grader)


def open_libraries(spec: Spec) -> Libraries:
    """Open `libraries:PACKAGE=OLD,NEW`.

    Raises:
        BenchmarkError: It is not of that form.
    """
    package, equals, folders = spec.text.partition(":")[2].partition("=")
    old, comma, new = folders.partition(",")
    if not (package and equals and old and comma and new):
        raise BenchmarkError(f"{spec.text!r} is not libraries:PACKAGE=OLD,NEW with two environments or site-packages.")
    return Libraries(spec.text, package, Path(old), Path(new))


def _sample(change: Change, before: Package, after: Package) -> Sample:
    question = _QUESTIONS[change.kind].format(
        parameter=change.parameter,
        function=change.function,
        package=after.name,
        version=after.version,
        older=before.version,
    )
    identifier = " ".join(part for part in (change.kind, change.function, change.parameter) if part)
    found = "answer()" if change.kind in _ORDERED else "sorted(answer())"
    value = change.value if change.kind in _ORDERED else f"sorted({change.value})"
    test = f"from solution import answer\n\n\ndef test_answer():\n    assert {found} == {value}\n"
    return Sample(
        id=identifier,
        problem=Problem(
            messages=(Message(role="user", content=question + _REQUEST),),
            check=Form(),
            reply=Reply(kind="code"),
            libraries=(f"{after.name}=={after.version}",),
            options=Options(max_tokens=512),
        ),
        cluster=change.function,
        hidden=hidden_tests({"test_hidden.py": test}, values=True),
        category=change.kind,
    )
