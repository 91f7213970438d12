"""Boxes that answer at home: speed, power and price as others measured them, dated. Every figure is a parameter.

Speeds differ with quantization, context depth and software, so a box of your own is `Box(...)` with your own figures.
Peak watts are an upper bound of what a box draws while it answers.
"""

from dataclasses import dataclass, replace

USD_PER_KWH = 0.18
"""Between the 0.10 and 0.45 that households paid in March 2025 (Statista, in Google Dataset Search); set your own."""
LIFE_MONTHS = 36.0
"""Three years, the usual depreciation of computers; an assumption, not a measurement."""

_GEERLING = "geerlingguy/ai-benchmarks, read 2026-11-21"
_TOOLBOXES = "kyuz0/amd-strix-halo-toolboxes, read 2026-11-21; watts from geerlingguy/ai-benchmarks"


@dataclass(frozen=True, kw_only=True)
class Box:
    """A machine with a model on it."""

    name: str
    output_per_s: float
    """Tokens per second it writes, one request at a time."""
    input_per_s: float | None = None
    """Tokens per second it reads; None where nobody measured it, and reading is then counted as writing's fifth."""
    watts: float
    """While it answers."""
    idle_watts: float = 0.0
    """Counted for the rest of the month where the box runs all the time."""
    price_usd: float | None = None
    """What it costs to buy; 0 where it is there anyway; None where no sourced price is known."""
    life_months: float = LIFE_MONTHS
    parallel: float = 1.0
    """How many times the output of one request the box reaches with batching."""
    source: str = ""

    def __post_init__(self) -> None:
        for name in ("output_per_s", "life_months", "parallel"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of {self.name!r} is {getattr(self, name)!r}; it must be above 0")
        for name in ("watts", "idle_watts"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} of {self.name!r} is {getattr(self, name)!r}; it cannot be negative")

    def seconds(self, input_tokens: float, output_tokens: float) -> float:
        """Seconds of one request with the box to itself."""
        reading = self.input_per_s or 5 * self.output_per_s
        return input_tokens / reading + output_tokens / self.output_per_s

    def at_price(self, price_usd: float) -> "Box":
        """The same box at another price."""
        return replace(self, price_usd=price_usd)


BOXES: dict[str, Box] = {
    "rtx4090-14b": Box(
        name="RTX 4090 PC, 14B Q4",
        output_per_s=92.5,
        watts=464,
        price_usd=1599,
        source=f"{_GEERLING}; price: the card alone, list price of October 2022",
    ),
    "rtx4090-gpt-oss-20b": Box(
        name="RTX 4090 PC, gpt-oss-20b",
        output_per_s=279.7,
        watts=509,
        price_usd=1599,
        source=f"{_GEERLING}; price: the card alone, list price of October 2022",
    ),
    "m3-ultra-14b": Box(name="Mac Studio M3 Ultra, 14B", output_per_s=51.9, watts=243, source=_GEERLING),
    "m3-ultra-gpt-oss-20b": Box(
        name="Mac Studio M3 Ultra, gpt-oss-20b", output_per_s=115.3, watts=243, source=_GEERLING
    ),
    "m3-ultra-70b": Box(name="Mac Studio M3 Ultra, 70B", output_per_s=14.1, watts=243, source=_GEERLING),
    "m4-mini-3b": Box(
        name="Mac mini M4, 3B",
        output_per_s=41.3,
        watts=30,
        price_usd=599,
        source=f"{_GEERLING}; price: starting price of 2024-10-29",
    ),
    "strix-halo-gpt-oss-20b": Box(
        name="Strix Halo 128 GB, gpt-oss-20b",
        output_per_s=79.8,
        input_per_s=1813,
        watts=133,
        price_usd=1999,
        source=f"{_TOOLBOXES}; price: Framework Desktop 128 GB without drive, 2025",
    ),
    "strix-halo-gpt-oss-120b": Box(
        name="Strix Halo 128 GB, gpt-oss-120b",
        output_per_s=56.6,
        input_per_s=720,
        watts=133,
        price_usd=1999,
        source=f"{_TOOLBOXES}; price: Framework Desktop 128 GB without drive, 2025",
    ),
    "strix-halo-qwen3.6-35b-a3b": Box(
        name="Strix Halo 128 GB, Qwen3.6-35B-A3B Q4",
        output_per_s=60.4,
        input_per_s=1120,
        watts=133,
        price_usd=1999,
        source=f"{_TOOLBOXES}; price: Framework Desktop 128 GB without drive, 2025",
    ),
    "strix-halo-70b": Box(
        name="Strix Halo 128 GB, Llama-3.1-70B dense",
        output_per_s=5.0,
        watts=133,
        price_usd=1999,
        source=f"{_GEERLING}; price: Framework Desktop 128 GB without drive, 2025",
    ),
    "laptop-cpu-3b": Box(name="Ryzen AI 5 340 laptop, CPU, 3B", output_per_s=23.8, watts=51, source=_GEERLING),
    "laptop-cpu-14b": Box(name="Ryzen AI 5 340 laptop, CPU, 14B", output_per_s=5.8, watts=51, source=_GEERLING),
    "raspberry-pi5-3b": Box(name="Raspberry Pi 5, 3B", output_per_s=4.9, watts=12, source=_GEERLING),
}
