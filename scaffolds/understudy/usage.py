"""What was used, added up from the files on this machine: the log of `solve` and the proxy, and ledgers of the harness.

A file is read line by line, so that years of use fit. What a line does not say is not guessed: calls of unknown price
are counted apart from the money.
"""

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from understudy.answer import Answer
from understudy.errors import UnderstudyError
from understudy.proxy.log import call_record, default_path
from understudy.trace import Trace

By = Literal["model", "scaffold", "day", "kind"]


class UsageError(UnderstudyError):
    """A file cannot be added up."""


@dataclass(kw_only=True)
class Used:
    """What one model, scaffold or day adds up to. Tokens are those that servers reported."""

    runs: int = 0
    solved: int = 0
    judged: int = 0
    """Runs whose answer a check looked at."""
    calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    unpriced: int = 0
    errors: int = 0


def log_run(trace: Trace, answer: Answer, *, scaffold: str, path: Path | None = None) -> None:
    """Append a run of `solve` to the log that the proxy writes too: what was used, never what was said."""
    path = path or default_path()
    row: dict[str, Any] = {
        "kind": "solve",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "scaffold": scaffold,
        "seconds": round(trace.now(), 3),
        "calls": [call_record(event) for event in trace if event.kind == "generate" and not event.cached],
    }
    if answer.verdict is not None:
        row["verdict"] = answer.verdict.word
    if answer.stopped is not None:
        row["stopped"] = answer.stopped
    path.parent.mkdir(parents=True, exist_ok=True)
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    descriptor = os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "ab") as file:  # one write per line, so that several processes may share the file
        file.write(line)


def add_up(paths: Sequence[Path], by: By) -> dict[str, Used]:
    """Add the lines of files up by model, scaffold, day or kind, sorted by name.

    Raises:
        UsageError: A file cannot be read.
    """
    totals: dict[str, Used] = {}
    for path in paths:
        for row in _rows(path):
            for key, calls in _grouped(row, by):
                _add(totals.setdefault(key, Used()), row, calls)
    return dict(sorted(totals.items()))


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    arms: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:
                    continue  # the last line of a process that was killed
                if not isinstance(row, dict):
                    continue
                for arm in row.get("arms", ()):  # the header of a ledger
                    if isinstance(arm, dict):
                        arms[str(arm.get("id"))] = str(arm.get("scaffold", ""))
                if row.get("kind") == "row":
                    yield _from_ledger(row, arms)
                elif isinstance(row.get("calls"), list):
                    yield row
    except OSError as error:
        raise UsageError(f"{str(path)!r} cannot be read: {error.strerror}.") from None


def _from_ledger(row: Mapping[str, Any], arms: Mapping[str, str]) -> Mapping[str, Any]:
    """A ledger's row in the form of the log: one entry per role, which may stand for several calls."""
    calls = [
        {
            "model": part.get("model", ""),
            "count": part.get("calls", 0),
            "input": part.get("input_tokens", 0),
            "output": part.get("output_tokens", 0),
            "cached": part.get("cache_read_tokens", 0),
            "usd": part.get("usd"),
            "unpriced": part.get("unpriced", part.get("unpriced_calls", 0)),
        }
        for part in row.get("spend", {}).values()
    ]
    arm = str(row.get("arm", ""))
    return {
        "kind": "gap",
        "time": row.get("time", ""),
        "scaffold": arms.get(arm, arm),
        "calls": calls,
        "verdict": "passed" if row.get("score", 0.0) >= 1.0 else "failed",
    }


def _grouped(row: Mapping[str, Any], by: By) -> Iterable[tuple[str, list[Mapping[str, Any]]]]:
    calls: list[Mapping[str, Any]] = [call for call in row["calls"] if isinstance(call, dict)]
    if by != "model":
        key = str(row.get("time", ""))[:10] if by == "day" else str(row.get(by, ""))
        return [(key or "unknown", calls)]
    names = dict.fromkeys(str(call.get("model") or "unknown") for call in calls)
    return [(name, [call for call in calls if str(call.get("model") or "unknown") == name]) for name in names]


def _add(used: Used, row: Mapping[str, Any], calls: Iterable[Mapping[str, Any]]) -> None:
    used.runs += 1
    used.judged += "verdict" in row
    used.solved += row.get("verdict") == "passed"
    for call in calls:
        count = int(call.get("count", 1))
        used.calls += count
        used.errors += bool(call.get("error"))
        used.input_tokens += int(call.get("input") or 0)
        used.output_tokens += int(call.get("output") or 0)
        used.cached_tokens += int(call.get("cached") or 0)
        used.usd += float(call.get("usd") or 0.0)
        unknown = call.get("usd") is None and not call.get("error")
        used.unpriced += int(call.get("unpriced", count if unknown else 0))
