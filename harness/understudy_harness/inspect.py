"""The one door to Inspect (https://inspect.aisi.org.uk): its logs as outcomes, our rows as its logs, its tasks.

Logs are read and written only through Inspect's own functions, since their layout is its business. Imported lazily: the
package weighs 300 MB and takes a second to load.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy_harness.errors import BenchmarkError, Missing, SettingsError
from understudy_harness.imports import Outcome

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample as InspectSample
    from inspect_ai.log import EvalLog, EvalSample

_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}


@dataclass(frozen=True, kw_only=True)
class LoggedSample:
    """One row of ours, as a sample of an Inspect log."""

    id: str
    epoch: int
    """From 0."""
    score: float
    grade: str
    detail: str
    messages: Sequence[Mapping[str, Any]]
    """What was said, as {role, content}."""
    answer: str
    metadata: Mapping[str, Any]
    usage: Mapping[str, Mapping[str, float]]
    """Model -> its tokens, named as Inspect names them."""
    seconds: float = 0.0


def read_outcomes(path: Path, scorer: str | None, scale: float = 1.0) -> Iterator[Outcome]:
    """Yield the outcomes of an Inspect log, sample by sample; a sample that failed or was not scored is missing.

    So is one that the log names in its data set and never came to. Scores that are numbers are divided by `scale`.

    Raises:
        Missing: inspect_ai is not installed.
        SettingsError: The file is no log, or it has no such scorer.
    """
    log = _read(path)
    reached = {str(sample.id) for sample in log.samples or ()}
    for name in map(str, log.eval.dataset.sample_ids or ()):
        if name not in reached:
            yield Outcome(sample=name, score=None, model=log.eval.model)
    for sample in log.samples or ():
        score = _score_of(sample, scorer, path, scale)
        usage = list((sample.model_usage or {}).values())
        costs = [one.total_cost for one in usage]
        known = [cost for cost in costs if cost is not None]
        metadata = sample.metadata or {}
        yield Outcome(
            sample=str(sample.id),
            score=score,
            epoch=sample.epoch - 1,
            cluster=str(metadata.get("cluster", "")),
            category=str(metadata.get("category", "")),
            usd=sum(known) if costs and len(known) == len(costs) else None,
            seconds=sample.total_time or 0.0,
            input_tokens=sum(one.input_tokens for one in usage),
            output_tokens=sum(one.output_tokens for one in usage),
            model=log.eval.model,
        )


def write_log(
    path: Path, *, task: str, arm: str, model: str, samples: Sequence[LoggedSample], about: Mapping[str, Any]
) -> None:
    """Write rows of one arm as an Inspect log that `inspect view` opens.

    Raises:
        Missing: inspect_ai is not installed.
    """
    log = _loaded("inspect_ai.log")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    epochs = 1 + max((sample.epoch for sample in samples), default=0)
    ids: list[str | int] = list(dict.fromkeys(sample.id for sample in samples))
    spec = log.EvalSpec(
        created=created,
        task=f"{task} {arm}",
        dataset=log.EvalDataset(name=task, samples=len(ids), sample_ids=ids),
        model=model or "none/none",
        config=log.EvalConfig(epochs=epochs),
        metadata=dict(about),
        packages={},
    )
    written = [_logged(sample) for sample in samples]
    mean = sum(sample.score for sample in samples) / len(samples) if samples else 0.0
    metric = log.EvalMetric(name="mean", value=mean)
    score = log.EvalScore(name="grade", scorer="understudy", metrics={"mean": metric})
    results = log.EvalResults(total_samples=len(samples), completed_samples=len(samples), scores=[score])
    stats = log.EvalStats(started_at=created, completed_at=created)
    whole = log.EvalLog(version=2, status="success", eval=spec, results=results, stats=stats, samples=written)
    path.parent.mkdir(parents=True, exist_ok=True)
    log.write_eval_log(whole, str(path), format="eval")


def load_task(spec: str) -> "Task":
    """Load a task by `FILE.py@NAME`, `FILE.py` or `PACKAGE/NAME`. This runs the task's own code.

    Raises:
        Missing: inspect_ai is not installed.
        BenchmarkError: There is no such task.
    """
    inspect = _loaded("inspect_ai")
    file, _, name = spec.partition("@")
    try:
        made = _of_file(Path(file).resolve(), name) if file.endswith(".py") else _of_package(spec)
    except BenchmarkError:
        raise
    except Exception as error:  # a task file may raise anything; the user has to see what
        raise BenchmarkError(f"The Inspect task {spec!r} cannot be loaded: {error}") from error
    if not isinstance(made, inspect.Task):
        raise BenchmarkError(f"{spec!r} gives {type(made).__name__}, which is no Inspect task.")
    task: Task = made
    return task


def _of_file(path: Path, name: str) -> Any:
    """Import a file in its own folder, as `inspect eval` does, and make its task."""
    if not path.is_file():
        raise BenchmarkError(f"There is no file {path}. Name an Inspect task as FILE.py@NAME.")
    known = [info.name for info in _loaded("inspect_ai").list_tasks(path.name, root_dir=path.parent)]
    if name not in known and (name or len(known) != 1):
        found = f"no Inspect task {name!r}" if name else f"{len(known)} Inspect tasks; name one as FILE.py@NAME"
        raise BenchmarkError(f"{path} holds {found}. Tasks: {', '.join(known) or 'none'}.")
    spec = spec_from_file_location(f"_understudy_task_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # for what lies beside the task, now and when its scorer runs
    with chdir(path.parent):
        spec.loader.exec_module(module)
        return getattr(module, name or known[0])()


def _of_package(spec: str) -> Any:
    """Make a task that an installed package registers, such as inspect_evals/gsm8k."""
    package, slash, name = spec.partition("/")
    points = {point.name: point for point in entry_points(group="inspect_ai")}
    if not slash or package not in points:
        known = f" Packages with tasks here: {', '.join(sorted(points))}." if points else ""
        raise BenchmarkError(f"{spec!r} is no Inspect task: write FILE.py@NAME, or PACKAGE/NAME.{known}")
    made = getattr(points[package].load(), name, None)
    if made is None:
        raise BenchmarkError(f"The package {package!r} registers no Inspect task {name!r}.")
    return made()


async def score_text(task: "Task", sample: "InspectSample", text: str, model: str = "none/none") -> tuple[float, str]:
    """Have a task's first scorer judge a text; return a score from 0 to 1 and the scorer's explanation.

    Raises:
        BenchmarkError: The scorer needs what only Inspect's own runs have, such as a sandbox or a model.
    """
    solver, scoring, model_module = (
        _loaded("inspect_ai.solver"),
        _loaded("inspect_ai.scorer"),
        _loaded("inspect_ai.model"),
    )
    messages = messages_of(sample)
    state = solver.TaskState(
        model=model,
        sample_id=sample.id or 0,
        epoch=1,
        input=sample.input,
        messages=[*messages, model_module.ChatMessageAssistant(content=text)],
        target=scoring.Target(sample.target),
        choices=sample.choices,
        output=model_module.ModelOutput.from_content(model, text),
        metadata=sample.metadata or {},
    )
    scorers = task.scorer or []
    if not scorers:
        raise BenchmarkError(f"The Inspect task {task.name!r} has no scorer.")
    try:
        score = await scorers[0](state, scoring.Target(sample.target))
    except Exception as error:  # Inspect raises many kinds when a scorer asks for a sandbox or a model
        raise BenchmarkError(f"The scorer of {task.name!r} cannot judge outside Inspect: {error}") from error
    if score is None:
        raise BenchmarkError(f"The scorer of {task.name!r} gave no score.")
    return _as_share(score.value), score.explanation or ""


def messages_of(sample: "InspectSample") -> list[Any]:
    """The messages of a sample: its own, or its text as one user message."""
    if isinstance(sample.input, str):
        return [_loaded("inspect_ai.model").ChatMessageUser(content=sample.input)]
    return list(sample.input)


def _loaded(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "inspect_ai":
            raise
        raise Missing("Inspect is not installed. Install it: pip install 'understudy[inspect]'.") from None


def _read(path: Path) -> "EvalLog":
    try:
        log: EvalLog = _loaded("inspect_ai.log").read_eval_log(str(path))
    except Missing:
        raise
    except FileNotFoundError:
        raise SettingsError(f"There is no file {path}.") from None
    except Exception as error:  # a torn zip, another format: Inspect raises what its parsers raise
        raise SettingsError(f"{path} is no log that Inspect can read: {error}") from error
    return log


def _score_of(sample: "EvalSample", scorer: str | None, path: Path, scale: float) -> float | None:
    if sample.error is not None or not sample.scores:
        return None
    name = scorer or next(iter(sample.scores))
    name, part = (name, "") if name in sample.scores else (name.partition(".")[0], name.partition(".")[2])
    if name not in sample.scores:
        known = ", ".join(sample.scores)
        raise SettingsError(f"{path}: sample {sample.id!r} has no score by {name!r} (scorers: {known}).")
    value: Any = sample.scores[name].value
    if isinstance(value, dict):
        if part not in value:
            raise SettingsError(
                f"{path}: the score by {name!r} has parts. Name one: {', '.join(f'#{name}.{one}' for one in value)}."
            )
        value = value[part]
    if value is None or value != value:
        return None
    measured = isinstance(value, int | float) and not isinstance(value, bool)
    return _as_share(value / scale if measured else value)


def _as_share(value: Any) -> float:
    if isinstance(value, str):
        if value not in _LETTERS:
            raise SettingsError(f"The Inspect score {value!r} is no number and none of {', '.join(_LETTERS)}.")
        return _LETTERS[value]
    if isinstance(value, bool | int | float) and 0 <= value <= 1:
        return float(value)
    raise SettingsError(
        f"The Inspect score {value!r} is not one number from 0 to 1. Name a scorer with #SCORER, or give --scale."
    )


def _logged(sample: LoggedSample) -> Any:
    log, model, scoring = _loaded("inspect_ai.log"), _loaded("inspect_ai.model"), _loaded("inspect_ai.scorer")
    kinds = {
        "system": model.ChatMessageSystem,
        "user": model.ChatMessageUser,
        "assistant": model.ChatMessageAssistant,
        "tool": model.ChatMessageTool,
    }
    said = [kinds[str(one["role"])](content=str(one.get("content") or "")) for one in sample.messages]
    name = next(iter(sample.usage), "none")
    return log.EvalSample(
        id=sample.id,
        epoch=sample.epoch + 1,
        input=next((str(one.get("content") or "") for one in sample.messages if one["role"] == "user"), ""),
        target="",
        messages=[*said, model.ChatMessageAssistant(content=sample.answer)],
        output=model.ModelOutput.from_content(name, sample.answer),
        scores={
            "grade": scoring.Score(
                value=sample.score, answer=sample.answer[:2000], explanation=f"{sample.grade} {sample.detail}".strip()
            )
        },
        metadata=dict(sample.metadata),
        model_usage={key: model.ModelUsage(**tokens) for key, tokens in sample.usage.items()},
        total_time=sample.seconds,
    )
