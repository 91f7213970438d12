"""`understudy gap costs`: should this workload run locally, in the cloud, or both?"""

import json
from collections.abc import Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console
from rich.table import Table

from understudy.budget import TokenPrice
from understudy.models.prices import price_of
from understudy_harness.economics import first_principles, plot
from understudy_harness.economics.breakeven import BreakEven, Decision, break_even, crossing, decide
from understudy_harness.economics.costs import Both, Cloud, Local, Option, Subscription, Workload
from understudy_harness.economics.hardware import BOXES, LIFE_MONTHS, USD_PER_KWH, Box
from understudy_harness.errors import SettingsError
from understudy_harness.saving import save

if TYPE_CHECKING:
    from understudy_harness.economics.measured import Measured

SHARE = click.FloatRange(0, 1)
ABOVE = click.FloatRange(min=0, min_open=True)
_NEVER = "never"
_VERDICTS: dict[type | None, str] = {
    Local: "Local.",
    Cloud: "Cloud.",
    Both: "Both: local first.",
    Subscription: "The subscription.",
    None: "None of these.",
}


@click.command()
@click.option("--box", default="strix-halo-gpt-oss-20b", show_default=True, help="A known box; --boxes lists them.")
@click.option("--speed", type=ABOVE, help="Tokens per second it writes, instead of the known speed.")
@click.option("--reading", type=ABOVE, help="Tokens per second it reads.")
@click.option("--watts", type=click.FloatRange(min=0), help="While it answers.")
@click.option("--box-price", type=click.FloatRange(min=0), help="US dollars.")
@click.option("--owned", is_flag=True, help="The box is there anyway: only its electricity counts.")
@click.option("--life", type=ABOVE, default=LIFE_MONTHS, show_default=True, help="Months the box is used.")
@click.option("--kwh", type=click.FloatRange(min=0), default=USD_PER_KWH, show_default=True, help="US dollars per kWh.")
@click.option("--cloud", multiple=True, metavar="SPEC", help="Model that is paid by the token. Repeatable.")
@click.option("--batch", is_flag=True, help="Cloud calls by batch, where it has a price.")
@click.option("--subscription", metavar="USD:MTOK", help="A flat price a month for so many million tokens.")
@click.option("--samples", type=ABOVE, default=10_000, show_default=True, help="Samples a month.")
@click.option("--input", "input_tokens", type=click.FloatRange(min=0), default=10_000, show_default=True)
@click.option("--output", "output_tokens", type=ABOVE, default=1_000, show_default=True)
@click.option("--cached", type=SHARE, default=0.0, show_default=True, help="Share of the input read from a cache.")
@click.option("--local-solved", type=SHARE, default=1.0, show_default=True, help="Share that the local model solves.")
@click.option("--cloud-solved", type=SHARE, default=1.0, show_default=True, help="Share that the cloud model solves.")
@click.option("--accepted", type=SHARE, help="Share of local answers a check accepts: adds 'local, then cloud'.")
@click.option(
    "--precision", type=SHARE, default=1.0, show_default=True, help="Share of the accepted ones that are right."
)
@click.option("--run", "folder", type=click.Path(file_okay=False, path_type=Path), help="Figures of a run instead.")
@click.option("--local-arm", metavar="LABEL", help="With --run. [default: the best arm of the small model]")
@click.option("--cloud-arm", metavar="LABEL", help="With --run. [default: the bare large model]")
@click.option("--need", type=SHARE, default=0.0, show_default=True, help="Least share that must be solved.")
@click.option(
    "--hour", type=click.FloatRange(min=0), default=0.0, show_default=True, help="US dollars an hour of waiting costs."
)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the plot.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--boxes", "list_boxes", is_flag=True, help="List the known boxes with their sources, and stop.")
@click.option("--published", is_flag=True, help="Work out a published first-principles analysis, and stop.")
def costs(**options: object) -> None:
    """Should this workload run locally, in the cloud, or both?

    Figures of boxes and prices are dated defaults; every one of them is an option.
    """
    chosen = _Chosen(**options)  # type: ignore[arg-type]
    if chosen.list_boxes:
        _show_boxes()
    elif chosen.published:
        _show_published()
    else:
        _answer(chosen)


class _Chosen:
    """The options by name."""

    def __init__(
        self,
        *,
        box: str,
        cloud: Sequence[str],
        subscription: str | None,
        accepted: float | None,
        folder: Path | None,
        local_arm: str | None,
        cloud_arm: str | None,
        svg: Path | None,
        html: Path | None,
        as_json: bool,
        list_boxes: bool,
        published: bool,
        owned: bool,
        batch: bool,
        speed: float | None,
        reading: float | None,
        watts: float | None,
        box_price: float | None,
        **numbers: float,
    ) -> None:
        self.cloud, self.subscription, self.accepted = cloud, subscription, accepted
        self.svg, self.html, self.as_json = svg, html, as_json
        self.list_boxes, self.published, self.batch = list_boxes, published, batch
        self.numbers = numbers
        self.measured = None if folder is None else _measured(folder, local_arm, cloud_arm)
        self.box = _box(box, speed=speed, reading=reading, watts=watts, price=0.0 if owned else box_price)
        arm = self.measured.cloud if self.measured else None
        self.work = Workload(
            samples=numbers["samples"],
            input_tokens=arm.tokens_in if arm else numbers["input_tokens"],
            output_tokens=arm.tokens_out if arm else numbers["output_tokens"],
            cached=numbers["cached"],
            seconds_worth_usd=numbers["hour"] / 3600,
        )


def _measured(folder: Path, local: str | None, cloud: str | None) -> "Measured":
    # Reading a run needs numpy; working out costs from figures on the command line does not.
    from understudy_harness.economics.measured import measure  # noqa: PLC0415

    return measure(folder, local=local, cloud=cloud)


def _box(name: str, *, speed: float | None, reading: float | None, watts: float | None, price: float | None) -> Box:
    known = BOXES.get(name)
    if known is None:
        if speed is None or watts is None:
            listed = ", ".join(BOXES)
            raise SettingsError(f"No box is called {name!r}. Known: {listed}. Or give --speed and --watts of your own.")
        known = Box(name=name, output_per_s=speed, watts=watts)
    changes = {"output_per_s": speed, "input_per_s": reading, "watts": watts, "price_usd": price}
    return replace(known, **{key: value for key, value in changes.items() if value is not None})  # type: ignore[arg-type]


def _answer(chosen: _Chosen) -> None:
    work = chosen.work
    local = _local(chosen)
    clouds = _clouds(chosen)
    if not clouds:
        raise SettingsError("Name what the box is compared with: --cloud SPEC, such as --cloud deepseek:deepseek-chat.")
    options: list[Option] = [local, *clouds]
    accepted, precision = _trusted(chosen)
    if accepted is not None:
        options += [Both(local=local, cloud=cloud, accepted=accepted, precision=precision) for cloud in clouds]
    if chosen.subscription:
        options.append(_subscription(chosen.subscription, clouds[0].solved))
    decision = decide(options, work, need=chosen.numbers["need"])
    points = [(cloud, break_even(local, cloud, work)) for cloud in clouds]
    words = _words(decision, local, points, work)
    if chosen.measured is not None:
        words.append(chosen.measured.words())
    lines = plot.series(options, work)
    _write(chosen, lines, words)
    if chosen.as_json:
        click.echo(json.dumps(_data(decision, points), indent=1))
        return
    console = Console()
    console.print(_table(decision))
    for paragraph in words:
        click.echo(paragraph)
    click.echo(f"\n{plot.as_text(lines)}")


def _local(chosen: _Chosen) -> Local:
    box = replace(chosen.box, life_months=chosen.numbers["life"])
    if box.price_usd is None:
        raise SettingsError(f"The price of the box {box.name!r} is not known. Add --box-price USD, or --owned.")
    solved, seconds = chosen.numbers["local_solved"], None
    if chosen.measured is not None:
        arm = chosen.measured.local
        solved, seconds = arm.mean, arm.model_seconds.value if arm.model_seconds else None
    return Local(box=box, solved=solved, usd_per_kwh=chosen.numbers["kwh"], sample_seconds=seconds)


def _clouds(chosen: _Chosen) -> list[Cloud]:
    clouds = [_cloud(spec, chosen) for spec in chosen.cloud]
    if chosen.measured is None:
        return clouds
    arm = chosen.measured.cloud
    if clouds:
        return [replace(cloud, solved=arm.mean) for cloud in clouds]
    if not arm.usd_per_sample:
        raise SettingsError(f"The run has no price for {arm.label}. Add --cloud SPEC to price its tokens.")
    return [Cloud(name=arm.model, price=TokenPrice(), solved=arm.mean, sample_usd=arm.usd_per_sample)]


def _trusted(chosen: _Chosen) -> tuple[float | None, float]:
    """The share that the check accepts, and the share of it that is right."""
    if chosen.accepted is None and chosen.measured is not None:
        return chosen.measured.accepted, chosen.measured.precision
    return chosen.accepted, chosen.numbers["precision"]


def _cloud(spec: str, chosen: _Chosen) -> Cloud:
    price = price_of(f"batch:{spec}" if chosen.batch else spec)
    if price is None:
        kind = "batch price" if chosen.batch else "price"
        raise SettingsError(f"The {kind} of {spec!r} is unknown. Give it in the file that UNDERSTUDY_PRICES names.")
    name = f"{spec} (batch)" if chosen.batch else spec
    return Cloud(name=name, price=price, solved=chosen.numbers["cloud_solved"])


def _subscription(text: str, solved: float) -> Subscription:
    usd, _, mtok = text.partition(":")
    try:
        price, tokens = float(usd), float(mtok) * 1e6
    except ValueError:
        price = tokens = 0.0
    if price <= 0 or tokens <= 0:
        raise SettingsError(f"--subscription {text!r} is not USD:MTOK; $20 a month for 30 million tokens is 20:30.")
    return Subscription(name=f"subscription ${price:g}", usd_per_month=price, tokens_per_month=tokens, solved=solved)


def _words(decision: Decision, local: Local, points: Sequence[tuple[Cloud, BreakEven]], work: Workload) -> list[str]:
    said = [f"{_VERDICTS[type(decision.best.option) if decision.best else None]} {decision.reason}"]
    for cloud, point in points:
        if not point.ever:
            said.append(
                f"Against {cloud.name} the box never pays: a solved sample costs ${point.energy_usd:.4g} of "
                f"electricity alone and ${point.cloud_usd:.4g} there."
            )
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
            said.append(f"At about {volume:,.0f} samples a month the cheaper of the two changes.")
    return said


def _table(decision: Decision) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("option", "$ a month", "solved", "$ per solved", "seconds", "hours per solved"):
        table.add_column(name, justify="left" if name == "option" else "right", no_wrap=name != "option")
    for line in decision.lines:
        best = decision.best is not None and line.option is decision.best.option
        per_solved = f"{line.usd_per_solved:.4g}" if isfinite(line.usd_per_solved) else _NEVER
        table.add_row(
            f"{'> ' if best else '  '}{line.option.name}",
            f"{line.monthly_usd:,.2f}",
            f"{line.option.solved:.0%}",
            per_solved,
            f"{line.seconds:.1f}" if line.seconds else "",
            f"{line.hours_per_solved:.4f}" if line.seconds else "",
        )
    return table


def _data(decision: Decision, points: Sequence[tuple[Cloud, BreakEven]]) -> dict[str, object]:
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
                "energy_usd_per_solved": point.energy_usd,
                "cloud_usd_per_solved": point.cloud_usd,
            }
            for cloud, point in points
        ],
    }


def _write(chosen: _Chosen, lines: Sequence[plot.Series], words: Sequence[str]) -> None:
    svg = plot.as_svg(lines, "US dollars a month against samples a month")
    for path, text in ((chosen.svg, svg), (chosen.html, plot.as_html(svg, words))):
        if path is not None:
            save(path, text)


def _show_boxes() -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("--box", "what", "tok/s", "reads", "watts", "$", "source"):
        table.add_column(name)
    for key, box in BOXES.items():
        reading = f"{box.input_per_s:g}" if box.input_per_s else "?"
        price = f"{box.price_usd:g}" if box.price_usd is not None else "?"
        table.add_row(key, box.name, f"{box.output_per_s:g}", reading, f"{box.watts:g}", price, box.source)
    Console().print(table)


def _show_published() -> None:
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
