"""What our own servers' tools said before a client's call ended the answer, kept for when the client comes back.

A client sends its conversation back with its own calls and results, without the inner ones it never saw. They are kept
by the id of the client's call and put back in front of it, so that the model remembers what it looked up.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from understudy.answer import Answer
from understudy.problem import Message, Problem, ToolCall
from understudy.trace import Event, Trace

MOST = 1000
"""Answers whose inner turns are kept; the oldest go first."""


class Inner:
    """Inner turns by the id of the call that ended them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, tuple[Message, ...]] = OrderedDict()

    def keep(self, answer: Answer, problem: Problem, trace: Trace) -> None:
        """Keep the inner turns that led to an answer with calls."""
        turns = inner_turns(problem, trace) if answer.tool_calls else ()
        if not turns:
            return
        for call in answer.tool_calls:
            self._kept[call.id] = turns
            self._kept.move_to_end(call.id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def restored(self, messages: Iterable[Message]) -> tuple[Message, ...]:
        """The conversation with the inner turns back in their places."""
        whole: list[Message] = []
        for message in messages:
            known = next((self._kept[call.id] for call in message.tool_calls if call.id in self._kept), ())
            whole += [*known, message]
        return tuple(whole)


def inner_turns(problem: Problem, trace: Trace) -> tuple[Message, ...]:
    """The turns between a problem's messages and its last completion, and own calls that stood beside the client's."""
    drawn = [event for event in trace if event.kind == "generate" and event.error is None]
    if not drawn or not any(event.kind == "call" for event in trace):
        return ()
    last = drawn[-1]
    sent = [_message(row) for row in last.detail.get("messages", ())]
    asked = len(problem.messages)
    turns = sent[asked:] if tuple(sent[:asked]) == problem.messages else []
    return (*turns, *_beside(problem, last, trace))


def _beside(problem: Problem, last: Event, trace: Trace) -> list[Message]:
    theirs = {tool.name for tool in problem.tools}
    own = [ToolCall(**call) for call in last.detail.get("tool_calls", ()) if call["name"] not in theirs]
    results = [event for event in trace if event.kind == "call" and event.path == last.path]
    pairs = list(zip(own, results, strict=False))
    if not pairs:
        return []
    calls = tuple(replace(call, id=call.id or f"inner_{index}") for index, (call, _) in enumerate(pairs))
    said = [str(event.detail.get("text", "")) for _, event in pairs]
    answers = [Message(role="tool", content=text, tool_call_id=call.id) for call, text in zip(calls, said, strict=True)]
    return [Message(role="assistant", tool_calls=calls), *answers]


def _message(row: Mapping[str, Any]) -> Message:
    calls = tuple(ToolCall(**call) for call in row.get("tool_calls", ()))
    return Message(
        role=row["role"], content=row.get("content", ""), tool_calls=calls, tool_call_id=row.get("tool_call_id")
    )
