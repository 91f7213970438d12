"""Let the model write a program for the answer, and commit to it only if it passes what can be seen.

Program of thoughts, Chen et al. 2022 (https://arxiv.org/abs/2211.12588), with the gate that made it safe for a 4B
model: 138 to 156 of 250 tasks, 18 recovered, none lost (https://frontiercheckpoint.com/essays/what-a-4b-model-can-do/).
"""

import ast
from dataclasses import KW_ONLY, replace
from typing import ClassVar

from understudy.answer import Answer
from understudy.checks import SERVER
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded, MissingCheck, ServerError
from understudy.problem import Form, Problem, Reply, Tests
from understudy.prompts.roles import write_program
from understudy.reply import value_in
from understudy.scaffold import Scaffold, scaffold

FILE = "solution.py"
UNKNOWN = "the value is not known yet"
RUN = f"from solution import solve\n\n\ndef test_value():\n    assert solve() == {UNKNOWN!r}\n"
"""Runs a program in the testing server's sandbox: the test fails, and the failure names what `solve()` returned."""


@scaffold
class Program:
    """Ask `writer` for a program; where it fails the gate, `inner` answers as if nothing had happened.

    For a problem that asks for code the program is the answer and the visible tests are the gate. For any other, the
    program is `solve()`, run by the testing server, and what it returns is the answer; the gate is that it runs and
    returns a plain value, and that the answer passes the problem's own check, if it has one.
    """

    inner: Scaffold = Direct()
    writer: Scaffold = Direct()
    _: KW_ONLY
    tries: int = 1
    temperature: float = 0.8
    server: ClassVar[str] = SERVER

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ValueError(f"Program needs at least 1 try, not {self.tries!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        wants_code = problem.reply.kind in ("code", "files")
        if wants_code and problem.check is None:
            raise MissingCheck("Program")
        if not wants_code and SERVER not in context.servers:
            raise ServerError(
                "Program runs what the model writes in the testing server. Add servers={'testing': 'understudy serve "
                "testing'}.",
                server=SERVER,
            )
        for index in range(self.tries):
            here = context.at(f"program/{index}").drawing(self.temperature if index else None)
            try:
                answer = await (self._coded(problem, here) if wants_code else self._computed(problem, here))
            except BudgetExceeded:
                break
            if answer is not None:
                return answer
            here.note("the program failed the gate")
        return await self.inner(problem, context.at("inner"))

    async def _coded(self, problem: Problem, here: Context) -> Answer | None:
        answer = await self.writer(problem, here)
        verdict = answer.verdict or await here.check(problem, answer)
        return replace(answer, verdict=verdict) if verdict.accepted else None

    async def _computed(self, problem: Problem, here: Context) -> Answer | None:
        asked = replace(
            problem,
            messages=write_program(problem.messages),
            tools=(),
            check=Tests(files={"test_value.py": RUN}),
            reply=Reply(kind="code", path=FILE),
        )
        written = await self.writer(replace(asked, check=None), here)
        verdict = await here.check(asked, written)
        value = _returned(verdict.failures[0].actual) if verdict.failures else None
        if value is None:
            return None
        text = f"Answer: {value}"
        found = value_in(text, problem.reply.pattern) if problem.reply.kind == "value" else None
        answer = Answer(text=text if found is not None and problem.reply.pattern else value, value=found)
        if problem.reply.kind == "value" and found is None:
            answer = replace(answer, value=value)
        if isinstance(problem.check, Form):
            judged = await here.check(problem, answer)
            return replace(answer, verdict=judged) if judged.accepted else None
        return answer


def _returned(shown: str) -> str | None:
    """Read what a failed comparison shows of a value; None where that is no plain number or text."""
    try:
        value = ast.literal_eval(shown.strip())
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    if value is None or isinstance(value, bool) or value == UNKNOWN:
        return None if value is None or value == UNKNOWN else str(value)
    return str(value) if isinstance(value, int | float | str) else None
