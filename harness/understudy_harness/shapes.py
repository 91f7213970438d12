"""The shapes in which per-item outcomes are published, each as plain rows of columns.

a table            CSV, TSV, JSON lines, a JSON array: as it is; `a.b` reaches into an object
{item: outcome}    one JSON object: id, score
SWE-bench          one report with lists of ids: id, resolved
EvalPlus           eval_results.json: task_id, epoch, base_status, plus_status (passed only with the base tests)
BFCL               a score file, which lists failures alone: id, valid
Aider              .aider.results.json, or a folder of them: testcase, pass_1, pass_2, cost, duration and the rest
HELM               per_instance_stats.json: instance_id, train_trial_index, perturbation, each statistic's mean
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from json import loads
from pathlib import Path
from typing import Any

from understudy_harness.benchmarks.data import read_text
from understudy_harness.errors import SettingsError

AIDER = ".aider.results.json"
_RESOLVED = ("resolved_ids", "resolved")
_NOT_RESOLVED = ("unresolved_ids", "unresolved", "empty_patch_ids", "no_generation")
_TRIED = (
    *_NOT_RESOLVED, "error_ids", "applied", "no_apply", "generated", "test_errored", "test_timeout", "with_logs",
)  # fmt: skip
_ASKED = ("submitted_ids", "incomplete_ids", "completed_ids")
Rows = Iterable[tuple[int, Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of columns with their line numbers, and what the shape says about them."""

    rows: Rows
    shape: str = "a table"
    id: str | None = None
    """The columns of item, score and repetition, where the shape settles them."""
    score: str | None = None
    epoch: str | None = None
    others: float | None = None
    """The score of items that the file does not name, where the shape leaves them out on purpose."""
    total: str | None = None
    """The total that the file itself states."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Columns of usd, seconds, input_tokens and output_tokens that the shape is known to have."""


def whole_json(path: Path) -> Any:
    """The file as one JSON object or list; None where it is anything else."""
    text = read_text(path)
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return loads(text)
    except (ValueError, RecursionError):  # JSON lines, or broken: then the reader of lines says where
        return None


def is_plain(values: Sequence[Any]) -> bool:
    return bool(values) and all(one is None or isinstance(one, bool | int | float | str) for one in values)


def of_plain(values: Sequence[Any]) -> Table:
    """A bare list of outcomes; its items have no id."""
    rows = [(number, {"score": value}) for number, value in enumerate(values, start=1)]
    return Table(rows=rows, shape="a list of outcomes", score="score")


def of_rows(rows: Iterator[tuple[int, Mapping[str, Any]]]) -> Table:
    first = next(rows, None)
    if first is None:
        return Table(rows=())
    fields, every = first[1], chain((first,), rows)
    if {"accuracy", "total_count"} <= fields.keys() and "id" not in fields:
        return _bfcl(fields, every)
    if "instance_id" in fields and isinstance(fields.get("stats"), list):
        return Table(rows=((line, _helm(row)) for line, row in every), shape="HELM", epoch="train_trial_index")
    if "tests_outcomes" in fields:
        return _aider(every)
    return Table(rows=every)


def of_object(path: Path, whole: dict[str, Any]) -> Table:
    for fits, read in _SHAPES:
        if fits(whole):
            return read(path, whole)
    if "id" in whole or "score" in whole:
        return Table(rows=[(1, whole)])
    lists = [name for name, value in whole.items() if isinstance(value, list | dict) and value]
    names = ", ".join(map(repr, (lists or list(whole))[:8]))
    raise SettingsError(
        f"{path} is one JSON object in no known shape (it holds {names}). Name the part that has one entry per item "
        "with --at, such as --at results.0.items, or turn it into JSON lines or CSV."
    )


def _lists_of_objects(whole: Mapping[str, Any]) -> list[str]:
    return [name for name, value in whole.items() if isinstance(value, list) and value and isinstance(value[0], dict)]


def _is_inspect(whole: Mapping[str, Any]) -> bool:
    about = whole.get("eval")
    return {"version", "status"} <= whole.keys() and isinstance(about, dict) and "task" in about


def _is_terminal_bench(whole: Mapping[str, Any]) -> bool:
    results = whole.get("results")
    return isinstance(results, list) and bool(results) and isinstance(results[0], dict) and "is_resolved" in results[0]


def _terminal_bench(path: Path, whole: Mapping[str, Any]) -> Table:
    """Trials in their order; a task that was tried several times has as many epochs."""
    tried: dict[str, int] = {}
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, trial in enumerate(whole["results"], start=1):
        name = str(trial.get("task_id"))
        rows.append((number, {**trial, "epoch": tried.setdefault(name, 0)}))
        tried[name] += 1
    total = repr(whole["accuracy"]) if isinstance(whole.get("accuracy"), float) else None
    tokens = {"input_tokens": "total_input_tokens", "output_tokens": "total_output_tokens"}
    return Table(
        rows=rows, shape="Terminal-Bench", id="task_id", score="is_resolved", epoch="epoch", total=total, also=tokens
    )


def _no_outcomes(path: Path, _whole: Mapping[str, Any]) -> Table:
    raise SettingsError(
        f"{path} holds the totals of lm-evaluation-harness and no entry per item. Give its samples_*.jsonl, which a "
        "run with --log_samples writes."
    )


def _by_item(whole: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object of items without the note on its kind that OpenCompass puts beside them."""
    return {name: value for name, value in whole.items() if not (name == "type" and isinstance(value, str))}


def _items_with_outcomes(_path: Path, whole: Mapping[str, Any]) -> Table:
    if "score" in whole or "id" in whole:  # a single line of JSON lines
        return Table(rows=[(1, whole)])
    rows = [(number, {"id": name, "score": value}) for number, (name, value) in enumerate(whole.items(), start=1)]
    return Table(rows=rows, shape="{item: outcome}", id="id", score="score")


def _items_with_columns(_path: Path, whole: Mapping[str, Any]) -> Table:
    rows = [(number, {"id": name, **value}) for number, (name, value) in enumerate(_by_item(whole).items(), start=1)]
    return Table(rows=rows, shape="{item: outcome}", id="id")


def _are_tries(values: Iterable[Any]) -> bool:
    """Whether each is a list of [number, object], as bigcode-evaluation-harness logs the candidates of a task."""
    return all(
        isinstance(tries, list)
        and tries
        and all(isinstance(one, list) and len(one) == 2 and isinstance(one[1], dict) for one in tries)
        for tries in values
    )


def _bigcode(_path: Path, whole: Mapping[str, Any]) -> Table:
    rows = [
        (number, {**one, "id": task, "epoch": epoch})
        for number, (task, tries) in enumerate(whole.items(), start=1)
        for epoch, (_, one) in enumerate(tries)
    ]
    return Table(rows=rows, shape="bigcode-evaluation-harness", id="id", epoch="epoch")


def _swe_bench(path: Path, whole: Mapping[str, Any]) -> Table:
    resolved = _resolved(whole)
    assert resolved is not None
    solved = [str(name) for name in whole[resolved]]
    both = {str(name) for key in _NOT_RESOLVED for name in _ids(whole.get(key))}.intersection(solved)
    if both:
        raise SettingsError(
            f"{path} lists {sorted(both)[0]!r} as resolved and as not resolved. Repair the report, or choose one run."
        )
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


def _resolved(whole: Mapping[str, Any]) -> str | None:
    return next((name for name in _RESOLVED if isinstance(whole.get(name), list)), None)


def _ids(value: Any) -> Sequence[str]:
    return [str(one) for one in value] if isinstance(value, list) else ()


def _evalplus(path: Path, whole: Mapping[str, Any]) -> Table:
    rows = list(_evalplus_rows(path, whole["eval"]))
    alone = bool(rows) and "base_status" not in rows[0][1]
    return Table(rows=rows, shape="EvalPlus", id="task_id", epoch="epoch", score="status" if alone else None)


def _evalplus_rows(path: Path, tasks: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, (task, tries) in enumerate(tasks.items(), start=1):
        for epoch, one in enumerate(_evalplus_tries(path, task, tries)):
            base, plus = one.get("base_status"), one.get("plus_status")
            # Anything but "pass", such as "timeout", is a failure, as EvalPlus itself counts.
            told: dict[str, Any] = {}
            if "status" in one:  # BigCodeBench
                told["status"] = one["status"] == "pass"
            if base is not None:
                told["base_status"] = base == "pass"
                told["plus_status"] = None if plus is None else base == plus == "pass"
            yield number, {**one, **told, "task_id": task, "epoch": epoch}


def _evalplus_tries(path: Path, task: str, tries: Any) -> Sequence[Mapping[str, Any]]:
    if isinstance(tries, dict) and isinstance(tries.get("base"), list):  # before version 0.2
        plus = tries.get("plus") or [(None, None)] * len(tries["base"])
        return [{"base_status": one[0], "plus_status": more[0]} for one, more in zip(tries["base"], plus, strict=False)]
    if isinstance(tries, list) and all(
        isinstance(one, dict) and ("base_status" in one or "status" in one) for one in tries
    ):
        return tries
    raise SettingsError(f"{path}: the entry {task!r} of `eval` is no list of results of EvalPlus.")


def _bfcl(head: Mapping[str, Any], rows: Rows) -> Table:
    failures = ((line, {**row, "valid": row.get("valid", False)}) for line, row in rows if "accuracy" not in row)
    stated = f"{head['correct_count']}/{head['total_count']}" if "correct_count" in head else None
    return Table(rows=failures, shape="BFCL's failures", others=1.0, total=stated)


def of_aider_folder(path: Path) -> Table:
    files = sorted(path.rglob(AIDER))
    if not files:
        raise SettingsError(
            f"{path} is a folder without {AIDER}. Give a file, or the folder of one run of Aider's benchmark."
        )
    rows: list[tuple[int, Mapping[str, Any]]] = []
    for number, file in enumerate(files, start=1):
        whole = whole_json(file)
        if not isinstance(whole, dict):
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


_SHAPES: tuple[tuple[Callable[[Mapping[str, Any]], bool], Callable[[Path, Mapping[str, Any]], Table]], ...] = (
    (_is_inspect, lambda path, whole: Table(rows=(), shape="Inspect")),
    (_is_terminal_bench, _terminal_bench),
    (lambda whole: _resolved(whole) is not None, _swe_bench),
    (lambda whole: isinstance(whole.get("eval"), dict), _evalplus),
    (
        lambda whole: {"accuracy", "total_count"} <= whole.keys() and "id" not in whole,
        lambda _, whole: _bfcl(whole, ()),
    ),
    (lambda whole: "tests_outcomes" in whole, lambda _, whole: _aider([(1, whole)])),
    (lambda whole: {"results", "configs", "versions"} <= whole.keys(), _no_outcomes),
    (lambda whole: is_plain(list(whole.values())), _items_with_outcomes),
    (lambda whole: bool(whole) and _are_tries(whole.values()), _bigcode),
    (
        lambda whole: bool(_by_item(whole)) and all(isinstance(value, dict) for value in _by_item(whole).values()),
        _items_with_columns,
    ),
    (
        lambda whole: bool(whole) and all(isinstance(value, list) and is_plain(value) for value in whole.values()),
        _items_with_outcomes,
    ),
    (
        lambda whole: len(_lists_of_objects(whole)) == 1,
        lambda _, whole: replace(
            of_rows(iter(enumerate(whole[_lists_of_objects(whole)[0]], start=1))),
            shape=f"the list {_lists_of_objects(whole)[0]!r}",
        ),
    ),
)
