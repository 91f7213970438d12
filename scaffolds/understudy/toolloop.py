"""The loop in which a model calls tools of MCP servers until it answers, with breakers for what small models do in it.

A call is run only as the model wrote it: arguments that are no JSON object, or do not fit the tool's schema, come back
to the model as a sentence about what is wrong, never as a guess that was executed. Calls of the problem's own tools end
the loop: they are the answer.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from json import loads
from typing import Any, Literal

from understudy import checks
from understudy.answer import Answer
from understudy.context import Context, ToolResult
from understudy.errors import BudgetExceeded, ServerError
from understudy.model import Completion, Request
from understudy.problem import Message, Problem, Tests, Tool, ToolCall
from understudy.prompts.tools import describe_tools
from understudy.reply import answer_from, canonical_calls
from understudy.rescue import rescue
from understudy.schema import argument_fault

LONGEST_RESULT = 20_000
"""Characters of a tool's result that the model gets to read."""
SAME_CALL = 2
"""How often the same call with the same arguments is run; after that the model is told so."""
STUBBORN = 3
"""How many refused calls in a row end the loop."""

_UNREADABLE = "unreadable"
"""Stands for a call in the text that has no one meaning."""

_ANSWER_NOW = "Answer now, without calling a function."


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A tool of a server, under the name by which the model calls it."""

    server: str
    tool: str
    shown: Tool
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """Arguments that the host sets and the model does not see."""


async def offers_of(
    context: Context, servers: Sequence[str], problem: Problem, fixed: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Offer]:
    """List the tools of servers by the names that a model is given.

    A name that the problem's own tools or another server has too is preceded by the server's name.

    Raises:
        ServerError: One of the servers is not connected, or failed.
    """
    taken = {tool.name for tool in problem.tools}
    offers: dict[str, Offer] = {}
    for server in servers:
        if server not in context.servers:
            known = ", ".join(map(repr, context.servers)) or "none"
            raise ServerError(f"No server {server!r} is connected (connected: {known}).", server=server)
        for tool in await context.servers[server].tools():
            name = f"{server}-{tool.name}" if tool.name in taken or tool.name in offers else tool.name
            hidden = (fixed or {}).get(server, {})
            shown = replace(tool, name=name, parameters=_without(tool.parameters, hidden))
            offers[name] = Offer(server=server, tool=tool.name, shown=shown, fixed=hidden)
    return offers


@dataclass(frozen=True, kw_only=True)
class ToolLoop:
    """One run of the loop."""

    problem: Problem
    offers: Mapping[str, Offer]
    steps: int
    tools: Literal["native", "prompt"]

    async def run(self, context: Context) -> Answer:
        """Go on until the model answers, or a breaker ends it."""
        messages = self.problem.messages
        seen: Counter[str] = Counter()
        refused = 0
        stopped = "steps"
        completion = Completion()
        for step in range(self.steps):
            here = context.at(f"step/{step}")
            try:
                completion = self._read(await here.generate(self._request(here, messages)))
            except BudgetExceeded:
                if step == 0:
                    raise
                return replace(answer_from(completion, self.problem), tool_calls=(), stopped="budget")
            own = tuple(call for call in completion.tool_calls if call.name not in self._theirs)
            if not own:
                return self._answer(completion)
            results = [await self._run(here, call, seen) for call in own]
            if len(own) < len(completion.tool_calls):
                return self._answer(completion)
            refused = refused + 1 if all(result is None for _, result in results) else 0
            messages = (*messages, *_turns(completion, results))
            if refused >= STUBBORN:
                stopped = "loop"
                break
        return await self._at_last(context.at("last"), messages, completion, stopped)

    @property
    def _theirs(self) -> set[str]:
        return {tool.name for tool in self.problem.tools}

    def _request(self, here: Context, messages: tuple[Message, ...], *, last: bool = False) -> Request:
        offered = (*(offer.shown for offer in self.offers.values()), *self.problem.tools)
        # Tools stay listed in the last request: some servers refuse a chat with calls in it that lists none.
        choice = "none" if last else self.problem.options.tool_choice
        request = Request(
            messages=messages,
            tools=offered,
            options=replace(self.problem.options, tool_choice=choice),
            sampling=here.sampling(),
        )
        if self.tools == "native":
            return request
        return replace(
            request,
            messages=describe_tools(messages, offered),
            tools=(),
            options=replace(request.options, tool_choice=None),
        )

    def _read(self, completion: Completion) -> Completion:
        """Read the calls that a completion means; those that cannot be read for sure stay as they were written."""
        offered = (*(offer.shown for offer in self.offers.values()), *self.problem.tools)
        complete = completion.finish != "length"
        found = rescue(completion.text, offered, calls=completion.tool_calls, complete=complete)
        if found is not None:
            return replace(completion, text=found.text, tool_calls=found.calls) if found.mended else completion
        if completion.tool_calls:
            return completion
        return replace(completion, tool_calls=(ToolCall(name=_UNREADABLE, arguments=""),))

    def _answer(self, completion: Completion) -> Answer:
        theirs = tuple(call for call in completion.tool_calls if call.name in self._theirs)
        return answer_from(replace(completion, tool_calls=theirs), self.problem)

    async def _run(self, here: Context, call: ToolCall, seen: Counter[str]) -> tuple[ToolCall, str | None]:
        """Run a call, or explain in the call's place why it was not; None beside the call says it was refused."""
        fault = self._fault(call, seen)
        if fault is not None:
            here.note("call refused", call=call.name, arguments=call.arguments, fault=fault)
            return replace(call, id=f"{call.id}\0{fault}"), None
        offer = self.offers[call.name]
        arguments = {**(loads(call.arguments) if call.arguments.strip() else {}), **offer.fixed}
        result: ToolResult = await here.call(offer.server, offer.tool, arguments, meta=self._meta(offer))
        text = result.text if len(result.text) <= LONGEST_RESULT else result.text[:LONGEST_RESULT] + "\n[… cut]"
        return call, text

    def _fault(self, call: ToolCall, seen: Counter[str]) -> str | None:
        if call.name == _UNREADABLE:
            return "The call in your reply cannot be read. Write it again as valid JSON, with the function's own names."
        if call.name not in self.offers:
            known = ", ".join([*self.offers, *sorted(self._theirs)])
            return f"There is no function {call.name!r}. Call one of: {known}."
        fault = argument_fault(call.arguments, self.offers[call.name].shown.parameters)
        if fault is not None:
            return f"The call was not run: {fault} Send it again with arguments that fit."
        key = canonical_calls((call,))
        seen[key] += 1
        if seen[key] > SAME_CALL:
            return f"You have made this call {seen[key] - 1} times and know its result. Do something else, or answer."
        return None

    def _meta(self, offer: Offer) -> Mapping[str, Any] | None:
        if offer.server == checks.SERVER and isinstance(self.problem.check, Tests):
            return {checks.WORKSPACE: checks.workspace_of(self.problem.check)}
        return None

    async def _at_last(
        self, here: Context, messages: tuple[Message, ...], completion: Completion, stopped: str
    ) -> Answer:
        here.note("tool loop ended", reason=stopped)
        asked = (*messages, Message(role="user", content=_ANSWER_NOW))
        try:
            last = await here.generate(self._request(here, asked, last=True))
        except BudgetExceeded:
            return replace(self._answer(completion), stopped="budget")
        return replace(self._answer(last), stopped=stopped)


def _turns(completion: Completion, results: Sequence[tuple[ToolCall, str | None]]) -> list[Message]:
    calls, answers = [], []
    for number, (call, text) in enumerate(results):
        name, _, fault = call.id.partition("\0")
        own = replace(call, id=name or f"call_{number}", arguments=call.arguments if text is not None else _json(call))
        calls.append(own)
        answers.append(Message(role="tool", content=fault if text is None else text, tool_call_id=own.id))
    return [Message(role="assistant", content=completion.text, tool_calls=tuple(calls)), *answers]


def _json(call: ToolCall) -> str:
    # Servers refuse a whole chat over one call in its history whose arguments are not JSON.
    try:
        return call.arguments if isinstance(loads(call.arguments), dict) else "{}"
    except ValueError:
        return "{}"


def _without(schema: Mapping[str, Any], hidden: Mapping[str, Any]) -> Mapping[str, Any]:
    if not hidden:
        return schema
    properties = {name: part for name, part in schema.get("properties", {}).items() if name not in hidden}
    required = [name for name in schema.get("required", ()) if name not in hidden]
    return {**schema, "properties": properties, "required": required}
