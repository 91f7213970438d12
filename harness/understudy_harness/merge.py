"""Join the folders of shards: rows go into one ledger, each once, transcripts with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy_harness.errors import LedgerError
from understudy_harness.journal import Damage
from understudy_harness.ledger import Ledger, RowKey, read_ledger, row_from, transcript_of

_SAID = ("error", "of", "message", "usd")


@dataclass(frozen=True, kw_only=True)
class Merged:
    """What came together."""

    rows: int
    doubled: int
    """Rows that stood in more than one folder; the first counts."""
    damage: tuple[tuple[Path, Damage], ...]


def merge(parts: Sequence[Path], out: Path, *, secrets: tuple[str, ...] = ()) -> Merged:
    """Write the rows of all `parts` into `out`, which may hold some of them already.

    Raises:
        LedgerError: A part holds no ledger, or is `out` itself.
    """
    if any(part.resolve() == out.resolve() for part in parts):
        raise LedgerError(f"{out} is one of the parts. Choose another --out.")
    doubled, damage = 0, []
    for part in parts:
        read_ledger(part)  # a folder without a ledger is refused before anything is written
    with Ledger(out, secrets=secrets) as ledger:
        before = set(ledger.done)
        for part in parts:
            headers: dict[str, str] = {}
            for line in read_ledger(part):
                if isinstance(line, Damage):
                    damage.append((part, line))
                    continue
                doubled += _take(line.record, part, ledger, headers, before)
        return Merged(rows=len(ledger.done), doubled=doubled, damage=tuple(damage))


def _take(record: dict[str, Any], part: Path, ledger: Ledger, headers: dict[str, str], before: set[RowKey]) -> int:
    """Take one sound line over; return 1 when it doubles a row of another part."""
    kind = record.get("kind")
    content = {name: value for name, value in record.items() if name not in ("v", "kind", "id", "sum")}
    if kind == "header":
        headers[record["id"]] = ledger.header(content)
    elif kind == "facts":
        ledger.facts(content)
    elif kind == "row":
        row = row_from(record)
        if row.key in ledger.done:
            return int(row.key not in before)
        events = transcript_of(part, row.transcript) if row.transcript else None
        ledger.write(row, headers.get(record["header"], record["header"]), events)
    elif kind == "error":
        key = RowKey(record["arm"], record["sample"], record.get("epoch", 0))
        said: dict[str, Any] = {name: record[name] for name in _SAID if name in record}
        ledger.write_error(key, headers.get(record["header"], record["header"]), said)
    return 0
