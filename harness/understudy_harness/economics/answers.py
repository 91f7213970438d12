"""What `understudy gap costs` says: the table, the answer in words, what was assumed, and the same as data."""

from collections.abc import Sequence
from dataclasses import replace
from math import isfinite

import click
from rich.table import Table

from understudy_harness.economics import first_principles
from understudy_harness.economics.breakeven import BreakEven, Decision, crossing
from understudy_harness.economics.costs import Both, Cloud, Local, Subscription, Workload, usd_per_solved
from understudy_harness.economics.hardware import BOXES

_NEVER = "never"
_VERDICTS: dict[type | None, str] = {
    Local: "Local.",
    Cloud: "Cloud.",
    Both: "Both: local first.",
    Subscription: "The subscription.",
    None: "None of these.",
}


def words(decision: Decision, local: Local, points: Sequence[tuple[Cloud, BreakEven]], work: Workload) -> list[str]:
    """The answer, and for every cloud model when the box pays."""
    said = [f"{_VERDICTS[type(decision.best.option) if decision.best else None]} {decision.reason}"]
    for cloud, point in points:
        if not point.ever:
            said.append(f"Against {cloud.name} the box never pays: {_why_never(point)}.")
            continue
        if point.samples == 0:
            said.append(f"Against {cloud.name} the box, which is there anyway, is cheaper from the first sample.")
            continue
        late = " That is longer than the box lives." if point.months > local.box.life_months else ""
        said.append(
            f"Against {cloud.name} the box has paid for itself after {point.samples:,.0f} samples, {point.months:,.1f} "
            f"months, {point.tokens / 1e6:,.0f} million tokens.{late}"
        )
        volume = crossing(local, cloud, work)
        if volume is not None:
            small = replace(work, samples=1.0)
            few, many = cloud.name, "the box"
            if usd_per_solved(local, small) < usd_per_solved(cloud, small):
                few, many = many, few
            said.append(
                f"Below about {volume:,.0f} samples a month {few} costs less per solved sample, above it {many}."
            )
    return said


def _why_never(point: BreakEven) -> str:
    if not isfinite(point.energy_usd):
        return "the local model solves nothing"
    if not isfinite(point.cloud_usd):
        return "there is nothing to save, since the cloud model solves nothing"
    return f"a solved sample costs ${point.energy_usd:.4g} of electricity alone and ${point.cloud_usd:.4g} there"


def assumed(local: Local, clouds: Sequence[Cloud], work: Workload, *, measured: bool) -> str:
    """What the answer rests on, in one paragraph."""
    box = local.box
    price = "its price not counted" if not box.price_usd else f"${box.price_usd:,.0f} over {box.life_months:g} months"
    tokens = f"{work.input_tokens:,.0f} tokens in and {work.output_tokens:,.0f} out"
    said = f"Assumed: {work.samples:,.0f} samples a month of {tokens}; {box.name}: {price}, {box.watts:g} W while it "
    said += f"answers at ${local.usd_per_kwh:g} per kWh"
    said += "" if local.sample_seconds else f", {box.output_per_s:g} tokens/s"
    prices = [f"{one.name}: ${one.price.input:g} in, ${one.price.output:g} out" for one in clouds if one.price.output]
    said += f"; per million tokens {'; '.join(prices)}" if prices else ""
    if not measured and local.solved == 1 and all(cloud.solved == 1 for cloud in clouds):
        said += ". Both are taken to solve everything: give --local-solved and --cloud-solved, or --run"
    return said + "."


def table(decision: Decision) -> Table:
    """Every option with its cost a month and per solved sample, and its time in seconds and hours."""
    found = Table(box=None, pad_edge=False)
    found.add_column("", no_wrap=True)
    found.add_column("option", overflow="fold")
    for name in ("$ a month", "solved", "$ per solved", "s a sample", "h per solved"):
        found.add_column(name, justify="right", no_wrap=True)
    for line in decision.lines:
        best = decision.best is not None and line.option is decision.best.option
        found.add_row(
            ">" if best else "",
            line.option.name,
            _amount(line.monthly_usd),
            f"{line.option.solved:.0%}",
            f"{line.usd_per_solved:.4g}" if isfinite(line.usd_per_solved) else _NEVER,
            _amount(line.seconds, 1) if line.seconds else "",
            f"{line.hours_per_solved:.4g}" if line.seconds and isfinite(line.hours_per_solved) else "",
        )
    return found


def _amount(value: float, digits: int = 2) -> str:
    return f"{value:,.{digits}f}" if value < 1e9 else f"{value:.3g}"


def data(decision: Decision, points: Sequence[tuple[Cloud, BreakEven]]) -> dict[str, object]:
    """The same as JSON data; what is infinite is null."""

    def finite(value: float) -> float | None:
        return value if isfinite(value) else None

    return {
        "best": decision.best.option.name if decision.best else None,
        "reason": decision.reason,
        "options": [
            {
                "name": line.option.name,
                "usd_per_month": finite(line.monthly_usd),
                "usd_per_solved": finite(line.usd_per_solved),
                "solved": line.option.solved,
                "seconds": line.seconds,
                "dominated_by": line.dominated_by,
            }
            for line in decision.lines
        ],
        "break_even": [
            {
                "against": cloud.name,
                "samples": finite(point.samples),
                "months": finite(point.months),
                "tokens": finite(point.tokens),
                "energy_usd_per_solved": finite(point.energy_usd),
                "cloud_usd_per_solved": finite(point.cloud_usd),
            }
            for cloud, point in points
        ],
    }


def show_boxes() -> None:
    """List the known boxes, each with its figures and where they come from."""
    for key, box in BOXES.items():
        reading = f"{box.input_per_s:g}" if box.input_per_s else "unknown"
        price = f"${box.price_usd:,.0f}" if box.price_usd is not None else "price unknown, give --box-price"
        click.echo(
            f"{key}\n  {box.name}: writes {box.output_per_s:g} tokens/s, reads {reading}; {box.watts:g} W; {price}"
        )
        click.echo(f"  {box.source}")


def show_published() -> None:
    """Work out a published analysis from its own assumptions, and say what does not fit."""
    cluster = first_principles.ALDERSON
    plain = first_principles.monthly_usd(10, 0.1, 0.003, 3.08)
    fitted = first_principles.monthly_usd(10, 0.1, 0.005, 5.13)
    click.echo(
        f"72 H100 at $2 an hour, 37B active parameters: {cluster.passes_per_s:.0f} passes a second, "
        f"${cluster.usd_per_mtok_in:.5f} per million tokens in, ${cluster.usd_per_mtok_out:.2f} out.\n"
        f"10M tokens in and 100k out a day: ${plain:.2f} a month from these unit costs; published: ${fitted:.2f}.\n"
    )
    for sentence in first_principles.INCONSISTENCIES:
        click.echo(f"- {sentence}")
