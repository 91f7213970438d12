"""Published outcomes per item as a table: which file it is, which part of it, which columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from understudy_harness.benchmarks.data import read_records, read_text
from understudy_harness.errors import SettingsError
from understudy_harness.shapes import Table, is_plain, of_aider_folder, of_object, of_plain, of_rows, whole_json
from understudy_harness.tabular import read_separated

_UNREAD = {
    **dict.fromkeys((".yml", ".yaml"), "YAML"),
    **dict.fromkeys((".xlsx", ".xls", ".ods"), "an Excel or spreadsheet file"),
    **dict.fromkeys((".parquet", ".arrow", ".feather"), "Parquet or Arrow"),
    **dict.fromkeys((".pkl", ".pickle", ".pt", ".npy", ".npz"), "a binary of Python"),
    **dict.fromkeys((".zip", ".tar", ".tgz", ".7z", ".zst", ".bz2", ".xz"), "an archive"),
    **dict.fromkeys((".html", ".md", ".tex"), "a page for people"),
}


def read_table(path: Path, at: str | None = None) -> Table:
    """Read a file, or a folder of Aider's results; `at` names the part of one JSON value that holds the entries.

    Raises:
        BenchmarkError: It cannot be read, or is no JSON.
        SettingsError: It is no CSV, is of a kind that is not read, has no such part, or is a folder without results.
    """
    if at is None and path.is_dir():
        return of_aider_folder(path)
    suffixes = [suffix for suffix in path.suffixes if suffix != ".gz"][-1:]
    kind = suffixes[0].lower() if suffixes else ""
    if kind in _UNREAD:
        raise SettingsError(
            f"{path} is {_UNREAD[kind]}, which is not read here. Give the outcomes per item as CSV, JSON or JSON lines."
        )
    is_json = kind not in (".csv", ".tsv") and (
        kind in (".json", ".jsonl") or read_text(path).lstrip()[:1] in ("{", "[")
    )
    if at is not None:
        return _part_of(path, at, whole_json(path) if is_json else None)
    if not is_json:
        return Table(rows=read_separated(path))
    whole = whole_json(path)
    if isinstance(whole, dict) and not (kind == ".jsonl" and whole.keys() & set(IDS)):  # else a single line of many
        return of_object(path, whole)
    if isinstance(whole, list) and is_plain(whole):
        return of_plain(whole)
    return of_rows((record.line, record.fields) for record in read_records(path))


def look_up(fields: Mapping[str, Any], name: str) -> Any:
    """A column's value; `a.b` reaches into an object or, by number from 0, a list, where no column has that name.

    Raises:
        KeyError: There is none.
    """
    if name in fields:
        return fields[name]
    value: Any = fields
    for part in name.split("."):
        if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value[part]
        else:
            raise KeyError(name)
    return value


def _part_of(path: Path, at: str, whole: Any) -> Table:
    """The table in a part of one JSON value: `a.0.b`, where a name may itself hold dots."""
    if whole is None:
        raise SettingsError(f"--at {at!r} reaches into one JSON object or list, and {path} is none. Leave it out.")
    value, rest = whole, at
    while rest:
        name = _first_name(value, rest)
        if name is None:
            held = (
                ", ".join(map(str, list(value)[:12]))
                if isinstance(value, dict)
                else f"{len(value)} entries"
                if (isinstance(value, list))
                else repr(value)[:40]
            )
            raise SettingsError(f"{path} has no part {at!r}: nothing is at {rest!r} (there: {held}). Mend --at.")
        value = value[int(name)] if isinstance(value, list) else value[name]
        rest = rest[len(name) + 1 :]
    if isinstance(value, dict):
        return of_object(path, value)
    if isinstance(value, list) and is_plain(value):
        return of_plain(value)
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return of_rows(iter(enumerate(value, start=1)))
    raise SettingsError(f"{path}: {at!r} is {repr(value)[:60]}, and no list or object with one entry per item.")


def _first_name(value: Any, rest: str) -> str | None:
    """The longest name at the front of `rest` that `value` holds."""
    parts = rest.split(".")
    if isinstance(value, list):
        return parts[0] if parts[0].isdecimal() and int(parts[0]) < len(value) else None
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in value), None) if isinstance(value, dict) else None


IDS = (
    "id",
    "task_id",
    "instance_id",
    "sample_id",
    "item_id",
    "problem_id",
    "question_id",
    "doc_id",
    "testcase",
    "item",
)
SCORES = (
    "score",
    "resolved",
    "correct",
    "is_correct",
    "passed",
    "valid",
    "success",
    "solved",
    "exact_match",
    "acc",
    "reward",
    "is_resolved",
)


def column_of(table: Table, known: Mapping[str, Any], asked: str | None, usual: Sequence[str], what: str) -> str:
    """The column that was asked for, else the one that the shape settles, else the one with a usual name.

    Raises:
        SettingsError: There is none, or more than one.
    """
    settled = table.id if usual is IDS else table.score
    if asked is not None or settled is not None:
        return str(asked or settled)
    found = [name for name in usual if name in known]
    # Only the score has a name that goes before others; two ids of one content are one.
    if len(found) == 1 or (found and found[0] == "score"):
        return found[0]
    if found and usual is IDS and len({str(known[name]) for name in found}) == 1:
        return found[0]
    columns = ", ".join(str(name) for name in known)
    reason = f"could be {' or '.join(found)}" if found else "is not clear"
    option = "--id (or, where the items have none, --by-order)" if what == "item" else "#COLUMN behind the path"
    raise SettingsError(
        f"The column of the {what} {reason}: name it with {option}. Columns of {table.shape}: {columns}."
    )
