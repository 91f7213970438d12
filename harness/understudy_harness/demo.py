"""The demonstration: the two bundled models on the three families that they were trained for."""

from pathlib import Path

from understudy_harness.arms import build_arms
from understudy_harness.settings import Cell, Settings

LOCAL, CLOUD = "fixture:nano", "fixture:ref"
SAMPLES = 120
ONE_MORE = "Direct(temperature=0.8)"  # another draw without the scaffold: what luck alone gives
FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("fixture-sums", "Think()", ONE_MORE),
    ("fixture-facts", "Docs()", "Docs()@fixture-facts-decoy"),
    ("fixture-functions", "Retry()", ONE_MORE),
)
"""Benchmark, scaffold, control."""


def settings(out: Path, *, full: bool, fresh: bool = False) -> Settings:
    """The demonstration's settings; `fresh` chooses a folder that is not there yet."""
    cells = tuple(
        Cell(
            benchmark=benchmark,
            arms=build_arms(benchmark=benchmark, local=LOCAL, cloud=CLOUD, scaffolds=[scaffold], controls=[control]),
        )
        for benchmark, scaffold, control in FAMILIES
    )
    name = "demo-full" if full else "demo"
    return Settings(
        out=_unused(out, name) if fresh else out / name,
        cells=cells,
        limit=None if full else SAMPLES,
        command="make demo FULL=1" if full else "make demo",
    )


def _unused(out: Path, name: str) -> Path:
    number = 2
    while (out / f"{name}-{number}").exists():
        number += 1
    return out / f"{name}-{number}"
