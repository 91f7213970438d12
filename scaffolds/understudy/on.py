"""Let another role's model answer."""

from understudy.answer import Answer
from understudy.context import Context
from understudy.problem import Problem
from understudy.scaffold import Scaffold, scaffold


@scaffold
class On:
    """Run `inner` with the model that is bound to `role`."""

    role: str
    inner: Scaffold

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        return await self.inner(problem, context.on(self.role))
