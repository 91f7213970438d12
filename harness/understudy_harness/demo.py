"""The demonstration: the two bundled models on the three families that they were trained for."""

from collections import Counter
from pathlib import Path

from understudy_harness.arms import build_arms
from understudy_harness.journal import Damage
from understudy_harness.ledger import LEDGER, read_ledger
from understudy_harness.settings import Cell, Settings

LOCAL, CLOUD = "fixture:nano", "fixture:ref"
SAMPLES = 120
ONE_MORE = "Direct(temperature=0.8)"  # another draw without the scaffold: what luck alone gives
FAMILIES: tuple[tuple[str, str, str], ...] = (
    ("fixture-sums", "Think()", ONE_MORE),
    ("fixture-facts", "Docs()", "Docs()@fixture-facts-decoy"),
    # Reading what failed helps these models less than trying afresh: docs/results/2026-11-22-fixture-training.md.
    ("fixture-functions", "Retry(tries=10, show='nothing', stale=0)", ONE_MORE),
)
"""Benchmark, scaffold, control."""


def settings(out: Path, *, full: bool) -> Settings:
    """The demonstration's settings: a folder that was interrupted is finished, a finished one is left alone."""
    cells = tuple(
        Cell(
            benchmark=benchmark,
            arms=build_arms(benchmark=benchmark, local=LOCAL, cloud=CLOUD, scaffolds=[scaffold], controls=[control]),
        )
        for benchmark, scaffold, control in FAMILIES
    )
    return Settings(
        out=_folder(out, "demo-full" if full else "demo"),
        cells=cells,
        limit=None if full else SAMPLES,
        split="test",
        command="make demo FULL=1" if full else "make demo",
    )


def _folder(out: Path, name: str) -> Path:
    folder, number = out / name, 1
    while (folder / LEDGER).exists() and _is_finished(folder):
        number += 1
        folder = out / f"{name}-{number}"
    return folder


def _is_finished(folder: Path) -> bool:
    """Whether every row that the ledger's first header plans is there."""
    rows, planned = 0, 0
    for line in read_ledger(folder):
        if isinstance(line, Damage):
            continue
        kind = line.record.get("kind")
        if kind == "header" and not planned:
            arms = Counter(arm["benchmark"] for arm in line.record.get("arms", ()))
            planned = sum(entry["samples"] * arms[entry["name"]] for entry in line.record.get("benchmarks", ()))
        rows += kind == "row"
    return 0 < planned <= rows
