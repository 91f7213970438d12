"""Completions that were paid for: appended before they are used, so that a killed run never pays twice for one.

A key is looked up per row, so that epochs and arms draw for themselves. Every call leaves a `start` line first; a start
without a completion was in flight when the process ended: it may repeat, and it is counted.
"""

from pathlib import Path
from typing import Any, Self

from understudy.model import Completion, Usage
from understudy.problem import ToolCall
from understudy_harness.journal import Damage, Journal, read
from understudy_harness.ledger import RowKey, short_hash

COMPLETIONS = "completions.jsonl"
_DEFAULTS = vars(Completion())
_VOLATILE = ("id", "timings", "charged_usd")  # differ from call to call; provenance keeps what does not


class CompletionStore:
    """The one writer of a run's completions."""

    def __init__(self, folder: Path, *, done: set[RowKey] | None = None, secrets: tuple[str, ...] = ()) -> None:
        self.damage: list[Damage] = []
        self._at: dict[str, tuple[int, int]] = {}
        self._recalled: dict[str, list[str]] = {}
        self._open: set[str] = set()
        path = folder / COMPLETIONS
        if path.exists():
            self._recall(path, done or set())
        self.in_flight = len(self._open)
        """Calls that an earlier process had begun and never saw the end of."""
        self._open.clear()
        self._journal = Journal(path, secrets=secrets)

    def of(self, row: RowKey) -> "RowCache":
        """The part of the store that belongs to a row."""
        return RowCache(self, prefix(row))

    def begin(self, key: str) -> None:
        """Note that a call begins."""
        self._journal.append({"start": key})

    def get(self, key: str) -> Completion | None:
        """Look a completion up."""
        place = self._at.get(key)
        return None if place is None else completion_from(self._journal.read_at(*place)["completion"])

    def records(self, prefix: str) -> dict[str, Any]:
        """The kept completions of a row as JSON data, by key without the row."""
        keys = self._recalled.get(prefix, ())
        return {
            key[len(prefix) :]: self._journal.read_at(*self._at[key])["completion"] for key in keys if key in self._at
        }

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion durably."""
        self._at[key] = self._journal.append({"key": key, "completion": completion_record(completion)})

    def fail(self, key: str) -> None:
        """Note that a call ended without a completion, so that it does not count as in flight."""
        self._journal.append({"failed": key})

    def forget(self, keys: set[str]) -> None:
        """Let go of the index of a row that is in the ledger now; its completions stay on the disk."""
        for key in keys:
            self._at.pop(key, None)

    def sync(self) -> None:
        """Wait until everything is on the disk."""
        self._journal.sync()

    def close(self) -> None:
        """Sync and let go of the file."""
        self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def _recall(self, path: Path, done: set[RowKey]) -> None:
        finished = {prefix(row) for row in done}
        for line in read(path):
            if isinstance(line, Damage):
                self.damage.append(line)
                continue
            if "start" in line.record:
                self._open.add(line.record["start"])
            elif "failed" in line.record:
                self._open.discard(line.record["failed"])
            else:
                key = line.record["key"]
                self._open.discard(key)
                row = key[: key.rindex("#") + 1]
                if row not in finished:
                    self._at[key] = (line.offset, line.length)
                    self._recalled.setdefault(row, []).append(key)


class RowCache:
    """The completions of one row, as the toolkit's context asks for them."""

    def __init__(self, store: CompletionStore, prefix: str) -> None:
        self.replayed = 0
        """Calls that were answered from the store."""
        self.facts: dict[str, dict[str, Any]] = {}
        """What servers said about themselves, once per content, with the model's name as they gave it."""
        self.timed_calls = 0
        """Completions whose server said how long it worked on them."""
        self.worked_s = 0.0
        """Seconds that servers worked on those, without the time that calls waited for their turn."""
        self._prefix = prefix
        self._store = store
        self._begun: set[str] = set()
        self._kept: set[str] = set()

    def get(self, key: str) -> Completion | None:
        """Return what was kept for this key; if nothing was, a call begins."""
        key = self._prefix + key
        kept = self._store.get(key)
        if kept is None:
            self._begin(key)
        else:
            self.replayed += 1
            self._kept.add(key)
            self._note(kept)
        return kept

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion durably before it is used."""
        key = self._prefix + key
        self._store.put(key, completion)
        self._begun.discard(key)
        self._kept.add(key)
        self._note(completion)

    def begin(self, key: str) -> None:
        """Note that something begins that may cost."""
        self._begin(self._prefix + key)

    def learn(self, content: dict[str, Any]) -> None:
        """Keep what a tool server of the row said about itself."""
        self.facts[short_hash(content)] = content

    def records(self) -> dict[str, Any]:
        """What is kept of the row so far, for a worker that goes on with it."""
        return self._store.records(self._prefix)

    def ended(self, *, in_ledger: bool) -> None:
        """The row is over: what was begun and not kept has failed; what is in the ledger is not looked up again."""
        for key in sorted(self._begun):
            self._store.fail(key)
        if in_ledger:
            self._store.forget(self._kept)

    def _begin(self, key: str) -> None:
        self._store.begin(key)
        self._begun.add(key)

    def _note(self, completion: Completion) -> None:
        timings = completion.facts.get("timings")
        if isinstance(timings, dict) and "prompt_ms" in timings and "predicted_ms" in timings:
            self.timed_calls += 1
            self.worked_s += (timings["prompt_ms"] + timings["predicted_ms"]) / 1000
        if completion.facts:
            lasting = {name: value for name, value in completion.facts.items() if name not in _VOLATILE}
            if isinstance(lasting.get("sent"), dict):
                lasting["sent"] = {name: value for name, value in lasting["sent"].items() if name != "seed"}
            content = {"model": completion.model, "facts": lasting}
            self.facts[short_hash(content)] = content


def prefix(row: RowKey) -> str:
    """What the keys of a row begin with."""
    return f"{row.arm}/{row.epoch}/{row.sample}#"


def completion_record(completion: Completion) -> dict[str, Any]:
    """A completion as JSON data; what is at its default is left out."""
    record = {name: value for name, value in vars(completion).items() if value != _DEFAULTS[name]}
    if completion.tool_calls:
        record["tool_calls"] = [vars(call) for call in completion.tool_calls]
    if "usage" in record:
        record["usage"] = vars(completion.usage)
    if "facts" in record:
        record["facts"] = dict(completion.facts)
    return record


def completion_from(record: dict[str, Any]) -> Completion:
    """Read a completion back."""
    values = dict(record)
    values["tool_calls"] = tuple(ToolCall(**call) for call in values.get("tool_calls", ()))
    values["usage"] = Usage(**values.get("usage", {}))
    return Completion(**values)
