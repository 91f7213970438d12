"""One role plans, another works, a third validates: "the cloud plans, the local model works" is one line.

    Plan(On("cloud", Direct()), Direct(), On("cloud", Direct()))

Plan-and-solve, Wang et al. 2023 (https://arxiv.org/abs/2305.04091); the split over models is what aider calls architect
and editor (https://aider.chat/2024/09/26/architect.html).
"""

from dataclasses import KW_ONLY, replace

from understudy.answer import Answer
from understudy.context import Context
from understudy.direct import Direct
from understudy.errors import BudgetExceeded
from understudy.problem import Problem
from understudy.prompts.roles import Opinion, follow_plan, make_plan, opinion_in, side_question, validate
from understudy.retry import retry_messages, written
from understudy.scaffold import Scaffold, scaffold


@scaffold
class Plan:
    """`plan` writes a plan, `work` answers by it, and `validate`, where given, accepts or objects.

    After an objection, or a refusal of the problem's own check, `work` is asked again, up to `rounds` times in all. The
    check goes before the validator, whose word is not asked for what a check refused. A validator that says neither
    ACCEPT nor REJECT has accepted: its opinion cannot be read, and the trace says so.
    """

    plan: Scaffold = Direct()
    work: Scaffold = Direct()
    validate: Scaffold | None = None
    _: KW_ONLY
    rounds: int = 2
    temperature: float = 0.8

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ValueError(f"Plan needs at least 1 round, not {self.rounds!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        asked = side_question(problem, make_plan(problem.messages))
        plan = (await self.plan(asked, context.at("plan"))).text
        answer: Answer | None = None
        opinion = Opinion(False, "")
        for index in range(self.rounds):
            here = context.at(f"work/{index}").drawing(self.temperature if index else None)
            try:
                answer = await self._work(problem, here, plan, answer, opinion.objection)
                opinion = await self._opinion(problem, context.at(f"validate/{index}"), answer)
            except BudgetExceeded:
                if answer is None:
                    raise
                return replace(answer, stopped="budget")
            if opinion.accepted:
                return answer
        assert answer is not None
        return replace(answer, stopped="rounds") if self.validate or answer.verdict else answer

    async def _work(self, problem: Problem, here: Context, plan: str, last: Answer | None, objection: str) -> Answer:
        previous = written(problem, last) if last and objection else ""
        messages = follow_plan(problem.messages, plan, objection, previous)
        if last is not None and not objection:
            messages = retry_messages(replace(problem, messages=messages), last)
        answer = await self.work(replace(problem, messages=messages), here)
        if problem.check is not None and answer.verdict is None:
            answer = replace(answer, verdict=await here.check(problem, answer))
        return answer

    async def _opinion(self, problem: Problem, here: Context, answer: Answer) -> Opinion:
        if answer.verdict is not None and not answer.verdict.accepted:
            return Opinion(False, "")
        if self.validate is None:
            return Opinion(True, "")
        messages = validate(problem.messages, written(problem, answer))
        said = await self.validate(side_question(problem, messages), here)
        opinion = opinion_in(said.text)
        if opinion is None:
            here.note("the validator said neither ACCEPT nor REJECT", text=said.text)
        return opinion or Opinion(True, "")
