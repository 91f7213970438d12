"""Try again until the visible check accepts.

The Ralph loop (https://ghuntley.com/ralph/) with its reported failures repaired: every try starts from a fresh context,
a check decides instead of the model's own word, tries differ, and the loop ends by itself.
"""

from dataclasses import KW_ONLY, replace
from typing import Literal

from understudy.answer import Answer, Failure, Verdict
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded, MissingCheck
from understudy.problem import Message, Problem
from understudy.prompts import v1
from understudy.reply import answer_key, canonical_calls
from understudy.scaffold import Scaffold, scaffold


@scaffold
class Retry:
    """Ask up to `tries` times; the first answer that the check accepts is the answer.

    The first try is what `inner` does by itself; later ones sample at `temperature`. Each sees the problem and, by
    `show`, what failed in the try before and the refused answer: never a growing conversation. An answer that was
    refused is not checked again, but its try counts; after `stale` tries in a row that brought nothing new the loop
    ends (0: never). When nothing was accepted, the answer that passed the most tests is returned, the first of equals.
    """

    inner: Scaffold = Direct()
    _: KW_ONLY
    tries: int = 5
    show: Literal["both", "failures", "answer", "nothing"] = "both"
    temperature: float = 0.8
    stale: int = 3

    def __post_init__(self) -> None:
        if self.tries < 1:
            raise ValueError(f"Retry needs at least 1 try, not {self.tries!r}.")
        if self.stale < 0:
            raise ValueError(f"Retry needs stale of 0 (never) or more, not {self.stale!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        if problem.check is None:
            raise MissingCheck("Retry")
        best: Answer | None = None
        last: Answer | None = None
        refused: dict[str, Verdict] = {}
        idle = 0
        for index in range(self.tries):
            here = context.at(f"try/{index}").drawing(self.temperature if index else None)
            try:
                answer = await self.inner(self._again(problem, last), here)
                answer, is_new = await self._checked(problem, answer, here, refused)
            except BudgetExceeded:
                if best is None:
                    raise
                return replace(best, stopped="budget")
            assert answer.verdict is not None
            if answer.verdict.accepted:
                return answer
            if answer.verdict.word == "no_tests":
                return replace(answer, stopped="no_tests")  # no answer can pass what does not exist
            best, last = _better(best, answer), answer
            idle = 0 if is_new else idle + 1
            if self.stale and idle >= self.stale:
                return replace(best, stopped="stale")
        assert best is not None
        return replace(best, stopped="tries")

    async def _checked(
        self, problem: Problem, answer: Answer, here: Context, refused: dict[str, Verdict]
    ) -> tuple[Answer, bool]:
        """Give the answer its verdict, and say whether it is new."""
        key = answer_key(answer)
        if key in refused:
            here.note("refused before", word=refused[key].word)
            return replace(answer, verdict=refused[key]), False
        verdict = answer.verdict or await here.check(problem, answer)
        refused[key] = verdict
        return replace(answer, verdict=verdict), True

    def _again(self, problem: Problem, last: Answer | None) -> Problem:
        if last is None or self.show == "nothing":
            return problem
        return replace(problem, messages=retry_messages(problem, last, self.show))


def retry_messages(
    problem: Problem, last: Answer, show: Literal["both", "failures", "answer"] = "both"
) -> tuple[Message, ...]:
    """The problem's messages, and what its last answer was and did wrong."""
    failures: tuple[Failure, ...] = ()
    if show != "answer" and last.verdict is not None:
        failures = last.verdict.failures
        if not failures and last.verdict.feedback:
            failures = (Failure(error=last.verdict.feedback),)
    return v1.retry(problem.messages, failures, None if show == "failures" else written(problem, last))


def written(problem: Problem, answer: Answer) -> str:
    """An answer as it would stand in a message: its code, its calls, or its text."""
    if problem.reply.kind == "code" and problem.reply.path in answer.files:
        return answer.files[problem.reply.path]
    return answer.text or (canonical_calls(answer.tool_calls) if answer.tool_calls else "")


def _better(best: Answer | None, answer: Answer) -> Answer:
    if best is None or best.verdict is None or answer.verdict is None:
        return answer
    return answer if answer.verdict.passed > best.verdict.passed else best
