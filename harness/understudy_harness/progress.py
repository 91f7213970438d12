"""Show a run while it goes: per arm how far, how fast, how long still, at what cost; plain lines where no terminal is.

Scores are not shown: looking at them while the run goes invites stopping when they please.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

REFRESH_S = 0.25
PLAIN_EVERY_S = 5.0


@dataclass(kw_only=True)
class Lane:
    """One arm of one benchmark."""

    title: str
    total: int = 0
    done: int = 0
    """Rows in the ledger, earlier processes' included."""
    errors: int = 0
    """Rows that failed and have not been made good."""
    usd: float = 0.0
    fresh: int = 0
    """Rows of this process."""
    first: float | None = None
    last: float | None = None

    @property
    def rate(self) -> float:
        """Rows per second of this process."""
        if not self.fresh or self.first is None or self.last is None or self.last <= self.first:
            return 0.0
        return self.fresh / (self.last - self.first)

    @property
    def left_s(self) -> float | None:
        """Seconds until the end at the present rate; None while there is none."""
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(kw_only=True)
class Progress:
    """The lanes of a run, and where they are shown."""

    lanes: dict[str, Lane] = field(default_factory=dict)
    stream: TextIO = field(default_factory=lambda: sys.stderr)
    started: float = field(default_factory=time.monotonic)
    _plain_at: float = 0.0
    _live: Live | None = None
    _plain: bool = True

    def say(self, sentence: str) -> None:
        """Write a line of its own, above the table where one is shown."""
        if self._live is not None:
            self._live.console.print(escape(sentence))
            return
        self.stream.write(sentence + "\n")
        self.stream.flush()

    def lane(self, key: str, title: str) -> None:
        """Add an arm."""
        self.lanes[key] = Lane(title=title)

    def begun(self, key: str) -> None:
        """A row begins."""
        lane = self.lanes[key]
        if lane.first is None:
            lane.first = time.monotonic()

    def ended(self, key: str, *, usd: float, error: bool) -> None:
        """A row is in the ledger."""
        lane = self.lanes[key]
        lane.last = time.monotonic()
        lane.usd += usd
        if not error:
            lane.done += 1
            lane.fresh += 1

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show until the block ends: a live table on a terminal, else a line every few seconds."""
        console = Console(file=self.stream, highlight=False)
        self._plain = not console.is_terminal
        if self._plain:
            self._plain_at = time.monotonic()
            try:
                yield
            finally:
                self._line()
            return
        with Live(self.table(), console=console, refresh_per_second=1 / REFRESH_S, transient=False) as live:
            self._live = live
            try:
                yield
            finally:
                live.update(self.table(), refresh=True)
                self._live = None

    def tick(self) -> None:
        """Bring what is shown up to date; call it a few times a second."""
        if self._live is not None:
            self._live.update(self.table())
        elif self._plain and time.monotonic() - self._plain_at >= PLAIN_EVERY_S:
            self._line()

    def table(self) -> Table:
        """The lanes as a table."""
        table = Table(box=None, pad_edge=False, header_style="dim")
        for name in ("arm", "", "rows", "rows/s", "left", "spent", "errors"):
            table.add_column(name, justify="left" if name in ("arm", "") else "right", no_wrap=name != "arm")
        for lane in self.lanes.values():
            table.add_row(
                escape(lane.title),
                _bar(lane.done, lane.total),
                f"{lane.done}/{lane.total}",
                f"{lane.rate:.1f}" if lane.rate else "",
                duration(lane.left_s) if lane.done < lane.total else "done",
                f"${lane.usd:.4f}" if lane.usd else "",
                f"[red]{lane.errors}[/red]" if lane.errors else "",
            )
        return table

    @property
    def left_s(self) -> float | None:
        """Seconds until the end of all arms at the rate so far; arms that have not begun count with it."""
        begun = [lane for lane in self.lanes.values() if lane.first is not None and lane.last is not None]
        fresh = sum(lane.fresh for lane in begun)
        spans = [(lane.first, lane.last) for lane in begun if lane.first is not None and lane.last is not None]
        if not fresh or not spans:
            return None
        seconds = max(last for _, last in spans) - min(first for first, _ in spans)
        return sum(lane.total - lane.done for lane in self.lanes.values()) * seconds / fresh

    def summary(self) -> str:
        """The run in one line."""
        done, total = (sum(getattr(lane, name) for lane in self.lanes.values()) for name in ("done", "total"))
        usd, errors = sum(lane.usd for lane in self.lanes.values()), sum(lane.errors for lane in self.lanes.values())
        seconds = time.monotonic() - self.started
        parts = [f"{done}/{total} rows", f"after {duration(seconds)}"]
        parts += [f"about {duration(self.left_s)} left"] if self.left_s else []
        parts += [f"${usd:.4f}"] if usd else []
        parts += [f"{errors} errors"] if errors else []
        return ", ".join(parts)

    def _line(self) -> None:
        self._plain_at = time.monotonic()
        self.stream.write(self.summary() + "\n")
        self.stream.flush()


def duration(seconds: float | None) -> str:
    """Write seconds as people say them."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def _bar(done: int, total: int, width: int = 16) -> str:
    filled = width * done // total if total else width
    return f"[green]{'━' * filled}[/green][dim]{'━' * (width - filled)}[/dim]"
