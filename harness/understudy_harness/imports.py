"""Published outcomes per item as arms: CSV, JSON lines, Inspect logs. The statistics then serve people who ran nothing.

What is not there is missing and never wrong. Where a published total is given, the items must add up to it. A choice
that was made with the hidden grade is labelled as an oracle bound. Cost is unpriced unless a column says it.
"""

import csv
import io
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from understudy_harness.arms import Kind
from understudy_harness.benchmarks.data import file_hash, read_records, read_text
from understudy_harness.errors import HarnessError, SettingsError
from understudy_harness.journal import Damage, secrets_of
from understudy_harness.ledger import LEDGER, Ledger, Row, Spend, read_ledger, short_hash

KINDS: tuple[Kind, ...] = get_args(Kind)
_MISSING = frozenset(("", "na", "n/a", "nan", "none", "null", "-", "?"))
_WORDS = {
    **dict.fromkeys(("true", "yes", "pass", "passed", "right", "correct", "c", "resolved", "success"), 1.0),
    **dict.fromkeys(("false", "no", "fail", "failed", "wrong", "incorrect", "i", "unresolved", "failure"), 0.0),
}
_LONGEST_FIELD = 1 << 24  # characters; published files carry whole transcripts in a column, and 131072 is the default
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

    id: str = "id"
    cluster: str | None = None
    epoch: str | None = None
    category: str | None = None
    usd: str | None = None
    seconds: str | None = None
    input_tokens: str | None = None
    output_tokens: str | None = None
    scale: float = 1.0
    """A score is divided by this: 100 for percent, 50 for passes of 50 runs."""


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
    if source.path.suffix == ".eval":
        # Inspect is an extra of 300 MB; only its own logs need it.
        from understudy_harness.inspect import read_outcomes  # noqa: PLC0415

        outcomes = list(read_outcomes(source.path, source.column))
    else:
        outcomes = list(_read_table(source, names))
    if not outcomes:
        raise SettingsError(f"{source.path} holds no outcome for the arm {source.label!r}. Check column and condition.")
    _each_once(source, outcomes)
    imported = Imported(source=source, outcomes=outcomes)
    if source.total is not None:
        _check_total(imported, source.total)
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


def _read_table(source: Source, names: Names) -> Iterator[Outcome]:
    column = source.column or "score"
    for line, fields in _lines(source.path):
        if source.where is not None and str(_field(source, line, fields, source.where[0])) != source.where[1]:
            continue
        place = f"{source.path}:{line}"
        epoch = _number(fields, names.epoch, place)
        yield Outcome(
            sample=str(_field(source, line, fields, names.id)),
            score=_score(_field(source, line, fields, column), names.scale, place),
            epoch=int(epoch) if epoch is not None else 0,
            cluster=str(_field(source, line, fields, names.cluster)) if names.cluster else "",
            category=str(_field(source, line, fields, names.category)) if names.category else "",
            usd=_number(fields, names.usd, place),
            seconds=_number(fields, names.seconds, place) or 0.0,
            input_tokens=int(_number(fields, names.input_tokens, place) or 0),
            output_tokens=int(_number(fields, names.output_tokens, place) or 0),
        )


def _lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if path.suffix in (".csv", ".tsv"):
        text = read_text(path)
        csv.field_size_limit(_LONGEST_FIELD)
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",")
        try:
            for fields in reader:
                yield reader.line_num, fields
        except csv.Error as error:
            raise SettingsError(f"{path}:{reader.line_num}: this is not CSV that can be read ({error}).") from None
    else:
        for record in read_records(path):
            yield record.line, record.fields


def _field(source: Source, line: int, fields: Mapping[str, Any], name: str) -> Any:
    if name not in fields:
        known = ", ".join(str(one) for one in fields if one is not None)
        raise SettingsError(f"{source.path}:{line}: there is no column {name!r} (there are: {known}).")
    return fields[name]


def _score(value: Any, scale: float, place: str) -> float | None:
    if value is None or (isinstance(value, str) and value.strip().lower() in _MISSING):
        return None
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.strip().lower() in _WORDS:
        return _WORDS[value.strip().lower()]
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
    digest = file_hash(source.path)
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
