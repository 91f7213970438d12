"""What happened while a problem was worked on: one event per call, in a tree by path. It stays on the machine."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

from understudy.model import Usage

Kind = Literal["generate", "check", "call", "note"]


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that happened."""

    kind: Kind
    path: str
    """Where in the scaffold, such as "retry/2/vote/0"."""
    role: str = ""
    name: str = ""
    """The model's spec, the check's word, or "server.tool"."""
    at_s: float = 0.0
    """Seconds after the trace began."""
    seconds: float = 0.0
    usage: Usage | None = None
    usd: float | None = None
    cached: bool = False
    error: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """JSON only: messages and text of a call, feedback of a check."""


@dataclass(frozen=True, kw_only=True)
class Totals:
    """What a trace adds up to. `usd` leaves out calls of unknown price, which `unpriced` counts."""

    calls: int
    cached: int
    input_tokens: int
    output_tokens: int
    usd: float
    unpriced: int
    checks: int
    seconds: float


class Trace:
    """The events of one problem, in the order in which they ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self.id = uuid4().hex
        """Tells this run apart from others that share a server."""
        self.events: list[Event] = []

    def now(self) -> float:
        """Seconds since the trace began."""
        return self._clock() - self._started

    def add(self, event: Event) -> None:
        """Append an event."""
        self.events.append(event)

    def totals(self, *, seconds: float | None = None) -> Totals:
        """Add up every call; calls answered from the cache count with the price they had. `seconds`: since it began."""
        made = [event for event in self.events if event.kind == "generate" and event.error is None]
        return Totals(
            calls=len(made),
            cached=sum(event.cached for event in made),
            input_tokens=sum(event.usage.input_tokens or 0 for event in made if event.usage),
            output_tokens=sum(event.usage.output_tokens or 0 for event in made if event.usage),
            usd=sum(event.usd or 0.0 for event in made),
            unpriced=sum(event.usd is None for event in made),
            checks=sum(event.kind == "check" for event in self.events),
            seconds=self.now() if seconds is None else seconds,
        )

    def __iter__(self) -> Iterator[Event]:
        return iter(self.events)

    def __len__(self) -> int:
        return len(self.events)
