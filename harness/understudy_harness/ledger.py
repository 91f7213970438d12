"""The ledger: one immutable row per arm, sample and epoch, and everything needed to believe it.

A run's folder holds `ledger.jsonl` (this), `transcripts.jsonl` (what was said, one line per row) and
`completions.jsonl` (the cache). The ledger's lines are of these kinds:

    header   what was run: arms, benchmarks, seed, versions. Rows name it by its hash.
    facts    what a server said about a model: digest, window, sampling as used; or, with `server`, what a docs server
             said about its index: digest, embedder, state of the vectors. Rows name them by hash.
    row      a graded answer. Never changed; a second row of the same key is set aside and said.
    error    an attempt without an answer. It is no wrong answer: the next run tries it again.
    resume   a later process took over, and how many calls were in flight when the earlier one ended.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any, NamedTuple, Self

from understudy_harness.errors import LedgerError
from understudy_harness.journal import FORMAT, Damage, Journal, Line, beginning, decode, read, refuse_other_kinds

LEDGER, TRANSCRIPTS = "ledger.jsonl", "transcripts.jsonl"


class RowKey(NamedTuple):
    """What a row is about. The arm's id already hashes scaffold, models, seed and the sample's benchmark."""

    arm: str
    sample: str
    epoch: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Spend:
    """What one role of one row used."""

    model: str
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    usd: float = 0.0
    unpriced_calls: int = 0
    seconds: float = 0.0
    """Time spent waiting for the model."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One graded answer."""

    arm: str
    benchmark: str
    sample: str
    epoch: int
    cluster: str
    score: float
    grade: str
    """The grade's word."""
    category: str = ""
    detail: str = ""
    accepted: bool | None = None
    """The visible check's verdict; None where it gave none."""
    verdict: str | None = None
    agreement: float | None = None
    stopped: str | None = None
    truncated: bool = False
    spend: Mapping[str, Spend] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    checks: int = 0
    tool_calls: int = 0
    replayed: int = 0
    """Calls that were answered from the cache."""
    started: float = 0.0
    seconds: float = 0.0
    transcript: tuple[int, int] | None = None

    @property
    def key(self) -> RowKey:
        """What the row is about."""
        return RowKey(self.arm, self.sample, self.epoch)

    @property
    def usd(self) -> float:
        """US dollars of all roles, unpriced calls left out."""
        return sum(part.usd for part in self.spend.values())


_ROW_DEFAULTS: dict[str, Any] = {
    name: spec.default for name, spec in Row.__dataclass_fields__.items() if name not in ("spend", "facts")
}
_SPEND_DEFAULTS: dict[str, Any] = {name: spec.default for name, spec in Spend.__dataclass_fields__.items()}


def row_record(row: Row, header: str) -> dict[str, Any]:
    """The row as it stands in a line; what is at its default is left out."""
    record: dict[str, Any] = {"kind": "row", "header": header}
    for name, default in _ROW_DEFAULTS.items():
        value = getattr(row, name)
        if value != default:
            record[name] = value
    if row.spend:
        record["spend"] = {role: _spend_record(part) for role, part in row.spend.items()}
    if row.facts:
        record["facts"] = row.facts
    return record


def row_from(record: Mapping[str, Any]) -> Row:
    """Read a row back from its line."""
    values = {name: record[name] for name in _ROW_DEFAULTS if name in record}
    values.setdefault("epoch", 0)
    values.setdefault("score", 0.0)
    for text in ("arm", "benchmark", "sample", "cluster", "grade"):
        values.setdefault(text, "")
    if values.get("transcript"):
        values["transcript"] = tuple(values["transcript"])
    spend = {role: Spend(**part) for role, part in record.get("spend", {}).items()}
    return Row(**values, spend=spend, facts=tuple(record.get("facts", ())))


def short_hash(value: Any) -> str:
    """Hash JSON data for reference inside a ledger (64 bits, hex)."""
    return blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=8).hexdigest()


class Ledger:
    """The one writer of a run's folder.

    Opening it reads what is there: rows that are done are not run again.

    Raises:
        LedgerError: Another process writes it, or it belongs to something else.
    """

    def __init__(self, folder: Path, *, secrets: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.done: set[RowKey] = set()
        self.usd = 0.0
        """Spent by earlier processes, their failed attempts included."""
        self.headers: list[dict[str, Any]] = []
        self.indexes: dict[str, Mapping[str, Any]] = {}
        """Arm id -> what was said of the documentation index by the last of its rows that has it."""
        self.damage: list[Damage] = []
        self._about_servers: dict[str, Mapping[str, Any]] = {}
        self._known: set[str] = set()
        path = folder / LEDGER
        if path.exists():
            self._recall(path)
        refuse_other_kinds(folder / TRANSCRIPTS)
        self._transcripts = Journal(folder / TRANSCRIPTS, secrets=secrets)
        self._lines = Journal(path, secrets=secrets)

    @property
    def rows_written(self) -> int:
        """Lines appended by this process."""
        return self._lines.appended

    def header(self, content: Mapping[str, Any]) -> str:
        """Say what is run, once per content; return the name that rows use for it."""
        return self._named("header", content)

    def facts(self, content: Mapping[str, Any]) -> str:
        """Keep what a server said about a model or about itself, once per content; return its name."""
        return self._named("facts", content)

    def resumed(self, in_flight: int) -> None:
        """Note that this process goes on with an earlier one's work."""
        self._lines.append({"kind": "resume", "in_flight": in_flight, "done": len(self.done)})

    def write(self, row: Row, header: str, transcript: list[dict[str, Any]] | None = None) -> None:
        """Append a graded row, after its transcript."""
        if row.key in self.done:
            raise LedgerError(f"Arm {row.arm} has a row of sample {row.sample!r}, epoch {row.epoch}, already.")
        record = row_record(row, header)
        if transcript is not None:
            record["transcript"] = self._transcript(row.key, transcript)
        self._lines.append(record)
        self.done.add(row.key)

    def write_error(
        self, key: RowKey, header: str, error: Mapping[str, Any], transcript: list[dict[str, Any]] | None = None
    ) -> None:
        """Append an attempt that gave no answer."""
        record = {"kind": "error", "header": header, **key._asdict(), **error}
        if transcript:
            record["transcript"] = self._transcript(key, transcript)
        self._lines.append(record)

    def sync(self) -> None:
        """Wait until everything is on the disk, transcripts first."""
        self._transcripts.sync()
        self._lines.sync()

    def close(self) -> None:
        """Sync and let go of the files."""
        try:
            self._transcripts.close()
        finally:
            self._lines.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _transcript(self, key: RowKey, events: list[dict[str, Any]]) -> tuple[int, int]:
        return self._transcripts.append({**key._asdict(), "events": events})

    def _named(self, kind: str, content: Mapping[str, Any]) -> str:
        name = short_hash([kind, content])
        if name not in self._known:
            self._lines.append({"kind": kind, "id": name, **content})
            self._known.add(name)
        return name

    def _recall(self, path: Path) -> None:
        for line in _possible(read(path)):
            if isinstance(line, Damage):
                self.damage.append(line)
                continue
            record = line.record
            kind = record.get("kind")
            if kind == "row":
                self.done.add(RowKey(record["arm"], record["sample"], record.get("epoch", 0)))
                self.usd += sum(part.get("usd", 0.0) for part in record.get("spend", {}).values())
                for name in record.get("facts", ()):
                    if name in self._about_servers:
                        self.indexes[record["arm"]] = self._about_servers[name]["facts"]
            elif kind == "error":
                self.usd += record.get("usd", 0.0)
            elif kind in ("header", "facts"):
                self._known.add(record["id"])
                if kind == "header":
                    self.headers.append(record)
                elif "server" in record:
                    self._about_servers[record["id"]] = record


def read_ledger(folder: Path) -> Iterator[Line | Damage]:
    """Read a run's ledger line by line.

    Raises:
        LedgerError: The folder holds none.
    """
    path = folder / LEDGER
    refuse_other_kinds(path)
    if not path.is_file():
        raise LedgerError(f"{folder} holds no {LEDGER}. Give the folder that `understudy gap run --out` wrote.")
    return _possible(read(path))


def _possible(lines: Iterator[Line | Damage]) -> Iterator[Line | Damage]:
    """Set aside what matches its checksum and no run writes, such as a score of 7: it would change every mean."""
    for line in lines:
        if isinstance(line, Damage) or (fault := _fault(line.record)) is None:
            yield line
        else:
            yield Damage(line.number, "impossible", fault)


def _fault(record: Mapping[str, Any]) -> str | None:
    get = record.get
    kind = get("kind")
    if kind in ("header", "facts"):
        return _fault_of_header(record)
    if kind not in ("row", "error"):
        return None
    if type(get("arm")) is not str or type(get("sample")) is not str:
        return "arm or sample is missing"
    epoch, score = get("epoch", 0), get("score", 0.0)
    if type(epoch) is not int or not 0 <= epoch < 1 << 31:
        return f"epoch {epoch!r}"
    if type(score) not in _NUMBERS or not 0 <= score <= 1:
        return f"score {score!r}"
    return _fault_of_spend(get("spend") or {})


def _fault_of_header(record: Mapping[str, Any]) -> str | None:
    if not isinstance(record.get("id"), str):
        return "its name is missing"
    parts = [*record.get("arms", ()), *record.get("benchmarks", ())]
    named = all(isinstance(part, dict) and ("id" in part or "name" in part) for part in parts)
    return None if named else "an arm or a benchmark in it has no name"


def _fault_of_spend(spend: Any) -> str | None:
    if type(spend) is dict:
        for part in spend.values():
            if type(part) is not dict:
                break
            for name, value in part.items():  # of a million rows, so no generator
                if type(value) not in _NUMBERS and name != "model" and name in _SPEND_DEFAULTS:
                    return f"{name} {value!r}"
        else:
            return None
    return "what it spent is no list of numbers"


_NUMBERS = (int, float)


def transcript_head(key: RowKey) -> bytes:
    """How the transcript of a row begins in its file."""
    if "://" in key.sample:  # what may hide in an address is blanked there
        return beginning(key._asdict()) + b',"events":'
    # As above, in a fifth of the time: a report asks for a million of them.
    arm, sample = encode_basestring_ascii(key.arm), encode_basestring_ascii(key.sample)
    return f'{{"v":{FORMAT},"arm":{arm},"sample":{sample},"epoch":{key.epoch},"events":'.encode("ascii")


def transcript_of(folder: Path, place: tuple[int, int], key: RowKey | None = None) -> list[dict[str, Any]]:
    """Read the events of one row; empty when its transcript is damaged, missing, or another row's."""
    path = folder / TRANSCRIPTS
    if not path.is_file():
        return []
    with path.open("rb") as file:
        file.seek(place[0])
        raw = file.read(place[1])
    if key is not None and not raw.startswith(transcript_head(key)):
        return []
    found = decode(raw.rstrip(b"\r\n"))
    return list(found["events"]) if isinstance(found, dict) else []


def _spend_record(part: Spend) -> dict[str, Any]:
    return {name: value for name, default in _SPEND_DEFAULTS.items() if (value := getattr(part, name)) != default}
