"""MBPP (Austin et al. 2021, https://arxiv.org/abs/2108.07732; CC BY 4.0), full and sanitized, and MBPP+ (EvalPlus).

The prompt shows the asserts, since only they name the function. Plain MBPP is graded by the same asserts, so its rows
say `check = grade`; MBPP+ grades by EvalPlus' inputs. The order is that of the reference: the candidate's code, then
the task's set-up code, which may use it, then the asserts.
"""

import ast
import importlib.util
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from textwrap import indent
from typing import Any

from understudy.answer import Answer
from understudy.problem import Message, Options, Problem, Reply, Tests
from understudy_harness.benchmarks.code import grade_code, hidden_tests
from understudy_harness.benchmarks.data import Record, read_records
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_REQUEST = (
    "{text}\n\nYour code must pass these tests:\n\n```python\n{tests}\n```\n\nReply with the code in one code block."
)
# The inputs of 255 need 2.3 GB and those of 599 a minute; EvalPlus itself allows 4 GB.
_PLUS_LIMITS: dict[str, Any] = {"timeout_s": 120.0, "memory_mb": 4096}
_OFFICIAL = {"test": range(11, 511), "dev": range(511, 601)}  # the paper's test and validation splits


@dataclass(frozen=True)
class Mbpp:
    """A file of MBPP, of its sanitized subset, or of MBPP+ in the original's format."""

    name: str
    path: Path
    plus: bool

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="the asserts that the prompt shows",
            grade=f"{'EvalPlus inputs' if self.plus else 'the same asserts'}, in a second testing process",
            cluster="the sample itself",
            reply="the last code block",
            source="MBPP+ (EvalPlus, Apache-2.0)" if self.plus else "MBPP (Austin et al. 2021, CC BY 4.0)",
            check_is_grade=not self.plus,
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        if self.plus and importlib.util.find_spec("numpy") is None:
            raise BenchmarkError("The tests of mbpp+ import numpy. Install it: pip install 'understudy[harness]'.")
        return tuple(_sample(record, self.plus) for record in read_records(self.path))

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the paper's test or validation split; MBPP+, which has none, is split by a hash."""
        if self.plus:
            return split_by_cluster(self._all, split)
        return tuple(s for s in self._all if split == "all" or int(s.id.partition("/")[2]) in _OFFICIAL[split])

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Run the hidden tests on the answer."""
        return await grade_code(sample, answer, grader)


def open_mbpp(spec: Spec) -> Mbpp:
    """Open a file of MBPP or MBPP+."""
    return Mbpp(spec.text, spec.data(), spec.name.endswith("+"))


def asserts_source(asserts: list[str], names: list[str], setup: str = "", imports: list[str] | None = None) -> str:
    """Asserts as a test file: imports, the candidate's names, the set-up code, one test per assert."""
    parts = ["\n".join(imports or []), f"from solution import {', '.join(names)}", setup]
    parts += [f"def test_{number}():\n{indent(text.strip(), '    ')}\n" for number, text in enumerate(asserts, start=1)]
    return "\n\n".join(part for part in parts if part.strip()) + "\n"


def candidate_names(tests: str, reference: str) -> list[str]:
    """What tests need from a candidate: the names they use that the reference solution defines, sorted.

    Raises:
        SyntaxError: One of both is not Python, or the tests use nothing of the reference.
    """
    defined = {node.name for node in ast.parse(reference).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    names = sorted(defined & {node.id for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Name)})
    if not names:
        raise SyntaxError("they use nothing that the reference solution defines")
    return names


def borrowed_imports(tests: str, reference: str) -> list[str]:
    """The reference's own imports of names that the tests use: both share a namespace in the original harness."""
    used = {node.id for node in ast.walk(ast.parse(tests)) if isinstance(node, ast.Name)}
    imports = [node for node in ast.parse(reference).body if isinstance(node, ast.Import | ast.ImportFrom)]
    return [
        ast.unparse(node)
        for node in imports
        if used & {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    ]


def script_source(script: str, names: list[str]) -> str:
    """A test script of EvalPlus as a test file: what follows its data becomes one test.

    Raises:
        SyntaxError: It is not Python, or it holds no loop over inputs.
    """
    loops = [node.lineno for node in ast.parse(script).body if isinstance(node, ast.For)]
    if not loops:
        raise SyntaxError("they hold no loop over inputs")
    lines = script.split("\n")
    before, body = "\n".join(lines[: loops[0] - 1]), "\n".join(lines[loops[0] - 1 :])
    return f"{before}\n\nfrom solution import {', '.join(names)}\n\n\ndef test_inputs():\n{indent(body, '    ')}\n"


def _sample(record: Record, plus: bool) -> Sample:
    number = record.get("task_id", int) if isinstance(record.fields.get("task_id"), int) else -1
    if number < 0 or "plus_input" in record.fields:
        record.broken("this is not MBPP's format; for MBPP+ give the file whose name ends in OriginFmt.jsonl.gz")
    text = record.get("text" if "text" in record.fields else "prompt", str)
    asserts, setup = record.texts("test_list"), record.get("test_setup_code", str, "").replace("\r\n", "\n")
    imports = record.texts("test_imports", [])
    more, code = asserts + record.texts("challenge_test_list", []), record.get("code", str)
    try:
        names = candidate_names("\n".join([setup, *more]), code)
        imports = [*imports, *borrowed_imports("\n".join([setup, *more]), code)]
        visible = asserts_source(asserts, names, setup, imports)
        hidden = script_source(record.get("test", str), names) if plus else asserts_source(more, names, setup, imports)
    except SyntaxError as error:
        record.broken(f"its tests cannot be used ({error.msg})")
    files = {"test_hidden.py": hidden}
    return Sample(
        id=f"mbpp/{number}",
        problem=Problem(
            messages=(Message(role="user", content=_REQUEST.format(text=text.strip(), tests="\n".join(asserts))),),
            check=Tests(files={"test_asserts.py": visible}, values=True),
            reply=Reply(kind="code"),
            options=Options(max_tokens=1024),
        ),
        cluster=f"mbpp/{number}",
        hidden=hidden_tests(files, values=True, **(_PLUS_LIMITS if plus else {})),
    )
