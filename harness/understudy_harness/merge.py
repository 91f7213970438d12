"""Join the folders of shards: rows go into one ledger, each once, transcripts with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy_harness.errors import LedgerError
from understudy_harness.journal import Damage
from understudy_harness.ledger import LEDGER, Ledger, Row, RowKey, read_ledger, row_from, transcript_of

_SAID = ("error", "of", "message", "usd")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What came together."""

    rows: int
    doubled: int
    """Rows that stood in more than one folder; the first counts."""
    differing: int
    """Of them, rows whose scores differ."""
    damage: tuple[tuple[Path, Damage], ...]


def merge(parts: Sequence[Path], out: Path, *, secrets: tuple[str, ...] = ()) -> Merged:
    """Write the rows of all `parts` into `out`, which may hold some of them already.

    Raises:
        LedgerError: A part holds no ledger, is `out` itself, or has other data under the same benchmark's name.
    """
    if any(part.resolve() == out.resolve() for part in parts):
        raise LedgerError(f"{out} is one of the parts. Choose another --out.")
    damage: list[tuple[Path, Damage]] = []
    _same_data([*parts, out] if (out / LEDGER).is_file() else parts)  # before anything is written
    scores: dict[RowKey, float] = {}
    doubled, differing = 0, 0
    with Ledger(out, secrets=secrets) as ledger:
        before = set(ledger.done)
        for part in parts:
            headers: dict[str, str] = {}
            for line in read_ledger(part):
                if isinstance(line, Damage):
                    damage.append((part, line))
                    continue
                row = _take(line.record, part, ledger, headers)
                if row is None or row.key in before:
                    continue
                doubled += row.key in scores
                differing += scores.setdefault(row.key, row.score) != row.score
        return Merged(rows=len(ledger.done), doubled=doubled, differing=differing, damage=tuple(damage))


def _same_data(folders: Sequence[Path]) -> None:
    known: dict[str, tuple[str, Path]] = {}
    for folder in folders:
        for line in read_ledger(folder):
            if isinstance(line, Damage) or line.record.get("kind") != "header":
                continue
            for benchmark in line.record.get("benchmarks", ()):
                data, first = known.setdefault(benchmark["name"], (benchmark.get("dataset", ""), folder))
                if data != benchmark.get("dataset", ""):
                    raise LedgerError(
                        f"{first} and {folder} hold rows of {benchmark['name']} with different data "
                        f"({data[:12]}, {benchmark.get('dataset', '')[:12]}), so they are no parts of one run."
                    )


def _take(record: dict[str, Any], part: Path, ledger: Ledger, headers: dict[str, str]) -> Row | None:
    """Take one sound line over; return its row, where it is one."""
    kind = record.get("kind")
    content = {name: value for name, value in record.items() if name not in ("v", "kind", "id", "sum")}
    if kind == "header":
        headers[record["id"]] = ledger.header(content)
    elif kind == "facts":
        ledger.facts(content)
    elif kind == "row":
        row = row_from(record)
        if row.key not in ledger.done:
            events = transcript_of(part, row.transcript, row.key) if row.transcript else None
            ledger.write(row, headers.get(record.get("header", ""), record.get("header", "")), events)
        return row
    elif kind == "error":
        key = RowKey(record["arm"], record["sample"], record.get("epoch", 0))
        said: dict[str, Any] = {name: record[name] for name in _SAID if name in record}
        ledger.write_error(key, headers.get(record.get("header", ""), record.get("header", "")), said)
    return None
