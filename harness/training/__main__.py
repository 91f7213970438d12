"""The commands that make the bundled models: prepare, fit, export, evaluate."""

from pathlib import Path

import click

from training import train
from training.export import export as write_gguf


@click.group()
def main() -> None:
    """Make the bundled models."""


@main.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True)
@click.option("--count", default=240_000)
@click.option("--seed", default=0)
@click.option("--processes", default=4)
def prepare(folder: Path, count: int, seed: int, processes: int) -> None:
    """Generate and tokenize the training text."""
    train.prepare(folder, count, seed, processes)


@main.command()
@click.option("--text", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--shape", default="nano")
@click.option("--tokens", type=float, required=True, help="Millions, padding included.")
@click.option("--decay", type=float, required=True, help="Millions of tokens at the end.")
@click.option("--rate", type=float, required=True)
@click.option("--batch", default=4096)
@click.option("--seed", default=0)
@click.option("--workers", default=1, help="Processes, each with a batch per step.")
@click.option("--save-every", default=200)
@click.option("--resume", type=click.Path(path_type=Path, exists=True))
def fit(
    text: Path,
    out: Path,
    shape: str,
    tokens: float,
    decay: float,
    rate: float,
    batch: int,
    seed: int,
    workers: int,
    save_every: int,
    resume: Path | None,
) -> None:
    """Fit a network to the text."""
    plan = train.Plan(shape=shape, tokens=tokens, decay=decay, rate=rate, batch=batch, workers=workers, seed=seed)
    train.fit(plan, text, out, save_every, resume)


@main.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="nano or ref.")
def export(run: Path, target: Path, name: str) -> None:
    """Write a fitted network as GGUF."""
    network, tokenizer = train.load(run)
    size = write_gguf(target, network, tokenizer, name)
    click.echo(f"{target}: {network.parameters_count / 1e6:.2f} M parameters, {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
