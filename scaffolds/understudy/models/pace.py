"""How long to hold calls back because a provider said that its limit per minute is used up.

Providers tell with each answer what is left of their buckets of requests and tokens, and when they are full again
(https://platform.openai.com/docs/guides/rate-limits, https://docs.claude.com/en/api/rate-limits). Calls that would only
be refused wait until then, all of an endpoint together, instead of each learning it by a 429 of its own.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from time import time

_BUCKETS = tuple(
    (form.format(bucket, "remaining"), form.format(bucket, "reset"))
    for form, buckets in (
        ("x-ratelimit-{1}-{0}", ("requests", "tokens")),
        ("anthropic-ratelimit-{0}-{1}", ("requests", "tokens", "input-tokens", "output-tokens")),
    )
    for bucket in buckets
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class Pace:
    """When an endpoint takes calls again; told by answers, asked before calls. Times are seconds of one clock."""

    def __init__(self, *, longest_s: float) -> None:
        """Wait for `longest_s` seconds at most: a limit per day is better learned from the provider's own refusal."""
        self._longest_s = longest_s
        self._open_at = 0.0

    def heard(self, headers: Mapping[str, str], now: float) -> None:
        """Take note of what an answer says is left."""
        for remaining, reset in _BUCKETS:
            if headers.get(remaining) == "0":
                self.pause(span(headers.get(reset, "")), now)

    def pause(self, seconds: float | None, now: float) -> None:
        """Take note that nothing is taken for so long."""
        if seconds is not None and seconds <= self._longest_s:
            self._open_at = max(self._open_at, now + seconds)

    def wait(self, now: float) -> float:
        """Seconds until a call may go out."""
        return max(self._open_at - now, 0.0)


def span(text: str) -> float | None:
    """Read when a bucket is full again: `6m0s`, `20ms`, `1.5`, or a date as Anthropic writes it; None if it is none."""
    text = text.strip()
    found = _SPAN.findall(text)
    if found and "".join(number + unit for number, unit in found) == text:
        return sum(float(number) * _SECONDS[unit] for number, unit in found)
    try:
        return max(float(text), 0.0)
    except ValueError:
        pass
    try:
        return max(datetime.fromisoformat(text).timestamp() - time(), 0.0)
    except ValueError:
        return None
