"""Ask once and answer: the bare arm, and the leaf of every other scaffold."""

from dataclasses import KW_ONLY, replace
from typing import Literal

from understudy.answer import Answer
from understudy.context import Context
from understudy.model import Request
from understudy.problem import Message, Problem
from understudy.prompts import v1
from understudy.prompts.tools import describe_tools
from understudy.reply import answer_from
from understudy.scaffold import scaffold


@scaffold
class Direct:
    """One call, nothing else.

    Greedy unless `temperature` is set, or unless an outer scaffold such as `Vote` asks for draws that differ.
    `tools="prompt"` describes the problem's tools in the prompt and reads well-formed calls from the text, for models
    without native tool calling; a malformed call stays text, since rescuing is what `Repair` is for.
    """

    _: KW_ONLY
    temperature: float | None = None
    top_p: float | None = None
    tools: Literal["native", "prompt"] = "native"

    def __post_init__(self) -> None:
        if self.temperature is not None and self.temperature < 0:
            raise ValueError(f"A temperature of {self.temperature!r} is negative; 0 is greedy.")

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        messages: tuple[Message, ...] = v1.direct(problem.messages)
        request = Request(
            messages=messages,
            tools=problem.tools,
            options=problem.options,
            sampling=context.sampling(self.temperature, self.top_p),
        )
        if self.tools == "prompt" and problem.tools:
            request = replace(
                request,
                messages=describe_tools(messages, problem.tools),
                tools=(),
                options=replace(problem.options, tool_choice=None),
            )
        completion = await context.generate(request)
        return answer_from(completion, problem, calls_in_text=self.tools == "prompt")
