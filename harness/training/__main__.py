"""The commands that make the bundled models: prepare, fit, export.

What is made follows from `train.PLANS` and the seed. `fit --resume` goes on from the last save, so an interrupted build
need not begin again.
"""

from dataclasses import replace
from importlib import resources
from pathlib import Path

import click

from training import train
from training.export import export as write_gguf

SEED = 0
_OUT = Path(__file__).parent / "out"
folder_option = click.option("--folder", type=click.Path(path_type=Path), default=_OUT, show_default=True)
name_argument = click.argument("name", type=click.Choice(sorted(train.PLANS)))


@click.group()
def main() -> None:
    """Make the bundled models."""


@main.command()
@folder_option
@click.option("--count", default=train.CHATS, show_default=True, help="Chats.")
@click.option("--processes", default=2, show_default=True)
def prepare(folder: Path, count: int, processes: int) -> None:
    """Generate and tokenize the training text."""
    train.prepare(folder / "text", count, SEED, processes)


@main.command()
@name_argument
@folder_option
@click.option("--tokens", type=float, help="Millions, instead of the plan's.")
@click.option("--save-every", default=200, show_default=True, help="Steps.")
@click.option("--resume", is_flag=True, help="Go on from the last save.")
def fit(name: str, folder: Path, tokens: float | None, save_every: int, resume: bool) -> None:
    """Fit a network to the text by its plan."""
    plan = train.PLANS[name]
    plan = replace(plan, tokens=tokens) if tokens else plan
    saved = folder / f"{name}.pt"
    train.fit(plan, folder / "text", saved, save_every, saved if resume and saved.exists() else None)


@main.command()
@name_argument
@folder_option
@click.option("--target", type=click.Path(path_type=Path), help="The file. [default: where it is shipped]")
def export(name: str, folder: Path, target: Path | None) -> None:
    """Write a fitted network as GGUF."""
    target = target or Path(str(resources.files("understudy_harness.fixtures"))) / f"{name}.gguf"
    network, tokenizer = train.load(folder / f"{name}.pt")
    size = write_gguf(target, network, tokenizer, name)
    click.echo(f"{target.name}: {network.parameters_count / 1e6:.2f} M parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
