"""GSM8K: grade-school word problems (Cobbe et al. 2021, https://arxiv.org/abs/2110.14168; data MIT).

Graded by number. The reference grader (openai/grade-school-math, `dataset.py`) compares strings after `####` and so
marks "20.00" wrong where the answer is 20; `reference_answer` keeps its rule for comparison.
"""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cached_property
from pathlib import Path

from understudy.answer import Answer
from understudy.problem import Message, Options, Problem, Reply
from understudy_harness.benchmarks.data import Record, read_records
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_GOLD = re.compile(r"#### (\-?[0-9\.\,]+)")
_REQUEST = "\n\nThe last line is `Answer: number`."
_DIGITS = r"(?<!\d)\d{1,3}(?:(?:,|\{,\}|\\,|[\u00a0\u2009\u202f])\d{3})+|(?<!\d)\d+"
_NUMBER = rf"(?:[-+\u2212](?:\\?[$€£])?)?(?:(?:{_DIGITS})(?:\.\d+)?|(?<![\d.])\.\d+)(?:[eE][-+]?\d{{1,2}})?"
_MARK = r"(?:####|\banswer(?:\s+is)?\s*[:=]|\banswer\s+is\b|\\boxed\s*\{)[\s*_`({\[\\$€£]*"
READ = (  # the last number that a mark names and that is alone on its line; else the last number of the text
    rf"(?i)\A(?:[\s\S]*{_MARK}(?={_NUMBER}[^\d\n]*(?:\n|\Z))|[\s\S]*?(?={_NUMBER}(?!\D*\d)))({_NUMBER})"
)
_MINUS = str.maketrans("\u2212", "-")
_MOST_DIGITS = 60  # a longer "number" is a loop of the model, and comparing it costs time


@dataclass(frozen=True)
class Gsm8k:
    """The test split of GSM8K, from a file of JSON lines."""

    name: str
    path: Path

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="none",
            grade="the number equals the answer, as a number",
            cluster="the sample itself",
            reply="the number after the last `####`, `Answer:` or `\\boxed{`, alone on its line; else the last number",
            source=f"GSM8K (Cobbe et al. 2021, MIT), {self.path.name}",
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        return tuple(_sample(record) for record in read_records(self.path))

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split in the file's order."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Compare two numbers; an answer without one is malformed."""
        if answer.value is None:
            return Grade(score=0.0, word="malformed", detail="The reply holds no number.")
        right = same_number(answer.value, sample.hidden["value"])
        return Grade(score=float(right), word="right" if right else "wrong", detail=f"read {answer.value!r}")


def open_gsm8k(spec: Spec) -> Gsm8k:
    """Open a file of GSM8K."""
    return Gsm8k(spec.text, spec.data())


def gold(text: str) -> str | None:
    """The number after `####` in a reference answer, without its thousands commas."""
    match = _GOLD.search(text)
    return match.group(1).replace(",", "") if match else None


def reference_answer(completion: str, answer: str) -> bool:
    """What the reference grader says: string equality of what follows the first `####`."""
    found = gold(completion)
    return found is not None and found == gold(answer)


def number(text: str) -> Decimal | None:
    """Read a number as people write it: "$1,234.50", "20.00", "50%", "-3."; None when it is none."""
    plain = text.strip().translate(_MINUS).strip("$€£%*`+ ")
    plain = re.sub(r"(?<=\d)(?:,|\{,\}|\\,|[\u00a0\u2009\u202f])(?=\d)", "", plain).rstrip(".").lstrip("$€£\\")
    if (
        not plain
        or len(plain) > _MOST_DIGITS
        or not re.fullmatch(r"-?\\?[$€£]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,2})?", plain, re.I)
    ):
        return None
    try:
        return Decimal(re.sub(r"[\\$€£]", "", plain))
    except InvalidOperation:
        return None


def same_number(left: str, right: str) -> bool:
    """Whether both texts are the same number; text that is no number equals nothing."""
    one, other = number(left), number(right)
    return one is not None and one == other


def _sample(record: Record) -> Sample:
    question, answer = record.get("question", str), record.get("answer", str)
    value = gold(answer)
    if value is None or number(value) is None:
        record.broken("the answer does not end in '#### NUMBER'")
    return Sample(
        id=f"gsm8k/{record.line}",
        problem=Problem(
            messages=(Message(role="user", content=question.strip() + _REQUEST),),
            reply=Reply(kind="value", pattern=READ),
            options=Options(max_tokens=512),
        ),
        cluster=f"gsm8k/{record.line}",
        hidden={"value": value},
    )
