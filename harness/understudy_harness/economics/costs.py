"""Costs of one workload: at home, by the token, by subscription, reserved, and local first with the cloud behind.

Money is US dollars, time is seconds, months have 730 hours. A sample that is not solved costs as much as one that is,
so the cost of a solved sample is the cost of a sample divided by the share that is solved (cost of pass, 2504.13359).
"""

from dataclasses import dataclass
from math import ceil, inf
from typing import Protocol

from understudy.budget import TokenPrice
from understudy.model import Usage
from understudy_harness.economics.hardware import USD_PER_KWH, Box

HOURS_PER_MONTH = 730.0
JOULES_PER_KWH = 3.6e6


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What is asked every month."""

    samples: float
    """Samples a month."""
    input_tokens: float
    """Per sample, all calls together, tokens read from a cache included."""
    output_tokens: float
    cached: float = 0.0
    """Share of the input that a provider reads from its prompt cache."""
    seconds_worth_usd: float = 0.0
    """What a second of waiting costs whoever waits; 0 leaves time out of money."""

    def __post_init__(self) -> None:
        if not 0 <= self.cached <= 1:
            raise ValueError(f"cached is {self.cached!r}; it is a share from 0 to 1")
        if min(self.samples, self.input_tokens, self.output_tokens) < 0:
            raise ValueError("samples and tokens cannot be negative")

    @property
    def tokens(self) -> float:
        """Tokens of a sample, in and out."""
        return self.input_tokens + self.output_tokens


class Option(Protocol):
    """One way of answering a workload."""

    @property
    def name(self) -> str:
        """How a table names it."""

    @property
    def solved(self) -> float:
        """Share of the samples that it solves."""

    def monthly_usd(self, work: Workload) -> float:
        """US dollars a month for all its samples; infinite where it cannot do them."""

    def seconds(self, work: Workload) -> float:
        """Seconds of one sample."""


def usd_per_solved(option: Option, work: Workload) -> float:
    """US dollars of a solved sample, waiting included where it is priced."""
    if work.samples <= 0 or option.solved <= 0:
        return inf
    waiting = option.seconds(work) * work.seconds_worth_usd
    return (option.monthly_usd(work) / work.samples + waiting) / option.solved


def energy_usd(watts: float, seconds: float, usd_per_kwh: float) -> float:
    """US dollars for drawing `watts` for `seconds`."""
    return watts * seconds / JOULES_PER_KWH * usd_per_kwh


def energy_usd_per_mtok(watts: float, tokens_per_s: float, usd_per_kwh: float) -> float:
    """US dollars of electricity for a million tokens: watts / (tokens/s) / 3.6 x $/kWh."""
    return watts / tokens_per_s / 3.6 * usd_per_kwh


@dataclass(frozen=True, kw_only=True)
class Local:
    """A box at home."""

    box: Box
    solved: float = 1.0
    usd_per_kwh: float = USD_PER_KWH
    always_on: bool = False
    """The box runs all month for this workload alone, so that its idle watts count."""
    sample_seconds: float | None = None
    """Seconds of one sample as measured, instead of tokens over speed."""

    @property
    def name(self) -> str:
        """The box's name."""
        return self.box.name

    def seconds(self, work: Workload) -> float:
        """Seconds of one sample with the box to itself."""
        if self.sample_seconds is not None:
            return self.sample_seconds
        return self.box.seconds(work.input_tokens, work.output_tokens)

    def boxes(self, work: Workload) -> int:
        """How many boxes the month needs; at least one."""
        busy = self.seconds(work) * work.samples / self.box.parallel
        return max(1, ceil(busy / (HOURS_PER_MONTH * 3600)))

    def energy_per_sample(self, work: Workload) -> float:
        """US dollars of electricity for one sample."""
        return energy_usd(self.box.watts, self.seconds(work) / self.box.parallel, self.usd_per_kwh)

    def hardware_usd(self, work: Workload) -> float:
        """What the boxes cost to buy.

        Raises:
            ValueError: The box has no price.
        """
        if self.box.price_usd is None:
            raise ValueError(f"The price of {self.box.name!r} is not known. Give it: --box-price USD, or --owned.")
        return self.boxes(work) * self.box.price_usd

    def monthly_usd(self, work: Workload) -> float:
        """Electricity, and the boxes' price over their life."""
        busy = self.seconds(work) * work.samples / self.box.parallel
        idle = max(self.boxes(work) * HOURS_PER_MONTH * 3600 - busy, 0.0) if self.always_on else 0.0
        energy = self.energy_per_sample(work) * work.samples + energy_usd(self.box.idle_watts, idle, self.usd_per_kwh)
        return energy + self.hardware_usd(work) / self.box.life_months


@dataclass(frozen=True, kw_only=True)
class Cloud:
    """A model that is paid by the token."""

    name: str
    price: TokenPrice
    solved: float = 1.0
    call_seconds: float = 0.0
    """Seconds of one sample; a batch takes hours and is not waited for."""
    sample_usd: float | None = None
    """US dollars of one sample as measured, instead of tokens times price."""

    def usd_per_sample(self, work: Workload) -> float:
        """US dollars of one sample."""
        if self.sample_usd is not None:
            return self.sample_usd
        usage = Usage(
            input_tokens=round(work.input_tokens),
            output_tokens=round(work.output_tokens),
            cache_read_tokens=round(work.input_tokens * work.cached),
        )
        cost = self.price.cost(usage)
        assert cost is not None  # both counts are known
        return cost

    def monthly_usd(self, work: Workload) -> float:
        """Tokens only."""
        return self.usd_per_sample(work) * work.samples

    def seconds(self, work: Workload) -> float:
        """As measured."""
        return self.call_seconds


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A flat price a month for so many tokens; several are taken where one is not enough."""

    name: str
    usd_per_month: float
    tokens_per_month: float
    solved: float = 1.0
    call_seconds: float = 0.0

    def plans(self, work: Workload) -> int:
        """How many plans the workload needs; at least one."""
        return max(1, ceil(work.samples * work.tokens / self.tokens_per_month))

    def monthly_usd(self, work: Workload) -> float:
        """The plans, used up or not."""
        return self.plans(work) * self.usd_per_month

    def seconds(self, work: Workload) -> float:
        """As measured."""
        return self.call_seconds

    def usd_per_mtok(self, work: Workload) -> float:
        """What a million tokens really costs: a plan that is half used costs double."""
        used = work.samples * work.tokens
        return self.monthly_usd(work) / used * 1e6 if used else inf


@dataclass(frozen=True, kw_only=True)
class Reserved:
    """Throughput that is rented by the hour, used or not: provisioned units, or a rented GPU."""

    name: str
    usd_per_hour: float
    output_per_s: float
    input_per_s: float
    solved: float = 1.0
    hours_per_month: float = HOURS_PER_MONTH

    def seconds(self, work: Workload) -> float:
        """Seconds of one sample at full throughput."""
        return work.input_tokens / self.input_per_s + work.output_tokens / self.output_per_s

    def units(self, work: Workload) -> int:
        """How many units the month needs; at least one."""
        return max(1, ceil(self.seconds(work) * work.samples / (self.hours_per_month * 3600)))

    def monthly_usd(self, work: Workload) -> float:
        """The rent of all units."""
        return self.units(work) * self.usd_per_hour * self.hours_per_month


@dataclass(frozen=True, kw_only=True)
class Both:
    """Local first; what the check refuses goes to the cloud."""

    local: Local
    cloud: Option
    accepted: float
    """Share of the samples whose local answer the check accepts, right or not."""
    precision: float
    """Share of the accepted local answers that are right."""

    @property
    def name(self) -> str:
        """Both names."""
        return f"{self.local.name}, then {self.cloud.name}"

    @property
    def solved(self) -> float:
        """Accepted and right, plus the cloud's share of the rest: its own solved share, taken as independent."""
        return self.accepted * self.precision + (1 - self.accepted) * self.cloud.solved

    def monthly_usd(self, work: Workload) -> float:
        """All samples at home, the refused ones in the cloud too."""
        return self.local.monthly_usd(work) + self.cloud.monthly_usd(_share(work, 1 - self.accepted))

    def seconds(self, work: Workload) -> float:
        """The mean over accepted and refused samples."""
        return self.local.seconds(work) + (1 - self.accepted) * self.cloud.seconds(work)


def _share(work: Workload, share: float) -> Workload:
    return Workload(
        samples=work.samples * share,
        input_tokens=work.input_tokens,
        output_tokens=work.output_tokens,
        cached=work.cached,
    )
