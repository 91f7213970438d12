"""Try the cheap way first; go to the dear one only when a check refuses the answer or the votes disagree.

Agreement-based cascading, Kolawole et al. 2024 (https://arxiv.org/abs/2407.02348), with the visible check as a second
signal.
"""

from dataclasses import KW_ONLY, replace

from understudy.answer import Answer
from understudy.context import Context
from understudy.errors import BudgetExceeded, MissingCheck
from understudy.problem import Problem
from understudy.scaffold import Scaffold, contains, scaffold
from understudy.vote import Vote


@scaffold
class Escalate:
    """Answer by `first`; when its answer is refused, or fewer than `agreement` of its votes agree, answer by `to`.

    An exception is no signal: a model that cannot be reached is an error of the run, not a hard problem.
    """

    first: Scaffold
    to: Scaffold
    _: KW_ONLY
    agreement: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.agreement <= 1:
            raise ValueError(f"Escalate needs an agreement from 0 to 1, not {self.agreement!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        if problem.check is None and not contains(self.first, Vote):
            raise MissingCheck("Escalate", ", or put a Vote inside, whose agreement decides")
        answer = await self.first(problem, context.at("first"))
        if answer.verdict is None and problem.check is not None:
            answer = replace(answer, verdict=await context.at("first").check(problem, answer))
        reason = self._reason(answer)
        if reason is None:
            return answer
        context.note("escalate", reason=reason)
        try:
            return await self.to(problem, context.at("to"))
        except BudgetExceeded:
            return replace(answer, stopped="budget")

    def _reason(self, answer: Answer) -> str | None:
        if answer.verdict is not None and not answer.verdict.accepted:
            return f"the check says {answer.verdict.word}"
        if answer.agreement is not None and answer.agreement < self.agreement:
            return f"only {answer.agreement:.0%} of the votes agree"
        return None
