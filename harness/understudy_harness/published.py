"""The shapes in which per-item outcomes are published, each as plain rows of columns.

a table            CSV, TSV, JSON lines, a JSON array: as it is; `a.b` reaches into an object
{item: outcome}    one JSON object: id, score
SWE-bench          one report with lists of ids: id, resolved
EvalPlus           eval_results.json: task_id, epoch, base_status, plus_status (passed only with the base tests)
BFCL               a score file, which lists failures alone: id, valid
Aider              .aider.results.json, or a folder of them: testcase, pass_1, pass_2, cost, duration and the rest
HELM               per_instance_stats.json: instance_id, train_trial_index, perturbation, each statistic's mean
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from understudy_harness.benchmarks.data import read_records, read_text
from understudy_harness.errors import SettingsError

AIDER = ".aider.results.json"
_LONGEST_FIELD = 1 << 24  # characters; published files carry whole transcripts in a column, and 131072 is the default
_RESOLVED = ("resolved_ids", "resolved")
_TRIED = (
    "unresolved_ids", "error_ids", "empty_patch_ids", "unresolved", "applied", "no_apply", "generated", "no_generation",
    "test_errored", "test_timeout", "with_logs",
)  # fmt: skip
_ASKED = ("submitted_ids", "incomplete_ids", "completed_ids")
Rows = Iterable[tuple[int, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of columns with their line numbers, and what the shape says about them."""

    rows: Rows
    shape: str = "a table"
    epoch: str | None = None
    """The column of the repetition, where the shape has one."""
    others: float | None = None
    """The score of items that the file does not name, where the shape leaves them out on purpose."""
    total: str | None = None
    """The total that the file itself states."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Columns of usd, seconds, input_tokens and output_tokens that the shape is known to have."""


def read_table(path: Path) -> Table:
    """Read a file, or a folder of Aider's results.

    Raises:
        BenchmarkError: It cannot be read, or is no JSON.
        SettingsError: It is no CSV, or a folder without results.
    """
    if path.is_dir():
        return _aider_folder(path)
    if path.suffix in (".csv", ".tsv"):
        return Table(rows=_csv(path))
    whole = _object(path)
    if whole is not None:
        return _of_object(path, whole)
    records = iter(read_records(path))
    first = next(records, None)
    if first is None:
        return Table(rows=())
    rows = ((record.line, record.fields) for record in chain((first,), records))
    if {"accuracy", "total_count"} <= first.fields.keys() and "id" not in first.fields:
        return _bfcl(first.fields, rows)
    if "instance_id" in first.fields and isinstance(first.fields.get("stats"), list):
        return Table(rows=((line, _helm(row)) for line, row in rows), shape="HELM", epoch="train_trial_index")
    if "tests_outcomes" in first.fields:
        return _aider((line, row) for line, row in rows)
    return Table(rows=rows)


def look_up(fields: Mapping[str, Any], name: str) -> Any:
    """A column's value; `a.b` reaches into an object where no column has that name.

    Raises:
        KeyError: There is none.
    """
    if name in fields:
        return fields[name]
    value: Any = fields
    for part in name.split("."):
        if not isinstance(value, Mapping):
            raise KeyError(name)
        value = value[part]
    return value


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    csv.field_size_limit(_LONGEST_FIELD)
    text = io.StringIO(read_text(path), newline="")
    reader = csv.DictReader(text, delimiter="\t" if path.suffix == ".tsv" else ",", restkey="", strict=True)
    try:
        for fields in reader:
            if "" in fields or None in fields.values():
                raise SettingsError(
                    f"{path}:{reader.line_num}: this line has another number of fields than the first one names. "
                    "Repair it, or export the table again."
                )
            yield reader.line_num, fields
    except csv.Error as error:
        raise SettingsError(f"{path}:{reader.line_num}: this is not CSV that can be read ({error}).") from None


def _object(path: Path) -> dict[str, Any] | None:
    """The file as one JSON object; None where it is anything else."""
    text = read_text(path)
    if not text.lstrip().startswith("{"):
        return None
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):  # JSON lines, or broken: then the reader of lines says where
        return None
    return whole if isinstance(whole, dict) else None


def _of_object(path: Path, whole: dict[str, Any]) -> Table:
    resolved = next((name for name in _RESOLVED if isinstance(whole.get(name), list)), None)
    if resolved is not None:
        return _swe_bench(whole, resolved)
    if isinstance(whole.get("eval"), dict):
        return Table(rows=list(_evalplus(path, whole["eval"])), shape="EvalPlus", epoch="epoch")
    if {"accuracy", "total_count"} <= whole.keys() and "id" not in whole:
        return _bfcl(whole, ())
    if "tests_outcomes" in whole:
        return _aider([(1, whole)])
    if whole and all(isinstance(value, bool | int | float | str) or value is None for value in whole.values()):
        if "score" in whole or "id" in whole:  # a single line of JSON lines
            return Table(rows=[(1, whole)])
        return Table(
            rows=[(n, {"id": k, "score": v}) for n, (k, v) in enumerate(whole.items(), 1)], shape="{item: outcome}"
        )
    if whole and all(isinstance(value, dict) for value in whole.values()):
        return Table(rows=[(n, {"id": k, **v}) for n, (k, v) in enumerate(whole.items(), 1)], shape="{item: outcome}")
    lists = [name for name, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    if len(lists) == 1:
        return Table(rows=list(enumerate(whole[lists[0]], 1)), shape=f"the list {lists[0]!r}")
    if "id" in whole or "score" in whole:
        return Table(rows=[(1, whole)])
    names = ", ".join(map(repr, lists)) or ", ".join(map(repr, list(whole)[:8]))
    raise SettingsError(
        f"{path} is one JSON object in no known shape (it holds {names}). Turn the part with one entry per item into "
        "JSON lines or CSV."
    )


def _swe_bench(whole: Mapping[str, Any], resolved: str) -> Table:
    solved = [str(name) for name in whole[resolved]]
    tried = [str(name) for key in _TRIED for name in _ids(whole.get(key))]
    asked = [str(name) for key in _ASKED for name in _ids(whole.get(key))]
    known = list(dict.fromkeys((*solved, *tried, *asked)))
    settled = {*tried, *_ids(whole.get("completed_ids"))}
    rows: list[tuple[int, Mapping[str, Any]]] = [
        (number, {"id": name, "resolved": True if name in set(solved) else False if name in settled else None})
        for number, name in enumerate(known, start=1)
    ]
    # Every item twice in the list itself is a doubled item, and is said as one.
    doubled = [(0, {"id": name, "resolved": True}) for name in dict.fromkeys(n for n in solved if solved.count(n) > 1)]
    return Table(rows=[*rows, *doubled], shape="SWE-bench", others=None if tried or asked else 0.0)


def _ids(value: Any) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else ()


def _evalplus(path: Path, tasks: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, (task, tries) in enumerate(tasks.items(), start=1):
        if not isinstance(tries, list) or not all(isinstance(one, dict) and "base_status" in one for one in tries):
            raise SettingsError(f"{path}: the entry {task!r} of `eval` is no list of results of EvalPlus.")
        for epoch, one in enumerate(tries):
            base, plus = one["base_status"], one.get("plus_status")
            both = None if plus is None else "pass" if base == plus == "pass" else "fail"
            yield number, {"task_id": task, "epoch": epoch, "base_status": base, "plus_status": both}


def _bfcl(head: Mapping[str, Any], rows: Rows) -> Table:
    failures = ((line, {**row, "valid": row.get("valid", False)}) for line, row in rows if "accuracy" not in row)
    stated = f"{head['correct_count']}/{head['total_count']}" if "correct_count" in head else None
    return Table(rows=failures, shape="BFCL's failures", others=1.0, total=stated)


def _aider_folder(path: Path) -> Table:
    files = sorted(path.rglob(AIDER))
    if not files:
        raise SettingsError(
            f"{path} is a folder without {AIDER}. Give a file, or the folder of one run of Aider's benchmark."
        )
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, file in enumerate(files, start=1):
        whole = _object(file)
        if whole is None:
            raise SettingsError(f"{file} is no JSON object. Remove it, or finish that exercise.")
        language = next((part for part in file.relative_to(path).parts[:-1] if part in _LANGUAGES), "")
        name = str(whole.get("testcase", file.parent.name))
        rows.append((number, {**whole, "testcase": f"{language}/{name}" if language else name}))
    return _aider(rows)


_LANGUAGES = frozenset(("cpp", "go", "java", "javascript", "python", "rust"))


def _aider(rows: Rows) -> Table:
    def flat() -> Iterator[tuple[int, Mapping[str, Any]]]:
        for line, row in rows:
            tries = row.get("tests_outcomes")
            outcomes = tries if isinstance(tries, list) and tries else [None]
            yield line, {**row, "pass_1": outcomes[0], "pass_2": None if outcomes == [None] else any(outcomes)}

    known = {
        "usd": "cost",
        "seconds": "duration",
        "input_tokens": "prompt_tokens",
        "output_tokens": "completion_tokens",
    }
    return Table(rows=flat(), shape="Aider", also=known)


def _helm(row: Mapping[str, Any]) -> Mapping[str, Any]:
    flat = {name: row.get(name) for name in ("instance_id", "train_trial_index")}
    perturbation = row.get("perturbation")
    flat["perturbation"] = perturbation.get("name") if isinstance(perturbation, Mapping) else perturbation or "none"
    for one in row["stats"]:
        name = one.get("name")
        flat[str(name.get("name") if isinstance(name, Mapping) else name)] = one.get("mean", one.get("sum"))
    return flat


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
SCORES = ("score", "resolved", "correct", "is_correct", "passed", "valid", "success", "solved", "exact_match", "acc")


def column_of(table: Table, known: Mapping[str, Any], asked: str | None, usual: Sequence[str], what: str) -> str:
    """The column that was asked for, else the one with a usual name.

    Raises:
        SettingsError: There is none, or more than one.
    """
    if asked is not None:
        return asked
    found = [name for name in usual if name in known]
    option = "--id" if what == "item" else "#COLUMN behind the path"
    if usual[0] in found:
        return usual[0]
    if len(found) == 1:
        return found[0]
    columns = ", ".join(str(name) for name in known)
    reason = f"could be {' or '.join(found)}" if found else "is not clear"
    raise SettingsError(
        f"The column of the {what} {reason}: name it with {option}. Columns of {table.shape}: {columns}."
    )
