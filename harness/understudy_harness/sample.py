"""What is measured: samples, the benchmark that holds them, and the door to hidden grading.

A sample is a problem, a hidden grade and a cluster. Scaffolds get the problem only. A benchmark is any object with the
attributes of `Benchmark`; `understudy_harness.benchmarks.open_benchmark(spec)` finds one by name or path.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, Protocol

from understudy import checks
from understudy.answer import Answer, Verdict
from understudy.context import Server
from understudy.errors import ServerError
from understudy.problem import Problem, Tests

Split = Literal["dev", "test", "all"]
DEV_SHARE = 0.3  # of the clusters, where a benchmark brings no split of its own


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One item of a benchmark."""

    id: str
    """Unique in the benchmark, and stable: pairing across arms and runs goes by it."""
    problem: Problem
    cluster: str
    """Samples that share a source (a template, a library, a document) share a cluster."""
    hidden: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """What grading needs and no scaffold ever sees: JSON only, such as {"tests": {path: text}} or {"value": "42"}."""
    category: str = ""
    """Part of the benchmark that the report may show apart, such as "parallel"."""


@dataclass(frozen=True, kw_only=True)
class Grade:
    """The hidden grade of one answer."""

    score: float
    """From 0 to 1."""
    word: str
    """Why, in a word that the report counts: "right", "wrong", "failed", "timeout", "tampered", "malformed" …"""
    detail: str = ""
    """One or two sentences for a reader of the transcript."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"a score of {self.score!r} is not between 0 and 1; scale it in the benchmark's grader")


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What a benchmark measures and how, in phrases that the report prints."""

    check: str
    """The visible check: "the examples in the docstring"; "none"."""
    grade: str
    """The hidden grade: "HumanEval+ tests in a second testing process"."""
    cluster: str
    """What samples of one cluster share: "the sample itself"; "the template"."""
    reply: str
    """How a text becomes an answer, the same in every arm: "the last fenced code block"."""
    source: str = ""
    """Where the data came from, with its licence."""
    check_is_grade: bool = False
    """The loop saw the tests that grade it: rows and report say `check = grade`."""
    fixture: bool = False
    """The bundled models were trained for these tasks: every page of a report says that gains are by design."""


class Benchmark(Protocol):
    """Samples with one rule of grading."""

    @property
    def name(self) -> str:
        """The spec that opens the same benchmark again, on this machine or another one."""

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""

    def samples(self, split: Split) -> Sequence[Sample]:
        """Return the samples of a split, always in the same order.

        Raises:
            BenchmarkError: The data is missing or a line of it is broken; the message names file and line.
        """

    async def grade(self, sample: Sample, answer: Answer, grader: "Grader") -> Grade:
        """Grade an answer by the hidden rule. Code runs only through `grader`.

        Raises:
            ServerError: The grader failed. That is an error of the run, never a wrong answer.
        """


class Grader:
    """The door to hidden grading: a testing server of its own, which no scaffold can reach.

    Args:
        server: A connected testing server that is in no arm's `Context`; None where no benchmark runs code.
    """

    def __init__(self, server: Server | None = None) -> None:
        self._servers: dict[str, Server] = {} if server is None else {"testing": server}

    async def run(self, sample: Sample, answer: Answer, tests: Tests) -> Verdict:
        """Run hidden tests on the answer's files and give the verdict.

        Raises:
            ServerError: No grading server is connected, or it failed.
        """
        if not self._servers:
            raise ServerError(
                f"Sample {sample.id!r} is graded by running tests and no grading server is connected. Install the "
                "testing server's requirements or run without `--no-grader`.",
                server="grader",
            )
        return await checks.run(replace(sample.problem, check=tests), answer, self._servers)

    async def grade(self, sample: Sample, answer: Answer, tests: Tests) -> Grade:
        """Run hidden tests and turn the verdict into a grade: 1 for a proved pass, else 0 with the verdict's word."""
        verdict = await self.run(sample, answer, tests)
        return Grade(score=1.0 if verdict.accepted else 0.0, word=verdict.word, detail=verdict.feedback)


def sample_hash(sample: Sample) -> str:
    """Hash everything about a sample, the hidden grade included (SHA-256, hex)."""
    text = json.dumps(asdict(sample), sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def dataset_hash(samples: Iterable[Sample]) -> str:
    """Hash a set of samples; their order does not matter (SHA-256, hex)."""
    whole = hashlib.sha256()
    for digest in sorted(sample_hash(sample) for sample in samples):
        whole.update(digest.encode())
    return whole.hexdigest()


def split_by_cluster(samples: Sequence[Sample], split: Split) -> tuple[Sample, ...]:
    """Split by a hash of the cluster, so that the samples of a cluster never stand on both sides."""
    if split == "all":
        return tuple(samples)
    return tuple(sample for sample in samples if in_dev(sample.cluster) == (split == "dev"))


def in_dev(cluster: str) -> bool:
    """Whether a cluster's samples are for choosing, not for reporting."""
    return int.from_bytes(hashlib.sha256(f"split/{cluster}".encode()).digest()[:4], "big") < DEV_SHARE * 2**32
