"""What a run left, before anybody has judged it. Plain data, the same on every system."""

import signal
from dataclasses import dataclass, field

FLOOD = 16  # times the output limit after which a run is killed for it
STOPS = ("wall", "memory", "output_flood", "report_flood", "cancelled")


@dataclass
class Raw:
    """Everything a run left: `events` and `output` are the candidate's word, the rest is not."""

    events: bytearray = field(default_factory=bytearray)
    output: bytearray = field(default_factory=bytearray)
    output_cut: int = 0
    status: int | None = None
    ready: bool = False
    missing: dict[str, str] = field(default_factory=dict)
    broken: str | None = None
    stopped: str | None = None  # the limit for which the server ended it, one of STOPS
    seconds: float = 0.0
    cpu_s: float = 0.0
    mode: str = "warm"  # how the interpreter came to be: forked (warm), started ahead (spare), started for it (cold)

    @property
    def exit_code(self) -> int:
        """The exit code in `status`, 0 where a signal ended the run or nothing is known."""
        return (self.status or 0) >> 8 & 0xFF

    @property
    def signal(self) -> str | None:
        """The name of the signal that ended the run, or None where none did."""
        number = (self.status or 0) & 0x7F
        if not number:
            return None
        return next((one.name for one in signal.Signals if one.value == number), f"SIG{number}")
