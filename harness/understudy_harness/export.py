"""A run for other tools: rows as CSV, the table as Markdown, every arm as an Inspect log."""

import csv
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy_harness import stats
from understudy_harness.analysis import Analysis, ArmResult, BenchmarkResult
from understudy_harness.errors import LedgerError, SettingsError
from understudy_harness.journal import Damage
from understudy_harness.ledger import Row, RowKey, read_ledger, row_from, transcript_of
from understudy_harness.news import about_damage
from understudy_harness.saving import writing
from understudy_harness.wording import difference, money, percent

COLUMNS = (
    "benchmark",
    "arm",
    "kind",
    "model",
    "sample",
    "cluster",
    "category",
    "epoch",
    "score",
    "grade",
    "accepted",
    "usd",
    "calls",
    "input_tokens",
    "output_tokens",
    "seconds",
)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


def rows_of(folder: Path) -> Iterator[tuple[Mapping[str, Any], Row]]:
    """Yield every sound row once, with the description of its arm.

    Raises:
        LedgerError: The folder holds no ledger.
    """
    arms: dict[str, Mapping[str, Any]] = {}
    seen: set[RowKey] = set()
    for line in read_ledger(folder):
        if isinstance(line, Damage):
            continue
        record = line.record
        if record.get("kind") == "header":
            for arm in record.get("arms", ()):
                arms.setdefault(arm["id"], arm)
        elif record.get("kind") == "row":
            row = row_from(record)
            if row.key not in seen:
                seen.add(row.key)
                yield arms.get(row.arm, {"label": row.arm, "kind": "other", "models": {}}), row


def unused_lines(folder: Path) -> Iterator[str]:
    """Say which lines of a ledger do not go into an export."""
    return about_damage([line for line in read_ledger(folder) if isinstance(line, Damage)])


def write_csv(folder: Path, path: Path) -> int:
    """Write the rows as CSV, one line each, and return their number. An unpriced row has no cost, not 0."""
    number = 0
    with writing(path) as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for arm, row in rows_of(folder):
            writer.writerow(_flat(arm, row))
            number += 1
    return number


def write_logs(folder: Path, out: Path) -> list[Path]:
    """Write one Inspect log per benchmark and arm, and return their paths.

    Raises:
        Missing: inspect_ai is not installed.
    """
    # Inspect is an extra of 300 MB; CSV and Markdown do without it.
    from understudy_harness.inspect import write_log  # noqa: PLC0415

    if out.exists() and not out.is_dir():
        raise SettingsError(f"{out} is a file, and an export to eval writes a folder of logs. Choose another --out.")
    groups: dict[tuple[str, str], list[tuple[Mapping[str, Any], Row]]] = {}
    for arm, row in rows_of(folder):
        groups.setdefault((row.benchmark, row.arm), []).append((arm, row))
    if not groups:
        raise LedgerError(f"{folder} holds no rows yet, so there is nothing to export.")
    paths = []
    for (benchmark, _), rows in groups.items():
        arm = rows[0][0]
        title = _UNSAFE.sub("-", f"{benchmark} {arm['label']}").strip("-")[:100]
        path = out / f"{title}_{rows[0][1].arm}.eval"
        samples = [_logged(folder, row) for _, row in sorted(rows, key=lambda one: (one[1].sample, one[1].epoch))]
        write_log(path, task=benchmark, arm=arm["label"], model=_model(arm), samples=samples, about={"arm": dict(arm)})
        paths.append(path)
    return paths


def as_markdown(analysis: Analysis) -> str:
    """The report's table as Markdown, benchmark by benchmark: points first, the ratio last and only where it holds."""
    return "\n".join(part for result in analysis.benchmarks for part in _section(result))


def _section(result: BenchmarkResult) -> Iterator[str]:
    about = result.statement
    yield f"## {_cell(result.name)}\n"
    stated = f"; check: {about.get('check', '?')}; grade: {about.get('grade', '?')}" if about else ""
    yield f"{len(result.sample_ids)} samples in {len(set(result.clusters))} clusters{stated}\n"
    yield "| arm | model | score | lift, 95 % | remaining, 95 % | gap closed, 95 % | per solved | rows |"
    yield "|---|---|---|---|---|---|---|---|"
    contrasts = {contrast.arm.id: contrast for contrast in result.contrasts}
    for arm in result.arms:
        contrast = contrasts.get(arm.id)
        lift = remaining = closed = ""
        if contrast is not None:
            lift = difference(contrast.lift)
            remaining = difference(contrast.remaining) if contrast.remaining else ""
            if contrast.refusals:
                closed = f"not stated: {contrast.refusals[0]}"
            elif contrast.gap is not None and contrast.gap.theta is not None:
                closed = f"{100 * contrast.gap.theta:.0f} % {stats.in_words(contrast.gap.fieller)}"
        yield _line(arm, lift, remaining, closed)
    yield ""


def _line(arm: ArmResult, *parts: str) -> str:
    cells = (arm.titled, arm.model, percent(arm.mean), *parts, money(arm.usd_per_solved), str(arm.rows))
    return f"| {' | '.join(map(_cell, cells))} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _flat(arm: Mapping[str, Any], row: Row) -> dict[str, Any]:
    parts = row.spend.values()
    unpriced = not parts or any(part.unpriced_calls for part in parts)
    return {
        "benchmark": row.benchmark,
        "arm": arm["label"],
        "kind": arm["kind"],
        "model": _model(arm),
        "sample": row.sample,
        "cluster": row.cluster,
        "category": row.category,
        "epoch": row.epoch,
        "score": repr(row.score),
        "grade": row.grade,
        "accepted": "" if row.accepted is None else str(row.accepted).lower(),
        "usd": "" if unpriced else repr(row.usd),
        "calls": sum(part.calls for part in parts),
        "input_tokens": sum(part.input_tokens for part in parts),
        "output_tokens": sum(part.output_tokens for part in parts),
        "seconds": repr(row.seconds),
    }


def _logged(folder: Path, row: Row) -> Any:
    from understudy_harness.inspect import LoggedSample  # noqa: PLC0415 - see write_logs

    events = transcript_of(folder, row.transcript, row.key) if row.transcript else []
    calls = [event for event in events if event.get("kind") == "generate"]
    detail = calls[-1].get("detail", {}) if calls else {}
    answer = str(detail.get("text") or "")
    if detail.get("tool_calls"):
        answer += json.dumps(detail["tool_calls"], ensure_ascii=False)
    usage = {
        part.model: {
            "input_tokens": part.input_tokens,
            "output_tokens": part.output_tokens,
            "total_tokens": part.input_tokens + part.output_tokens,
            "input_tokens_cache_read": part.cache_read_tokens,
            "input_tokens_cache_write": part.cache_write_tokens,
            "reasoning_tokens": part.reasoning_tokens,
            **({} if part.unpriced_calls else {"total_cost": part.usd}),
        }
        for part in row.spend.values()
    }
    return LoggedSample(
        id=row.sample,
        epoch=row.epoch,
        score=row.score,
        grade=row.grade,
        detail=row.detail,
        messages=detail.get("messages", ()),
        answer=answer,
        metadata={"cluster": row.cluster, "category": row.category, "accepted": row.accepted, "calls": len(calls)},
        usage=usage,
        seconds=row.seconds,
    )


def _model(arm: Mapping[str, Any]) -> str:
    return " + ".join(dict.fromkeys(str(model) for model in arm.get("models", {}).values()))
