"""What a run is asked to do, and the rows that follow from it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy.budget import Budget
from understudy_harness.arms import Arm, read_scaffold
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.errors import SettingsError
from understudy_harness.row import Work
from understudy_harness.sample import Benchmark, Sample, Split, dataset_hash

DOCS_WAIT_S = 600.0
"""On 2026-11-22 the bundled model embedded 40 chunks a second on one core: enough for 24,000, ten large packages."""


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One of several processes that share a run's rows."""

    index: int
    """From 1."""
    count: int

    def __post_init__(self) -> None:
        if self.count < 1:
            raise SettingsError(f"--shard {self.index}/{self.count} has no parts. Write 1/4 for the first of four.")
        if not 1 <= self.index <= self.count:
            raise SettingsError(
                f"--shard {self.index}/{self.count} is none of 1/{self.count} to {self.count}/{self.count}."
            )

    def holds(self, sample: str, epoch: int) -> bool:
        """Whether this process runs the rows of a sample; all arms of a sample stay together."""
        digest = hashlib.sha256(f"shard/{epoch}/{sample}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.index - 1


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The arms that are compared on one benchmark."""

    benchmark: str
    arms: tuple[Arm, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One run."""

    out: Path
    cells: tuple[Cell, ...]
    epochs: int = 1
    limit: int | None = None
    """Samples per benchmark, drawn by the seed; None is all."""
    split: Split = "dev"
    seed: int = 0
    row_budget: Budget = Budget()
    most_usd: float | None = None
    """Of the whole run."""
    concurrency: int | None = None
    """Rows in flight per model; None asks each endpoint."""
    shard: Shard | None = None
    servers: Mapping[str, str] = field(default_factory=dict)
    """Name -> command line or URL, instead of our own."""
    docs_wait_s: float = DOCS_WAIT_S
    """How long rows that read documentation wait for the docs server's index."""
    command: str = ""
    """How to run it again."""

    def __post_init__(self) -> None:
        for name, value in (("--epochs", self.epochs), ("--limit", self.limit), ("--concurrency", self.concurrency)):
            if value is not None and value < 1:
                raise SettingsError(f"{name} must be at least 1, not {value}.")


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A cell with its samples in memory."""

    cell: Cell
    benchmark: Benchmark
    samples: tuple[Sample, ...]
    dataset: str
    """Hash of all samples of the split, before a limit."""
    others: Mapping[str, tuple[Benchmark, Mapping[str, Sample]]]
    """The samples of controls that take them from elsewhere, by benchmark and id."""

    def source(self, arm: Arm, sample: Sample) -> tuple[Benchmark, Sample]:
        """Where an arm's version of a sample comes from."""
        if arm.samples_of == self.cell.benchmark:
            return self.benchmark, sample
        benchmark, samples = self.others[arm.samples_of]
        return benchmark, samples[sample.id]


def load(settings: Settings) -> tuple[Loaded, ...]:
    """Read every benchmark's samples.

    Raises:
        BenchmarkError: One is unknown or broken.
        SettingsError: There is nothing to run, or a control's samples do not pair.
    """
    return tuple(_loaded(cell, settings) for cell in settings.cells)


def plan_work(cells: Sequence[Loaded], settings: Settings) -> Iterator[Work]:
    """Yield every row in the order in which it is to run: all arms of a sample beside each other in time.

    Interleaving keeps a drifting cloud model or a heating machine from favoring whichever arm went first.
    """
    scaffolds = {arm.scaffold: read_scaffold(arm.scaffold) for loaded in cells for arm in loaded.cell.arms}
    for epoch in range(settings.epochs):
        for loaded in cells:
            for sample in loaded.samples:
                if settings.shard and not settings.shard.holds(sample.id, epoch):
                    continue
                for arm in loaded.cell.arms:
                    benchmark, version = loaded.source(arm, sample)
                    yield Work(
                        arm=arm,
                        scaffold=scaffolds[arm.scaffold],
                        sample=version,
                        epoch=epoch,
                        benchmark=benchmark,
                    )


def drawn(samples: Sequence[Sample], limit: int | None, seed: int) -> tuple[Sample, ...]:
    """Put samples in a random order that the seed fixes, and keep the first `limit`."""
    ordered = sorted(samples, key=lambda sample: hashlib.sha256(f"order/{seed}/{sample.id}".encode()).digest())
    return tuple(ordered[:limit])


def _loaded(cell: Cell, settings: Settings) -> Loaded:
    benchmark = open_benchmark(cell.benchmark)
    samples = tuple(benchmark.samples(settings.split))
    if not samples:
        raise SettingsError(f"{cell.benchmark} has no samples in its {settings.split!r} split. Try --split all.")
    others = {}
    for name in {arm.samples_of for arm in cell.arms} - {cell.benchmark}:
        other = open_benchmark(name)
        found = {sample.id: sample for sample in other.samples(settings.split)}
        missing = [sample.id for sample in samples if sample.id not in found]
        if missing:
            raise SettingsError(
                f"The control's {name} lacks {len(missing)} samples of {cell.benchmark}, such as {missing[0]!r}. "
                "A control needs the same ids."
            )
        others[name] = (other, found)
    return Loaded(
        cell=cell,
        benchmark=benchmark,
        samples=drawn(samples, settings.limit, settings.seed),
        dataset=dataset_hash(samples),
        others=others,
    )
