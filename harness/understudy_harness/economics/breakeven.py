"""Where buying a box pays: in samples, months and tokens; and which option a workload should take."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from understudy_harness.economics.costs import Cloud, Local, Option, Workload, usd_per_solved


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """The point from which a bought box is cheaper than paying by the token."""

    samples: float
    """Infinite where the electricity alone costs more than the cloud does."""
    months: float
    tokens: float
    energy_usd: float
    """Electricity of one solved sample at home."""
    cloud_usd: float
    """The same sample in the cloud."""

    @property
    def ever(self) -> bool:
        """Whether there is such a point at all."""
        return isfinite(self.samples)


def break_even(local: Local, cloud: Cloud, work: Workload) -> BreakEven:
    """Find N* = H / (c_cloud - c_energy), all per solved sample, and the same in months and tokens.

    Both are counted per solved sample, so that a box that is wrong more often has to earn more.
    """
    energy = local.energy_per_sample(work) / local.solved if local.solved else inf
    paid = cloud.usd_per_sample(work) / cloud.solved if cloud.solved else inf
    hardware = local.hardware_usd(work)
    saved = paid - energy
    solved = hardware / saved if saved > 0 else inf
    asked = solved / local.solved if local.solved else inf
    return BreakEven(
        samples=asked,
        months=asked / work.samples if work.samples else inf,
        tokens=asked * work.tokens if isfinite(asked) else inf,
        energy_usd=energy,
        cloud_usd=paid,
    )


@dataclass(frozen=True, kw_only=True)
class Line:
    """One option of a decision."""

    option: Option
    monthly_usd: float
    usd_per_solved: float
    solved_per_month: float
    seconds: float
    hours_per_solved: float
    dominated_by: str | None
    """An option that solves at least as much for less."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The cheapest option per solved sample that solves enough, and why."""

    best: Line | None
    lines: tuple[Line, ...]
    need: float
    reason: str


def decide(options: Sequence[Option], work: Workload, *, need: float = 0.0) -> Decision:
    """Choose the cheapest option per solved sample among those that solve at least the share `need`."""
    lines = tuple(_line(option, options, work) for option in options)
    enough = [line for line in lines if line.option.solved >= need and isfinite(line.usd_per_solved)]
    if not enough:
        most = max((line.option.solved for line in lines), default=0.0)
        reason = f"No option solves {need:.0%} of the samples; the most is {most:.0%}."
        if most == 0:
            reason = "No option solves anything, so a solved sample has no price."
        return Decision(best=None, lines=lines, need=need, reason=reason)
    best = min(enough, key=lambda line: (line.usd_per_solved, -line.option.solved))
    others = [line for line in enough if line is not best]
    reason = f"{best.option.name} costs ${best.usd_per_solved:.4g} per solved sample"
    if others:
        next_best = min(others, key=lambda line: line.usd_per_solved)
        reason += f", {next_best.option.name} ${next_best.usd_per_solved:.4g}"
    better = [line for line in lines if line.option.solved > best.option.solved + 1e-9]
    if better:
        most_solved = max(better, key=lambda line: line.option.solved)
        reason += (
            f"; {most_solved.option.name} solves {most_solved.option.solved:.0%} instead of {best.option.solved:.0%}"
        )
    return Decision(best=best, lines=lines, need=need, reason=reason + ".")


def crossing(one: Option, other: Option, work: Workload, *, most: float = 1e9) -> float | None:
    """The number of samples a month from which the cheaper option per solved sample changes; None where it never does.

    Found by bisection between 1 and `most`; with options that come in steps (boxes, plans) it is the first change met.
    """

    def ahead(samples: float) -> bool:
        there = replace(work, samples=samples)
        return usd_per_solved(one, there) < usd_per_solved(other, there)

    low, high = 1.0, most
    if ahead(low) == ahead(high):
        return None
    start = ahead(low)
    while high / low > 1.0001:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if ahead(middle) == start else (low, middle)
    return high


def _line(option: Option, options: Sequence[Option], work: Workload) -> Line:
    monthly = option.monthly_usd(work)
    cheaper = (
        other.name
        for other in options
        if other is not option and other.solved >= option.solved and other.monthly_usd(work) < monthly
    )
    seconds = option.seconds(work)
    return Line(
        option=option,
        monthly_usd=monthly,
        usd_per_solved=usd_per_solved(option, work),
        solved_per_month=work.samples * option.solved,
        seconds=seconds,
        hours_per_solved=seconds / 3600 / option.solved if option.solved else inf,
        dominated_by=next(cheaper, None),
    )
