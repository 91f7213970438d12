"""Prompt builders, version 1: frozen, and the same for every model.

The bundled models were trained on exactly this text, so one changed character makes them worse without any error. That
is why `builders_hash` is stored in their files and compared when they load. New wording goes into a new module.

Builders are fed structured fields only (thoughts, text of snippets, call, expected, actual), never a server's prose, so
that the wording of the servers may change.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from understudy.answer import Failure
from understudy.problem import Message

VERSION = "v1"

_THINK = "Think in steps. Reply with one short thought per turn. When you know the answer, reply `Answer: ...`."
_NEXT = "Next."
_ANSWER_NOW = "Reply with `Answer: ...` now."
_MOST_FAILURES = 3
_MOST_CHARACTERS = 600  # of one field of a failure; a pathological value must not fill the window


@dataclass(frozen=True, kw_only=True)
class Snippet:
    """A piece of documentation: what it is about, its text, and the library it belongs to."""

    title: str = ""
    text: str
    library: str = ""


def direct(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Ask as the problem asks: its messages, unchanged."""
    return tuple(messages)


def think(messages: Sequence[Message], thoughts: Sequence[str], hint: str | None = None) -> tuple[Message, ...]:
    """Ask for the next thought, each earlier one standing as a turn of its own."""
    turns = _after_question(messages, _THINK)
    for thought in thoughts:
        turns += [Message(role="assistant", content=thought), Message(role="user", content=_NEXT)]
    if hint:
        turns[-1] = replace(turns[-1], content=f"{turns[-1].content}\nHint: {hint}")
    return tuple(turns)


def think_answer(messages: Sequence[Message], thoughts: Sequence[str]) -> tuple[Message, ...]:
    """Ask for the answer after the thoughts, once, with no further thought."""
    if not thoughts:
        return tuple(_after_question(messages, _ANSWER_NOW))
    turns = list(think(messages, thoughts))
    turns[-1] = replace(turns[-1], content=_ANSWER_NOW)
    return tuple(turns)


def docs(messages: Sequence[Message], snippets: Sequence[Snippet]) -> tuple[Message, ...]:
    """Put documentation before the question; without snippets, ask as the problem asks."""
    if not snippets:
        return tuple(messages)
    blocks = [f"{_heading(snippet)}{snippet.text.strip()}" for snippet in snippets]
    return _before_question(messages, "Documentation:\n" + "\n\n".join(blocks))


def retry(messages: Sequence[Message], failures: Sequence[Failure], previous: str | None = None) -> tuple[Message, ...]:
    """Ask again in a fresh context, showing what failed and, where given, the refused answer."""
    parts = []
    if previous:
        parts.append("This was wrong:\n" + previous.strip())
    if failures:
        parts.append("It failed:\n" + "\n".join(_failure(failure) for failure in failures[:_MOST_FAILURES]))
    return tuple(_after_question(messages, "\n\n".join([*parts, "Reply with a correct version."])))


def builders_hash() -> str:
    """SHA-256 (hex) over what every builder renders on fixed probes: it changes when any prompt does."""
    rendered = hashlib.sha256(VERSION.encode())
    for messages in _probes():
        for message in messages:
            rendered.update(f"\x00{message.role}\x01{message.content}".encode())
        rendered.update(b"\x02")
    return rendered.hexdigest()


def _heading(snippet: Snippet) -> str:
    words = ": ".join(part for part in (snippet.library, snippet.title) if part)
    return f"## {words}\n" if words else ""


def _failure(failure: Failure) -> str:
    call, expected, actual, error = (
        " ".join(part.split())[:_MOST_CHARACTERS]
        for part in (failure.call, failure.expected, failure.actual, failure.error)
    )
    wanted = f"{call} must be {expected}" if expected else call or failure.test
    if error:
        return f"- {wanted}, but it raised {error}" if wanted else f"- {error}"
    return f"- {wanted}, not {actual}" if actual else f"- {wanted}"


def _question_index(messages: Sequence[Message]) -> int:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "user":
            return index
    raise ValueError("the messages hold no user message to build on")


def _after_question(messages: Sequence[Message], text: str) -> list[Message]:
    turns, index = list(messages), _question_index(messages)
    turns[index] = replace(turns[index], content=f"{turns[index].content}\n\n{text}")
    return turns


def _before_question(messages: Sequence[Message], text: str) -> tuple[Message, ...]:
    turns, index = list(messages), _question_index(messages)
    turns[index] = replace(turns[index], content=f"{text}\n\n{turns[index].content}")
    return tuple(turns)


def _probes() -> list[tuple[Message, ...]]:
    asked = (Message(role="system", content="System."), Message(role="user", content="Question?"))
    snippets = (Snippet(title="open", text="- timeout = 12\n", library="kavolib"), Snippet(text="plain"))
    failures = (
        Failure(call="f([1])", expected="2", actual="3"),
        Failure(call="f([])", expected="0", error="IndexError: empty"),
        Failure(error="SyntaxError: invalid syntax"),
        Failure(test="test_fourth"),
    )
    return [
        direct(asked),
        think(asked, ()),
        think(asked, ("1 + 1 = 2", "done"), hint="Check the sum."),
        think_answer(asked, ()),
        think_answer(asked, ("1 + 1 = 2",)),
        docs(asked, ()),
        docs(asked, snippets),
        retry(asked, failures),
        retry(asked, failures[:1], previous="def f(xs):\n    return 3\n"),
        retry(asked, failures[1:]),
        retry(asked, ()),
    ]
