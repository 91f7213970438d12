"""Let the model call tools of MCP servers until it answers.

ReAct, Yao et al. 2022 (https://arxiv.org/abs/2210.03629), by native calls, with the loop breakers that users ask for
(https://github.com/google/adk-python/pull/164).
"""

from dataclasses import KW_ONLY
from typing import Literal

from understudy.answer import Answer
from understudy.context import Context
from understudy.errors import ServerError
from understudy.problem import Problem
from understudy.scaffold import scaffold
from understudy.toolloop import ToolLoop, offers_of


@scaffold
class Tools:
    """Offer the tools of `servers` (all connected ones by default) beside the problem's own, for up to `steps` calls.

    The problem's own tools are the client's: a call of one is the answer. Malformed calls are rescued where that takes
    no guess, and otherwise explained to the model. A call repeated with the same arguments, or several refused calls in
    a row, end in one last request for an answer.
    """

    _: KW_ONLY
    servers: tuple[str, ...] = ()
    steps: int = 12
    tools: Literal["native", "prompt"] = "native"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"Tools needs at least 1 step, not {self.steps!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        servers = self.servers or tuple(context.servers)
        if not servers:
            raise ServerError("Tools has no server to offer. Add one: servers={'docs': 'understudy serve docs'}.")
        offers = await offers_of(context, servers, problem)
        return await ToolLoop(problem=problem, offers=offers, steps=self.steps, tools=self.tools).run(context)
