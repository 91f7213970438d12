"""Published outcomes per item as arms: CSV, JSON lines, Inspect logs. The statistics then serve people who ran nothing.

What is not there is missing and never wrong. Where a published total is given, the items must add up to it. A choice
that was made with the hidden grade is labelled as an oracle bound. Cost is unpriced unless a column says it.
"""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from understudy_harness.arms import Kind
from understudy_harness.benchmarks.data import file_hash, read_text
from understudy_harness.errors import HarnessError, SettingsError
from understudy_harness.journal import Damage, secrets_of
from understudy_harness.ledger import LEDGER, Ledger, Row, Spend, read_ledger, short_hash
from understudy_harness.published import AIDER, IDS, SCORES, Table, column_of, look_up, read_table

KINDS: tuple[Kind, ...] = get_args(Kind)
_MISSING = frozenset(("", "na", "n/a", "nan", "none", "null", "-", "?"))
_WORDS = {
    **dict.fromkeys(("true", "yes", "pass", "passed", "right", "correct", "c", "resolved", "success"), 1.0),
    **dict.fromkeys(("false", "no", "fail", "failed", "wrong", "incorrect", "i", "unresolved", "failure"), 0.0),
}
_ARM = re.compile(r"(?P<name>[^=]+)=(?P<path>[^#?]+)(?:#(?P<column>[^?]+))?(?:\?(?P<where>[^=]+)=(?P<value>.*))?")


class TotalsDiffer(HarnessError):
    """The items do not add up to the published total."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the outcomes of one arm are: `KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE]`."""

    kind: Kind
    label: str
    path: Path
    column: str | None = None
    """The score's column; for an Inspect log the scorer."""
    where: tuple[str, str] | None = None
    """Only lines whose column has this value."""
    total: str | None = None
    """The published total, as printed: "85.7%", "0.857" or "437/500"."""
    oracle: bool = False


@dataclass(frozen=True, kw_only=True)
class Names:
    """What columns are called in CSV and JSON lines."""

    id: str | None = None
    """None is the one that has a usual name; so is the score's."""
    score: str | None = None
    cluster: str | None = None
    epoch: str | None = None
    category: str | None = None
    usd: str | None = None
    seconds: str | None = None
    input_tokens: str | None = None
    output_tokens: str | None = None
    scale: float = 1.0
    """A score is divided by this: 100 for percent, 50 for passes of 50 runs."""
    items: Path | None = None
    """A file with the ids of all items, where outcomes do not name them all."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One outcome of one item."""

    sample: str
    score: float | None
    """None is missing."""
    epoch: int = 0
    cluster: str = ""
    category: str = ""
    usd: float | None = None
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    model: str = ""


@dataclass(kw_only=True)
class Imported:
    """What was read for one arm."""

    source: Source
    outcomes: list[Outcome]
    notes: list[str] = field(default_factory=list)

    @property
    def present(self) -> list[Outcome]:
        """Outcomes that are not missing."""
        return [outcome for outcome in self.outcomes if outcome.score is not None]

    @property
    def mean(self) -> float:
        """Mean score of what is present."""
        present = self.present
        return sum(outcome.score or 0.0 for outcome in present) / len(present) if present else 0.0


def parse_source(text: str) -> Source:
    """Read `KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE]`.

    Raises:
        SettingsError: It is not of that form.
    """
    match = _ARM.fullmatch(text)
    kind, _, label = match["name"].partition(":") if match else ("", "", "")
    if match is None or kind not in KINDS:
        raise SettingsError(
            f"--arm {text!r} is not KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE] with KIND one of {', '.join(KINDS)}."
        )
    where = (match["where"], match["value"]) if match["where"] else None
    chosen: Kind = next(one for one in KINDS if one == kind)
    return Source(kind=chosen, label=label or kind, path=Path(match["path"]), column=match["column"], where=where)


def read_source(source: Source, names: Names) -> Imported:
    """Read the outcomes of one arm and hold them against its published total.

    Raises:
        SettingsError: A column is not there, a score is none, or an item stands twice.
        BenchmarkError: The file cannot be read.
        TotalsDiffer: The items do not add up to the published total.
    """
    table = Table(rows=())
    if source.path.suffix == ".eval":
        # Inspect is an extra of 300 MB; only its own logs need it.
        from understudy_harness.inspect import read_outcomes  # noqa: PLC0415

        outcomes = list(read_outcomes(source.path, source.column))
    else:
        table = read_table(source.path)
        outcomes = list(_read_table(source, table, names))
    if not outcomes and table.others is None:
        raise SettingsError(f"{source.path} holds no outcome for the arm {source.label!r}. Check column and condition.")
    _each_once(source, outcomes)
    _complete(source, table, outcomes, names)
    imported = Imported(source=source, outcomes=outcomes)
    total = source.total or (table.total if source.where is None else None)
    if total is not None:
        _check_total(imported, total)
    return imported


def write_arms(folder: Path, benchmark: str, arms: Sequence[Imported], *, command: str) -> int:
    """Write imported arms into a run's folder, new or existing, and return the number of rows.

    Raises:
        LedgerError: The folder cannot be written.
    """
    header = _header(folder, benchmark, arms, command)
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


def _read_table(source: Source, table: Table, names: Names) -> Iterator[Outcome]:
    rows = iter(table.rows)
    first = next(rows, None)
    if first is None:
        return
    names = _named(source, table, first[1], names)
    for line, fields in chain((first,), rows):
        if source.where is not None and str(_field(source, line, fields, source.where[0])) != source.where[1]:
            continue
        place = f"{source.path}:{line}"
        epoch = _number(fields, names.epoch, place)
        yield Outcome(
            sample=_identity(_field(source, line, fields, str(names.id)), place),
            score=_score(_field(source, line, fields, str(names.score)), names.scale, place),
            epoch=int(epoch) if epoch is not None else 0,
            cluster=str(_field(source, line, fields, names.cluster)) if names.cluster else "",
            category=str(_field(source, line, fields, names.category)) if names.category else "",
            usd=_number(fields, names.usd, place),
            seconds=_number(fields, names.seconds, place) or 0.0,
            input_tokens=int(_number(fields, names.input_tokens, place) or 0),
            output_tokens=int(_number(fields, names.output_tokens, place) or 0),
        )


def _named(source: Source, table: Table, fields: Mapping[str, Any], names: Names) -> Names:
    """Settle which columns are read: those that were named, else those that the shape is known by."""
    try:
        identifier = column_of(table, fields, names.id, IDS, "item")
        score = column_of(table, fields, source.column, SCORES, "score")
    except SettingsError as error:
        raise SettingsError(f"{source.path}: {error}") from None
    also = {name: column for name, column in table.also.items() if column in fields}
    return replace(
        names,
        id=identifier,
        score=score,
        epoch=names.epoch or table.epoch,
        usd=names.usd or also.get("usd"),
        seconds=names.seconds or also.get("seconds"),
        input_tokens=names.input_tokens or also.get("input_tokens"),
        output_tokens=names.output_tokens or also.get("output_tokens"),
    )


def _complete(source: Source, table: Table, outcomes: list[Outcome], names: Names) -> None:
    """Hold the outcomes against all items that there are, and add those that the file does not name."""
    if names.items is None:
        if table.others is not None:
            word = "failures" if table.others else "solved items"
            raise SettingsError(
                f"{source.path} names its {word} alone, so nobody can tell how many items there are. Give a file with "
                "all of them: --items FILE, one id per line, or JSON lines or CSV with an id."
            )
        return
    every = _items(names.items)
    strange = next((outcome.sample for outcome in outcomes if outcome.sample not in every), None)
    if strange is not None:
        raise SettingsError(f"{source.path} has the item {strange!r}, which is not in {names.items}.")
    found = {outcome.sample for outcome in outcomes}
    outcomes.extend(Outcome(sample=name, score=table.others) for name in every if name not in found)


def _items(path: Path) -> dict[str, None]:
    """All items of a benchmark, in their order."""
    if path.suffix not in (".csv", ".tsv", ".json", ".jsonl", ".gz"):
        return dict.fromkeys(line.strip() for line in read_text(path).split("\n") if line.strip())
    table = read_table(path)
    every: dict[str, None] = {}
    for line, fields in table.rows:
        every[_identity(fields.get(column_of(table, fields, None, IDS, "item")), f"{path}:{line}")] = None
    return every


def _field(source: Source, line: int, fields: Mapping[str, Any], name: str) -> Any:
    try:
        return look_up(fields, name)
    except KeyError:
        known = ", ".join(str(one) for one in fields)
        raise SettingsError(f"{source.path}:{line}: there is no column {name!r} (there are: {known}).") from None


def _identity(value: Any, place: str) -> str:
    """An id as text: 7 and "7" are the same item."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise SettingsError(
            f"{place}: the item's id is {value!r}, neither a text nor a whole number. Name it with --id."
        )
    return str(value).strip()


def _score(value: Any, scale: float, place: str) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
    if isinstance(value, str) and value.strip().endswith("%"):
        value, scale = value.strip()[:-1], 100.0
    try:
        score = float(value) / scale
    except (TypeError, ValueError):
        raise SettingsError(f"{place}: the score {value!r} is neither a number nor a word like 'passed'.") from None
    if not isfinite(score):
        return None
    if not 0 <= score <= 1:
        raise SettingsError(f"{place}: the score {value!r} is outside 0 to 1. Give --scale, such as 100 for percent.")
    return score


def _number(fields: Mapping[str, Any], name: str | None, place: str) -> float | None:
    if name is None or fields.get(name) is None or str(fields[name]).strip().lower() in _MISSING:
        return None
    try:
        return float(fields[name])
    except (TypeError, ValueError):
        raise SettingsError(f"{place}: {name} is {fields[name]!r}, which is no number.") from None


def _each_once(source: Source, outcomes: Iterable[Outcome]) -> None:
    seen: set[tuple[str, int]] = set()
    for outcome in outcomes:
        if (outcome.sample, outcome.epoch) in seen:
            raise SettingsError(
                f"{source.path}: item {outcome.sample!r} stands twice for the arm {source.label!r}. Name the column of "
                "the repetition with --epoch, or choose lines with ?NAME=VALUE."
            )
        seen.add((outcome.sample, outcome.epoch))


def _check_total(imported: Imported, total: str) -> None:
    low, high = total_range(total)
    label, present = imported.source.label, len(imported.present)
    missing = len(imported.outcomes) - present
    if low <= imported.mean <= high:
        return
    solved = sum(outcome.score or 0.0 for outcome in imported.present)
    if missing and low <= solved / len(imported.outcomes) <= high:
        imported.notes.append(
            f"The published total {total} of {label} counts {missing} missing items as wrong; here they are missing."
        )
        return
    raise TotalsDiffer(
        f"The items of {label} add up to {solved:g} of {present} ({imported.mean:.2%}), and {total} is published. "
        "Check the column, or leave the total out and say so where you publish."
    )


def total_range(total: str) -> tuple[float, float]:
    """The shares that a printed total may have been rounded from: half a unit of its last digit either way.

    Raises:
        SettingsError: It is no share.
    """
    text = total.strip()
    try:
        if "/" in text:
            part, _, whole = text.partition("/")
            exact = float(Decimal(part) / Decimal(whole))
            return exact - 1e-9, exact + 1e-9
        value = Decimal(text.rstrip("%").strip())
    except (InvalidOperation, ZeroDivisionError):
        raise SettingsError(f"The total {total!r} is no share: write 85.7%, 0.857 or 437/500.") from None
    exponent = value.as_tuple().exponent
    half = Decimal(1).scaleb(exponent if isinstance(exponent, int) else 0) / 2
    unit = Decimal(100) if text.endswith("%") else Decimal(1)
    return float((value - half) / unit) - 1e-9, float((value + half) / unit) + 1e-9


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
    model = next((outcome.model for outcome in arm.outcomes if outcome.model), "") or source.column or source.path.stem
    identity = [source.kind, source.label, benchmark, digest, source.column, source.where]
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
            "where": list(source.where) if source.where else None,
            "total": source.total,
            "missing": len(arm.outcomes) - len(arm.present),
            "notes": arm.notes,
        },
        "oracle_bound": source.oracle,
    }


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
