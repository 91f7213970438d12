"""Draw several answers and keep the best one: by the visible check, or by a judge.

Repeated sampling, Brown et al. 2024 (https://arxiv.org/abs/2407.21787); with a check that can be fooled no number of
draws lifts the share of right ones above p / (p + f), Stroebl et al. 2024 (https://arxiv.org/abs/2411.17501).
"""

from collections.abc import Sequence
from dataclasses import KW_ONLY, replace
from functools import partial

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded, MissingCheck
from understudy.problem import Problem
from understudy.prompts.roles import choice_in, choose, side_question
from understudy.retry import written
from understudy.scaffold import Scaffold, scaffold
from understudy.together import draw_together


@scaffold
class BestOf:
    """Draw `n` answers at once; the first that the check accepts wins, else the one that passed the most tests.

    With a `judge` (a scaffold that is shown all candidates and names one) no check is needed; where there is one, the
    judge chooses among the accepted answers. Candidates are shown in a random order, since judges prefer the first.
    """

    inner: Scaffold = Direct()
    judge: Scaffold | None = None
    _: KW_ONLY
    n: int = 5
    temperature: float = 0.8

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"BestOf needs n of at least 1, not {self.n!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        if problem.check is None and self.judge is None:
            raise MissingCheck("BestOf", ", or give it a judge: BestOf(Direct(), On('cloud', Direct()))")
        drawing = context.drawing(self.temperature)
        draws = [partial(self._draw, problem, drawing.at(f"best/{index}")) for index in range(self.n)]
        answers, refused = await draw_together(draws)
        answer = await self._best(problem, context, answers)
        return replace(answer, stopped="budget") if refused else answer

    async def _draw(self, problem: Problem, here: Context) -> Answer:
        answer = await self.inner(problem, here)
        if problem.check is None or answer.verdict is not None:
            return answer
        try:
            return replace(answer, verdict=await here.check(problem, answer))
        except BudgetExceeded:  # the time was up: an answer that nobody looked at is better than none
            return replace(answer, stopped="budget")

    async def _best(self, problem: Problem, context: Context, answers: Sequence[Answer]) -> Answer:
        accepted = [answer for answer in answers if answer.verdict is not None and answer.verdict.accepted]
        candidates = accepted or list(answers)
        if self.judge is not None and len(candidates) > 1:
            return await self._judged(self.judge, problem, context, candidates)
        return max(candidates, key=lambda answer: answer.verdict.passed if answer.verdict else 0)

    async def _judged(
        self, judge: Scaffold, problem: Problem, context: Context, candidates: Sequence[Answer]
    ) -> Answer:
        shown = list(candidates)
        context.random().shuffle(shown)
        asked = choose(problem.messages, [written(problem, answer) for answer in shown])
        try:
            opinion = await judge(side_question(problem, asked), context.at("judge"))
        except BudgetExceeded:
            return replace(candidates[0], stopped="budget")
        chosen = choice_in(opinion.text, len(shown))
        if chosen is None:
            context.note("the judge named no candidate", text=opinion.text)
            return candidates[0]
        return shown[chosen]
