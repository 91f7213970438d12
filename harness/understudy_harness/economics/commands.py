"""`understudy gap costs`: should this workload run locally, in the cloud, or both?"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource
from rich.console import Console

from understudy.budget import TokenPrice
from understudy.models.prices import price_of
from understudy_harness.economics import plot
from understudy_harness.economics.answers import assumed, data, show_boxes, show_published, table, words
from understudy_harness.economics.breakeven import break_even, decide
from understudy_harness.economics.costs import Both, Cloud, Local, Option, Subscription, Workload
from understudy_harness.economics.hardware import BOXES, LIFE_MONTHS, USD_PER_KWH, Box
from understudy_harness.errors import SettingsError
from understudy_harness.saving import save

if TYPE_CHECKING:
    from understudy_harness.economics.measured import Measured

SHARE = click.FloatRange(0, 1)
ABOVE = click.FloatRange(min=0, min_open=True)
_FROM_RUN = ("local_solved", "cloud_solved", "input_tokens", "output_tokens")
_ONLY_WITH = {"local_arm": "folder", "cloud_arm": "folder", "precision": "accepted"}


@click.command()
@click.option("--box", default="strix-halo-gpt-oss-20b", show_default=True, help="A known box; --boxes lists them.")
@click.option("--speed", type=ABOVE, help="Tokens per second it writes, instead of the known speed.")
@click.option("--reading", type=ABOVE, help="Tokens per second it reads; else reading takes no time.")
@click.option(
    "--watts", type=click.FloatRange(min=0), help="Watts the box draws while it answers, instead of the known figure."
)
@click.option("--box-price", type=click.FloatRange(min=0), help="Price of the box in US dollars.")
@click.option("--owned", is_flag=True, help="The box is there anyway: only its electricity counts.")
@click.option("--life", type=ABOVE, default=LIFE_MONTHS, show_default=True, help="Months the box is used.")
@click.option("--kwh", type=click.FloatRange(min=0), default=USD_PER_KWH, show_default=True, help="US dollars per kWh.")
@click.option("--cloud", multiple=True, metavar="SPEC", help="Model that is paid by the token. Repeatable.")
@click.option("--batch", is_flag=True, help="Cloud calls at batch prices.")
@click.option("--subscription", metavar="USD:MTOK", help="A flat price a month for so many million tokens.")
@click.option("--samples", type=ABOVE, default=10_000, show_default=True, help="Samples a month.")
@click.option(
    "--input", "input_tokens", type=click.FloatRange(min=0), default=10_000, show_default=True,
    help="Tokens read per sample.",
)  # fmt: skip
@click.option(
    "--output", "output_tokens", type=ABOVE, default=1_000, show_default=True, help="Tokens written per sample."
)
@click.option("--cached", type=SHARE, default=0.0, show_default=True, help="Share of the input read from a cache.")
@click.option("--local-solved", type=SHARE, default=1.0, show_default=True, help="Share that the local model solves.")
@click.option("--cloud-solved", type=SHARE, default=1.0, show_default=True, help="Share that the cloud model solves.")
@click.option("--accepted", type=SHARE, help="Share of local answers a check accepts: adds 'local, then cloud'.")
@click.option(
    "--precision", type=SHARE, default=1.0, show_default=True, help="Share of the accepted ones that are right."
)
@click.option(
    "--run",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of a run: its shares, tokens and seconds.",
)
@click.option("--local-arm", metavar="LABEL", help="With --run. [default: the best arm of the small model]")
@click.option("--cloud-arm", metavar="LABEL", help="With --run. [default: the bare large model]")
@click.option("--need", type=SHARE, default=0.0, show_default=True, help="Least share that must be solved.")
@click.option(
    "--hour", type=click.FloatRange(min=0), default=0.0, show_default=True, help="US dollars an hour of waiting costs."
)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the plot as SVG.")
@click.option("--html", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with answer and plot.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead.")
@click.option("--boxes", "list_boxes", is_flag=True, help="List the known boxes with their sources, and stop.")
@click.option("--published", is_flag=True, help="Work out a published first-principles analysis, and stop.")
@click.pass_context
def costs(context: click.Context, /, *, list_boxes: bool, published: bool, **options: object) -> None:
    """Should this workload run locally, in the cloud, or both?

    Figures of boxes and prices are dated defaults; every one of them is an option.
    """
    if list_boxes:
        show_boxes()
    elif published:
        show_published()
    else:
        _refuse_unused({name for name in options if context.get_parameter_source(name) != ParameterSource.DEFAULT})
        _answer(_Chosen(**options))  # type: ignore[arg-type]


def _refuse_unused(given: set[str]) -> None:
    """Refuse an option that would change nothing beside the others."""
    spelled = {"folder": "--run", "input_tokens": "--input", "output_tokens": "--output"}
    names = {name: spelled.get(name, f"--{name.replace('_', '-')}") for name in (*given, *_ONLY_WITH.values())}
    for name, needed in _ONLY_WITH.items():
        if name in given and needed not in given:
            raise SettingsError(f"{names[name]} means something only with {names[needed]}. Add that, or leave it out.")
    if {"owned", "box_price"} <= given:
        raise SettingsError("--owned counts no price, and --box-price gives one. Leave one of them out.")
    for name in _FROM_RUN if "folder" in given else ():
        if name in given:
            raise SettingsError(f"--run takes what {names[name]} says from the run. Leave one of them out.")


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
        self.batch = batch
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
    said = words(decision, local, points, work)
    said.append(assumed(local, clouds, work, measured=chosen.measured is not None))
    if chosen.measured is not None:
        said.append(chosen.measured.words())
    lines = plot.series(options, work)
    _write(chosen, lines, said)
    if chosen.as_json:
        click.echo(json.dumps(data(decision, points), indent=1))
        return
    console = Console()
    console.print(table(decision))
    for paragraph in said:
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


def _write(chosen: _Chosen, lines: Sequence[plot.Series], said: Sequence[str]) -> None:
    svg = plot.as_svg(lines, "US dollars a month against samples a month")
    for path, text in ((chosen.svg, svg), (chosen.html, plot.as_html(svg, said))):
        if path is not None:
            save(path, text)
