"""Let the model think in numbered steps with the thinking server, one plain thought per turn.

The server is drop-in with the reference server `sequentialthinking`
(https://github.com/modelcontextprotocol/servers/tree/main/src/sequentialthinking). A thought per turn needs no tool
calling, which small models are bad at, and gives each step the model's whole attention: least-to-most prompting,
Zhou et al. 2022 (https://arxiv.org/abs/2205.10625).
"""

import re
from dataclasses import KW_ONLY, replace
from typing import ClassVar, Literal
from uuid import uuid4

from understudy.answer import Answer
from understudy.context import Context
from understudy.errors import BudgetExceeded
from understudy.model import Completion, Request
from understudy.problem import Message, Problem
from understudy.prompts import v1
from understudy.reply import answer_from, answer_from_text
from understudy.scaffold import scaffold
from understudy.toolloop import ToolLoop, offers_of

SERVER = "thinking"
TOOL = "sequentialthinking"

_FINAL = re.compile(r"^[ \t*_#>]*(?:final[ \t]+)?answer[ \t*_]*:[ \t*_]*", re.IGNORECASE | re.MULTILINE)
_GIVE_UP = frozenset({"runaway", "cycle"})  # kinds of hint after which more thoughts help nobody


@scaffold
class Think:
    """Think up to `thoughts` steps, then answer.

    `mode="driven"`: the model writes one plain thought per turn, which goes to the server; the next prompt holds the
    problem, the thoughts and the server's hint. It ends when the model writes `Answer:`, when the server sees it
    running in circles, or at the cap, and then asks once for the answer. `mode="tool"` offers the tool natively
    instead. `server` names another server of the same tool, to compare the two.
    """

    _: KW_ONLY
    mode: Literal["driven", "tool"] = "driven"
    thoughts: int = 8
    server: str = SERVER
    asks_model: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.thoughts < 1:
            raise ValueError(f"Think needs at least 1 thought, not {self.thoughts!r}.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        # Not the path: one server may hold the thoughts of the same problem in several arms and epochs.
        session = uuid4().hex
        if self.mode == "tool":
            offers = await offers_of(context, (self.server,), problem, {self.server: {"sessionId": session}})
            steps = self.thoughts + 2
            return await ToolLoop(problem=problem, offers=offers, steps=steps, tools="native").run(context)
        thoughts: list[str] = []
        try:
            final = await self._think(problem, context, session, thoughts)
            if final is None:
                messages = v1.think_answer(problem.messages, thoughts)
                final = await _ask(problem, context.at("answer"), messages, last=True)
        except BudgetExceeded:
            if not thoughts:
                raise
            so_far = answer_from_text(thoughts[-1], problem, complete=False)
            return replace(so_far, stopped="budget")
        answer = answer_from(final, problem)
        return replace(answer, text=_FINAL.sub("", answer.text, count=1).strip() or answer.text)

    async def _think(self, problem: Problem, context: Context, session: str, thoughts: list[str]) -> Completion | None:
        """Collect thoughts; return the completion that holds the answer, if one of them does."""
        hint: str | None = None
        for index in range(self.thoughts):
            here = context.at(f"think/{index}")
            completion = await _ask(problem, here, v1.think(problem.messages, thoughts, hint))
            if completion.tool_calls or _FINAL.search(completion.text):
                return completion
            thought = completion.text.strip()
            if not thought:
                return None
            result = await here.call(
                self.server,
                TOOL,
                {
                    "thought": thought,
                    "thoughtNumber": index + 1,
                    "totalThoughts": self.thoughts,
                    "nextThoughtNeeded": index + 1 < self.thoughts,
                    "sessionId": session,
                },
            )
            thoughts.append(thought)
            said = result.data or {}
            hint = str(said["hint"]) if said.get("hint") else None
            if said.get("nextThoughtNeeded") is False or said.get("hintKind") in _GIVE_UP:
                return None
        return None


async def _ask(problem: Problem, here: Context, messages: tuple[Message, ...], *, last: bool = False) -> Completion:
    # The problem's own tools are for the answer: offered with every thought they would be called instead of thinking.
    tools = problem.tools if last else ()
    options = problem.options if last else replace(problem.options, tool_choice=None, response_format=None)
    return await here.generate(Request(messages=messages, tools=tools, options=options, sampling=here.sampling()))
