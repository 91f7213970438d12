"""Let the model criticize and correct its own answer, without any new information: the control that is expected to
fail.

Self-Refine, Madaan et al. 2023 (https://arxiv.org/abs/2303.17651). Without an external signal it tends to make right
answers wrong: Huang et al. 2023 (https://arxiv.org/abs/2310.01798). A harness in which it helps should be looked at
twice.
"""

from dataclasses import KW_ONLY, replace

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded
from understudy.problem import Problem
from understudy.prompts.roles import critique, revise, side_question
from understudy.retry import written
from understudy.scaffold import Scaffold, scaffold


@scaffold
class SelfRefine:
    """Answer, criticize, revise, `rounds` times over. The visible check is not asked."""

    inner: Scaffold = Direct()
    _: KW_ONLY
    rounds: int = 1

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"SelfRefine needs at least 1 round, not {self.rounds!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        answer = await self.inner(problem, context.at("first"))
        for index in range(self.rounds):
            try:
                answer = await self._refined(problem, context.at(f"refine/{index}"), written(problem, answer))
            except BudgetExceeded:
                return replace(answer, stopped="budget")
        return answer

    async def _refined(self, problem: Problem, here: Context, first: str) -> Answer:
        asked = side_question(problem, critique(problem.messages, first))
        remarks = (await self.inner(asked, here.at("critique"))).text
        return await self.inner(replace(problem, messages=revise(problem.messages, first, remarks)), here.at("revise"))
