"""Thinking that a server left in the text, moved to where it belongs."""

import re
from typing import NamedTuple

_OPEN = re.compile(r"\s*(?:<(?:think|thinking|reasoning|seed:think)>|\[THINK\])", re.IGNORECASE)
_CLOSE = re.compile(r"</(?:think|thinking|reasoning|seed:think)>|\[/THINK\]", re.IGNORECASE)
_HARMONY = re.compile(
    r"<\|channel\|>analysis<\|message\|>(?P<thinking>.*?)(?:<\|end\|>|$)(?:<\|start\|>assistant)?", re.DOTALL
)
_FINAL = re.compile(r"<\|channel\|>final<\|message\|>(.*?)(?:<\|return\|>|<\|end\|>|$)", re.DOTALL)


class Parted(NamedTuple):
    """A text without its thinking, and the thinking."""

    text: str
    reasoning: str


def part(text: str) -> Parted:
    """Move a leading block of thinking out of `text`.

    Known are `<think>` and its relatives, with or without the opening tag (templates of Qwen 3 and DeepSeek R1 write it
    into the prompt) or the closing one (the tokens ran out), and the channels of gpt-oss. Text that merely mentions
    such a tag later on is left alone.
    """
    opened = _OPEN.match(text)
    if opened:
        closed = _CLOSE.search(text, opened.end())
        if not closed:
            return Parted("", text[opened.end() :].strip())
        return Parted(text[closed.end() :].lstrip(), text[opened.end() : closed.start()].strip())
    closed = _CLOSE.search(text)
    if closed and _OPEN.search(text) is None and _alone(text, closed):
        return Parted(text[closed.end() :].lstrip(), text[: closed.start()].strip())
    return _channels(text)


def _alone(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag stands on a line of its own end: `…</think>` and then a new line or nothing."""
    return text[tag.end() : tag.end() + 1] in ("", "\n", "\r")


def _channels(text: str) -> Parted:
    if "<|channel|>" not in text:
        return Parted(text, "")
    thinking = "\n".join(found["thinking"].strip() for found in _HARMONY.finditer(text))
    final = _FINAL.search(text)
    rest = final[1] if final else _HARMONY.sub("", text)
    return Parted(rest.strip(), thinking)
