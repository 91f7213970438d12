"""Any Inspect task as a benchmark: `inspect:FILE.py@TASK`. Its samples are asked here and its scorer grades.

Opening it runs the task's own code, as `inspect eval` does, so name only tasks you trust. Scorers that need Inspect's
sandboxes or a model of their own cannot grade here, and say so. The cluster is the sample, or its metadata's `cluster`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from understudy.answer import Answer
from understudy.problem import Form, Message, Options, Problem, Role
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.inspect import load_task, messages_of, score_text
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant", "tool": "tool"}


@dataclass(frozen=True)
class InspectTask:
    """A task, loaded when its samples are asked for."""

    name: str
    task: str

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="form: the reply is not empty and not cut off",
            grade=f"the first scorer of the Inspect task {self._task.name}",
            cluster="the metadata's `cluster`, else the sample itself",
            reply="the whole text of the reply",
            source=f"Inspect task {self.task}",
        )

    @cached_property
    def _task(self) -> Any:
        return load_task(self.task)

    @cached_property
    def _samples(self) -> tuple[tuple[Sample, Any], ...]:
        found = []
        for number, item in enumerate(self._task.dataset, start=1):
            found.append((_sample(str(item.id if item.id is not None else number), item), item))
        if not found:
            raise BenchmarkError(f"The Inspect task {self.task!r} holds no sample.")
        return tuple(found)

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split in the dataset's order."""
        return split_by_cluster(tuple(sample for sample, _ in self._samples), split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Have the task's first scorer judge the text.

        Raises:
            BenchmarkError: The scorer needs what only Inspect's own runs have.
        """
        items = {known.id: item for known, item in self._samples}
        score, explanation = await score_text(self._task, items[sample.id], answer.text)
        word = "right" if score == 1 else "wrong" if score == 0 else "partly"
        return Grade(score=score, word=word, detail=explanation[:400])


def open_inspect(spec: Spec) -> InspectTask:
    """Open a task by `FILE.py@TASK` or by its registered name."""
    return InspectTask(spec.text, spec.text.partition(":")[2])


def _sample(identifier: str, item: Any) -> Sample:
    messages = tuple(Message(role=_ROLES[message.role], content=message.text) for message in messages_of(item))
    if not any(message.role == "user" for message in messages):
        raise BenchmarkError(f"Sample {identifier!r} of the Inspect task holds no user message.")
    metadata = item.metadata or {}
    return Sample(
        id=identifier,
        problem=Problem(messages=messages, check=Form(), options=Options(max_tokens=1024)),
        cluster=str(metadata.get("cluster", identifier)),
        hidden={"target": item.target},
        category=str(metadata.get("category", "")),
    )
