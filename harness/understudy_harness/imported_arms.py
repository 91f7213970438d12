"""Published outcomes as arms of a run: their header, their rows, in a folder that is new or holds a run already."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy_harness.benchmarks.data import file_hash
from understudy_harness.errors import SettingsError
from understudy_harness.imports import Imported, Names, Outcome
from understudy_harness.journal import Damage, secrets_of
from understudy_harness.ledger import LEDGER, Ledger, Row, Spend, read_ledger, short_hash
from understudy_harness.shapes import AIDER


def write_arms(folder: Path, benchmark: str, arms: Sequence[Imported], *, command: str) -> int:
    """Write imported arms into a run's folder, new or existing, and return the number of rows.

    Raises:
        LedgerError: The folder cannot be written.
        SettingsError: An arm of that label is there already, with other outcomes.
    """
    header = _header(folder, benchmark, arms, command)
    _refuse_taken_labels(known_arms(folder, benchmark), header["arms"])
    written = 0
    with Ledger(folder, secrets=secrets_of(os.environ)) as ledger:
        name = ledger.header(header)
        for arm, described in zip(arms, header["arms"], strict=True):
            for outcome in arm.present:
                row = _row(described, benchmark, outcome)
                if row.key not in ledger.done:
                    ledger.write(row, name)
                    written += 1
    return written


def known_arms(folder: Path, benchmark: str) -> list[dict[str, Any]]:
    """What the headers of a folder say about the arms of a benchmark."""
    if not (folder / LEDGER).is_file():
        return []
    headers = (line.record for line in read_ledger(folder) if not isinstance(line, Damage))
    arms = (arm for header in headers if header.get("kind") == "header" for arm in header.get("arms", ()))
    return [arm for arm in arms if arm.get("samples_of", arm.get("benchmark")) == benchmark]


def bare_arms(folder: Path, benchmark: str, arms: Sequence[Imported]) -> list[str]:
    """Labels of all bare arms of the small model, those in the folder first."""
    there = [str(arm["label"]) for arm in known_arms(folder, benchmark) if arm.get("kind") == "L"]
    return list(dict.fromkeys([*there, *(arm.source.label for arm in arms if arm.source.kind == "L")]))


def _refuse_taken_labels(known: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> None:
    taken = {str(arm["label"]): arm["id"] for arm in known}
    for arm in new:
        if taken.get(arm["label"], arm["id"]) != arm["id"]:
            raise SettingsError(
                f"The folder has an arm called {arm['label']!r} already, from other outcomes or read in another way. "
                f"Give this one a label of its own, such as {arm['kind']}:NAME=PATH, or choose another --out."
            )


def _header(folder: Path, benchmark: str, arms: Sequence[Imported], command: str) -> dict[str, Any]:
    samples = {outcome.sample: outcome.cluster or outcome.sample for arm in arms for outcome in arm.outcomes}
    about = _known_benchmark(folder, benchmark) or {
        "name": benchmark,
        "dataset": short_hash(sorted(samples.items())),
        "samples": len(samples),
        "clusters": len(set(samples.values())),
        "statement": {
            "check": "not known: imported outcomes",
            "grade": "as published",
            "cluster": "the column that was named"
            if any(a.cluster for arm in arms for a in arm.outcomes)
            else "the item",
            "reply": "as published",
            "source": ", ".join(sorted({arm.source.path.name for arm in arms})),
        },
    }
    return {
        "arms": [_described(arm, benchmark) for arm in arms],
        "benchmarks": [about],
        "epochs": 1 + max((outcome.epoch for arm in arms for outcome in arm.outcomes), default=0),
        "command": command,
    }


def _known_benchmark(folder: Path, name: str) -> dict[str, Any] | None:
    """What an existing run says about the benchmark; imported arms join it and change none of it."""
    if not (folder / LEDGER).is_file():
        return None
    for line in read_ledger(folder):
        if isinstance(line, Damage) or line.record.get("kind") != "header":
            continue
        for benchmark in line.record.get("benchmarks", ()):
            if benchmark["name"] == name:
                return dict(benchmark)
    return None


def _described(arm: Imported, benchmark: str) -> dict[str, Any]:
    source = arm.source
    digest = _digest(source.path)
    model = next((outcome.model for outcome in arm.outcomes if outcome.model), "")
    if not model and source.kind in ("L", "C"):  # of a scaffold's arm nothing says which model it is
        model = source.label if source.label != source.kind else source.column or source.path.stem
    condition = source.where[0] if len(source.where) == 1 else source.where or None
    identity = [source.kind, source.label, benchmark, digest, source.column, condition, *_way_of_reading(arm)]
    return {
        "id": short_hash(identity),
        "kind": source.kind,
        "label": source.label,
        "scaffold": "",
        "models": {"cloud" if source.kind in ("C", "CS") else "local": model},
        "benchmark": benchmark,
        "samples_of": benchmark,
        "imported": {
            "file": source.path.name,
            "sha256": digest,
            "column": source.column,
            "where": [list(one) for one in source.where] or None,
            "total": source.total,
            "missing": len(arm.outcomes) - len(arm.present),
            "notes": arm.notes,
        },
        "oracle_bound": source.oracle,
    }


def _way_of_reading(arm: Imported) -> list[Any]:
    """What else decides the outcomes: the same file read in another way is another arm."""
    usual, names = Names(), arm.names
    ways = ((name, getattr(names, name)) for name in ("id", "epoch", "scale", "at", "by_order", "repeats", "words"))
    return [[name, value] for name, value in ways if value != getattr(usual, name)]


def _digest(path: Path) -> str:
    """SHA-256 of a file, or of all of Aider's results in a folder."""
    if not path.is_dir():
        return file_hash(path)
    return short_hash(sorted((file.relative_to(path).as_posix(), file_hash(file)) for file in path.rglob(AIDER)))


def _row(described: Mapping[str, Any], benchmark: str, outcome: Outcome) -> Row:
    ((role, model),) = described["models"].items()
    score = outcome.score
    assert score is not None
    spend = Spend(
        model=model,
        calls=1,
        input_tokens=outcome.input_tokens,
        output_tokens=outcome.output_tokens,
        usd=outcome.usd or 0.0,
        unpriced_calls=int(outcome.usd is None),
        seconds=outcome.seconds,
    )
    return Row(
        arm=described["id"],
        benchmark=benchmark,
        sample=outcome.sample,
        epoch=outcome.epoch,
        cluster=outcome.cluster or outcome.sample,
        category=outcome.category,
        score=score,
        grade="right" if score == 1 else "wrong" if score == 0 else "partly",
        spend={role: spend},
        seconds=outcome.seconds,
    )
