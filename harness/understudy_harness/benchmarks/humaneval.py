"""HumanEval (Chen et al. 2021, https://arxiv.org/abs/2107.03374; data MIT) and HumanEval+ (EvalPlus, Apache-2.0).

The loop sees the docstring's examples; the grade is the benchmark's `check(candidate)` in a second testing process.
As in the reference harness a reply may hold the whole function or only its body: the prompt stands before it. Helper
functions that the prompt gives are taken by the tests from a trusted copy, never from the candidate.
"""

import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from understudy.answer import Answer
from understudy.problem import Check, Form, Message, Options, Problem, Reply, Tests
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import Record, read_records
from understudy_harness.benchmarks.examples import Example, examples, examples_source
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

# Examples that the reference solution itself fails: wrong in the data, so a loop must not be judged by them.
WRONG_EXAMPLES = {
    "HumanEval/47": ("15.0",),
    "HumanEval/116": ("[1, 2, 3, 4, 5]", "[-6, -5, -4, -3, -2]"),
    "HumanEval/130": ("3",),
    "HumanEval/148": ('("Venus")',),
}
# EvalPlus' file calls the polynomial of find_zero with its arguments exchanged, so that its own solution fails.
WRONG_TEST = ("_poly(*candidate(*inp), inp) <= ", "abs(_poly(*inp, candidate(*inp))) <= ")
_REQUEST = "Complete this Python function. Reply with the whole function in one code block.\n\n```python\n{prompt}\n```"
_TIMEOUT_S = {False: 5.0, True: 60.0}  # the reference allows 3 s on an idle machine; EvalPlus has thousands of inputs


@dataclass(frozen=True)
class HumanEval:
    """A file of HumanEval, or of HumanEval+ in the original's format."""

    name: str
    path: Path
    plus: bool

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="the examples in the docstring; form only where there are none",
            grade=f"{'HumanEval+' if self.plus else 'HumanEval'} tests in a second testing process",
            cluster="the sample itself",
            reply="the last code block, after the prompt's own code",
            source="HumanEval+ (EvalPlus, Apache-2.0)" if self.plus else "HumanEval (Chen et al. 2021, MIT)",
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        if self.plus and importlib.util.find_spec("numpy") is None:
            raise BenchmarkError("The tests of humaneval+ import numpy. Install it: pip install 'understudy[harness]'.")
        return tuple(_sample(record, self.plus) for record in read_records(self.path))

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split in the file's order."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run `check(candidate)` on the answer."""
        return await grade_code(sample, answer, grader)


def open_humaneval(spec: Spec) -> HumanEval:
    """Open a file of HumanEval or HumanEval+."""
    return HumanEval(spec.text, spec.data(), spec.name.endswith("+"))


def preamble(prompt: str, function: str) -> str:
    """What the prompt gives before the function: its imports and helper functions."""
    return prompt.partition(f"def {function}(")[0]


def visible_examples(task_id: str, prompt: str, function: str) -> tuple[Example, ...]:
    """The docstring's examples, without those that are wrong in the data."""
    own = prompt[len(preamble(prompt, function)) :]
    return tuple(e for e in examples(own, function) if e.expected not in WRONG_EXAMPLES.get(task_id, ()))


def _sample(record: Record, plus: bool) -> Sample:
    task_id, prompt, function = (record.get(name, str) for name in ("task_id", "prompt", "entry_point"))
    if "plus_input" in record.fields:
        record.broken("this is EvalPlus' own format; give the file whose name ends in OriginFmt.jsonl.gz")
    test = record.get("test", str).replace(*WRONG_TEST)
    if f"def {function}(" not in prompt or "def check(" not in test:
        record.broken(f"the prompt does not define {function!r} or the test does not define 'check'")
    given = preamble(prompt, function)
    found = visible_examples(task_id, prompt, function)
    check: Check = Form()
    if found:
        check = Tests(files={"test_examples.py": f"{given}\n{examples_source(function, found)}"}, values=True)
    hidden = f"{given}\nfrom solution import {function}\n\n{test}\n\n\ndef test_hidden():\n    check({function})\n"
    return Sample(
        id=task_id,
        problem=Problem(
            messages=(Message(role="user", content=_REQUEST.format(prompt=prompt.strip("\n"))),),
            check=check,
            reply=Reply(kind="code", before=prompt),
            options=Options(max_tokens=1024),
        ),
        cluster=task_id,
        hidden=hidden_tests({"test_hidden.py": hidden}, values=True, timeout_s=_TIMEOUT_S[plus]),
    )
