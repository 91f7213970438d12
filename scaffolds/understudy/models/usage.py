"""Token counts as servers report them, brought to one convention; what is missing or impossible is None, never 0."""

from collections.abc import Mapping
from typing import Any

from understudy.model import Usage

LONGEST_TOKEN = 128
"""Bytes. No tokenizer of a language model has longer tokens (runs of spaces reach this), so fewer tokens are a lie."""


def chat_usage(raw: Any, *, wrote: int) -> Usage:
    """Read the usage of a chat completion.

    Args:
        raw: The server's `usage` object, whatever it is.
        wrote: Bytes of text, reasoning and calls that the answer holds.
    """
    if not isinstance(raw, Mapping):
        return Usage()
    prompt, completion = raw.get("prompt_tokens_details"), raw.get("completion_tokens_details")
    given = _count(raw.get("prompt_tokens"))
    read = _detail(prompt, "cached_tokens") or _count(raw.get("prompt_cache_hit_tokens")) or 0  # DeepSeek's own field
    written = _detail(prompt, "cache_write_tokens") or 0
    reasoning = _detail(completion, "reasoning_tokens") or _count(raw.get("reasoning_tokens")) or 0
    return _checked(given, _count(raw.get("completion_tokens")), read, written, reasoning, wrote)


def messages_usage(raw: Any, *, wrote: int) -> Usage:
    """Read the usage of Anthropic's messages, whose `input_tokens` leaves out what the cache read and wrote."""
    if not isinstance(raw, Mapping):
        return Usage()
    read = _count(raw.get("cache_read_input_tokens")) or 0
    written = _count(raw.get("cache_creation_input_tokens")) or 0
    given = _count(raw.get("input_tokens"))
    total = None if given is None else given + read + written
    return _checked(total, _count(raw.get("output_tokens")), read, written, 0, wrote)


def _checked(given: int | None, made: int | None, read: int, written: int, reasoning: int, wrote: int) -> Usage:
    if not given:  # every prompt has a token, so 0 means "did not count"
        given = None
    if made is not None and made * LONGEST_TOKEN < wrote:
        made = None
    if given is not None and read + written > given:
        read, written = min(read, given), min(written, max(given - read, 0))
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=read if given is not None else 0,
        cache_write_tokens=written if given is not None else 0,
        reasoning_tokens=min(reasoning, made) if made is not None else 0,
    )


def _count(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value or value < 0:
        return None
    return int(value) if value < 1e12 else None


def _detail(details: Any, name: str) -> int | None:
    return _count(details.get(name)) if isinstance(details, Mapping) else None
