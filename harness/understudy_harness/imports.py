"""Published outcomes per item as arms: CSV, JSON lines, Inspect logs. The statistics then serve people who ran nothing.

What is not there is missing and never wrong. Where a published total is given, the items must add up to it. A choice
that was made with the hidden grade is labelled as an oracle bound. Cost is unpriced unless a column says it.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, get_args

from understudy_harness.arms import Kind
from understudy_harness.benchmarks.data import read_text
from understudy_harness.errors import HarnessError, SettingsError
from understudy_harness.marks import MISSING, score_of
from understudy_harness.published import IDS, SCORES, column_of, look_up, read_table
from understudy_harness.shapes import Table

KINDS: tuple[Kind, ...] = get_args(Kind)
_REST = re.compile(r"(?P<path>[^#?]+)(?:#(?P<column>.+?))?(?:\?(?P<where>[^=?]+=.*))?", re.DOTALL)
_NEXT_CONDITION = re.compile(r"&(?=[^=&]+=)")
_OWN_TOTALS = frozenset(("total", "totals", "average", "avg", "mean", "overall", "sum"))


class TotalsDiffer(HarnessError):
    """The items do not add up to the published total."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the outcomes of one arm are: `KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE[&NAME=VALUE]]`."""

    kind: Kind
    label: str
    path: Path
    column: str | None = None
    """The score's column, or `A==B`: 1 where these two columns say the same; for an Inspect log the scorer."""
    where: tuple[tuple[str, str], ...] = ()
    """Only lines whose columns have these values."""
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
    at: str | None = None
    """The part of one JSON value that holds the entries: `results.0.items`."""
    by_order: bool = False
    """Items have no id: the first line of each arm is item 1."""
    repeats: bool = False
    """An item that stands several times, or whose score is a list, is repeated in that order."""
    words: Mapping[str, float | None] = field(default_factory=dict)
    """What words in the score's column mean; None is missing."""


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
    names: Names = field(default_factory=Names)
    notes: list[str] = field(default_factory=list)
    read: str = ""
    """Which columns were read."""

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
    """Read `KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE[&NAME=VALUE]]`.

    Raises:
        SettingsError: It is not of that form.
    """
    split = _split_arm(text)
    name, match = split or ("", None)
    kind, _, label = name.partition(":")
    if match is None or kind not in KINDS:
        raise SettingsError(
            f"--arm {text!r} is not KIND[:LABEL]=PATH[#COLUMN][?NAME=VALUE] with KIND one of {', '.join(KINDS)}, such "
            "as L:small=outcomes.csv#passed."
        )
    conditions = _NEXT_CONDITION.split(match["where"]) if match["where"] else []
    pairs = (condition.partition("=") for condition in conditions)
    where = tuple((name, value) for name, _, value in pairs)
    chosen: Kind = next(one for one in KINDS if one == kind)
    return Source(kind=chosen, label=label or kind, path=Path(match["path"]), column=match["column"], where=where)


def _split_arm(text: str) -> tuple[str, "re.Match[str]"] | None:
    """Where the label ends, which may hold `=`: at the first one behind which a file stands, else at the first."""
    splits = [(text[: found.start() - 1], found) for found in _rests(text) if found.start() > 1]
    return next((split for split in splits if os.path.exists(split[1]["path"])), splits[0] if splits else None)


def _rests(text: str) -> Iterator["re.Match[str]"]:
    for place, letter in enumerate(text):
        found = _REST.fullmatch(text, place + 1) if letter == "=" else None
        if found is not None:
            yield found


def read_source(source: Source, names: Names) -> Imported:
    """Read the outcomes of one arm and hold them against its published total.

    Raises:
        SettingsError: A column is not there, a score is none, or an item stands twice.
        BenchmarkError: The file cannot be read.
        TotalsDiffer: The items do not add up to the published total.
    """
    if names.by_order and names.id is not None:
        raise SettingsError("--id and --by-order are two ways to name items. Leave one of them out.")
    if names.repeats and names.epoch is not None:
        raise SettingsError("--epoch and --repeats are two ways to tell repetitions apart. Leave one of them out.")
    table = Table(rows=(), shape="Inspect") if source.path.suffix == ".eval" else read_table(source.path, names.at)
    if table.shape == "Inspect":
        # Inspect is an extra of 300 MB; only its own logs need it.
        from understudy_harness.inspect import read_outcomes  # noqa: PLC0415

        outcomes = list(read_outcomes(source.path, source.column, names.scale))
        imported = Imported(source=source, outcomes=outcomes, names=names)
    else:
        imported = _read_rows(source, table, names)
        outcomes = imported.outcomes
    if not outcomes and table.others is None:
        raise SettingsError(f"{source.path} holds no outcome for the arm {source.label!r}. Check column and condition.")
    _each_once(source, outcomes, names)
    _complete(source, table, outcomes, names)
    total = source.total or (table.total if not source.where else None)
    if total is not None:
        _check_total(imported, total)
    return imported


def _read_rows(source: Source, table: Table, names: Names) -> Imported:
    rows = _chosen(source, table)
    first = next(rows, None)
    imported = Imported(source=source, outcomes=[], names=names)
    if first is None:
        return imported
    named = _named(source, table, *first, names)
    epochs: list[Any] = []
    for position, (line, fields) in enumerate(chain((first,), rows), start=1):
        place = f"{source.path}:{line}"
        outcome = Outcome(
            sample=str(position) if named.by_order else _identity(source, line, fields, str(named.id)),
            score=None,
            cluster=str(_field(source, line, fields, named.cluster)) if named.cluster else "",
            category=str(_field(source, line, fields, named.category)) if named.category else "",
            usd=_number(fields, named.usd, place),
            seconds=_number(fields, named.seconds, place) or 0.0,
            input_tokens=int(_number(fields, named.input_tokens, place) or 0),
            output_tokens=int(_number(fields, named.output_tokens, place) or 0),
        )
        told = _repetition(source, line, fields, named.epoch)
        for score in _scores(source, line, fields, named):
            imported.outcomes.append(replace(outcome, score=score))
            epochs.append(told)
    _number_epochs(imported.outcomes, epochs, named)
    _refuse_own_total(source, imported.outcomes)
    how = "in their order" if named.by_order else f"by {named.id}"
    imported.read = f"items {how}, scores from {named.score}"
    return imported


def _chosen(source: Source, table: Table) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The lines that meet every condition; in files of several kinds of lines, a line without the column does not."""
    wanted, seen, last = dict(source.where), set[str](), None
    for line, fields in table.rows:
        last = line, fields
        found = {name: value for name in wanted for value in _held(fields, name)}
        seen.update(found)
        if all(name in found and value in _spellings(found[name]) for name, value in wanted.items()):
            yield line, fields
    if last is not None and (strange := wanted.keys() - seen):
        _field(source, *last, min(strange))


def _held(fields: Mapping[str, Any], name: str) -> Iterator[Any]:
    try:
        yield look_up(fields, name)
    except KeyError:
        return


def _spellings(value: Any) -> tuple[str, ...]:
    """How a value may be written in a condition: as text, as JSON, and a whole number without its point."""
    whole = isinstance(value, float) and value.is_integer()
    return (str(value), json.dumps(value), *((str(int(value)),) if whole else ()))


def _scores(source: Source, line: int, fields: Mapping[str, Any], names: Names) -> Iterator[float | None]:
    place, column = f"{source.path}:{line}", str(names.score)
    left, equal, right = column.partition("==")
    if equal and column not in fields:
        one, other = (_field(source, line, fields, name) for name in (left, right))
        gone = any(value is None or str(value).strip().lower() in MISSING for value in (one, other))
        yield None if gone else float(str(one).strip() == str(other).strip())
        return
    value = _field(source, line, fields, column)
    for each in value if names.repeats and isinstance(value, list) else (value,):
        yield score_of(each, scale=names.scale, words=names.words, place=place)


def _repetition(source: Source, line: int, fields: Mapping[str, Any], name: str | None) -> Any:
    if name is None:
        return 0
    value = _field(source, line, fields, name)
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and text.isascii() else text
    return value


def _number_epochs(outcomes: list[Outcome], told: list[Any], names: Names) -> None:
    """Number repetitions from 0: as they are counted, in the order of their numbers, or as they come."""
    if names.repeats:
        counted: dict[str, int] = {}
        for place, outcome in enumerate(outcomes):
            outcomes[place] = replace(outcome, epoch=counted.setdefault(outcome.sample, 0))
            counted[outcome.sample] += 1
        return
    known = list(dict.fromkeys(told))
    if all(isinstance(one, int | float) for one in known):
        known.sort()
    numbers = {one: number for number, one in enumerate(known)}
    for place, one in enumerate(told):
        if numbers[one]:
            outcomes[place] = replace(outcomes[place], epoch=numbers[one])


def _refuse_own_total(source: Source, outcomes: list[Outcome]) -> None:
    if len(outcomes) > 1 and outcomes[-1].sample.lower() in _OWN_TOTALS:
        raise SettingsError(
            f"{source.path}: the last line is called {outcomes[-1].sample!r}, which looks like the table's own total "
            "and would count as an item. Remove it, and give the total with --total."
        )


def _named(source: Source, table: Table, line: int, fields: Mapping[str, Any], names: Names) -> Names:
    """Settle which columns are read: those that were named, else those that the shape is known by."""
    try:
        identifier = None if names.by_order else column_of(table, fields, names.id, IDS, "item")
        score = column_of(table, fields, source.column, SCORES, "score")
    except SettingsError as error:
        raise SettingsError(f"{source.path}: {error}") from None
    for name in filter(None, (names.usd, names.seconds, names.input_tokens, names.output_tokens)):
        _field(source, line, fields, name)
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
        every[_as_id(fields.get(column_of(table, fields, None, IDS, "item")), f"{path}:{line}")] = None
    return every


def _field(source: Source, line: int, fields: Mapping[str, Any], name: str) -> Any:
    try:
        return look_up(fields, name)
    except KeyError:
        known = ", ".join(str(one) for one in fields)
        raise SettingsError(f"{source.path}:{line}: there is no column {name!r} (there are: {known}).") from None


def _identity(source: Source, line: int, fields: Mapping[str, Any], name: str) -> str:
    """An id as text: 7 and "7" are the same item. Several columns, `a,b`, make one id."""
    columns = name.split(",") if "," in name and name not in fields else [name]
    place = f"{source.path}:{line}"
    return "/".join(_as_id(_field(source, line, fields, column.strip()), place) for column in columns)


def _as_id(value: Any, place: str) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise SettingsError(
            f"{place}: the item's id is {value!r}, neither a text nor a whole number. Name it with --id, or, where "
            "the items have none, add --by-order."
        )
    return str(value).strip()


def _number(fields: Mapping[str, Any], name: str | None, place: str) -> float | None:
    """A cost, a time or a count of tokens; None where the line has none."""
    value = next(_held(fields, name), None) if name is not None else None
    if value is None or str(value).strip().lower() in MISSING:
        return None
    try:
        number = float(str(value).strip().removeprefix("$"))
    except ValueError:
        number = float("nan")
    if not isfinite(number) or number < 0:
        raise SettingsError(f"{place}: {name} is {value!r}, and no number from 0. Name another column, or repair it.")
    return number


def _each_once(source: Source, outcomes: Iterable[Outcome], names: Names) -> None:
    seen: set[tuple[str, int]] = set()
    for outcome in outcomes:
        if (outcome.sample, outcome.epoch) in seen:
            raise SettingsError(
                f"{source.path}: item {outcome.sample!r} stands twice for the arm {source.label!r}"
                f"{_what_differs(source, names, outcome.sample)}. Choose lines with ?NAME=VALUE, name the column of "
                "the repetition with --epoch, or count repetitions in their order with --repeats."
            )
        seen.add((outcome.sample, outcome.epoch))


def _what_differs(source: Source, names: Names, sample: str) -> str:
    """What tells the lines of one item apart: the short columns that differ between the first two of them."""
    if source.path.suffix == ".eval" or names.by_order:
        return ""
    table = read_table(source.path, names.at)
    twins: list[Mapping[str, Any]] = []
    for line, fields in _chosen(source, table):
        name = str(_named(source, table, line, fields, names).id)
        if _identity(source, line, fields, name) == sample:
            twins.append(fields)
    if len(twins) < 2:
        return ""
    one, other = twins[:2]
    plain = [name for name, value in one.items() if isinstance(value, str | int | float) and len(str(value)) <= 40]
    found = [f"{name} ({one[name]}, {other[name]})" for name in plain if name in other and one[name] != other[name]]
    return f"; the two differ in {', '.join(found[:5])}" if found else "; the two say the same"


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
