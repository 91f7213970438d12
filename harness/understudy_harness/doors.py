"""Open what a run reaches: models, tool servers, and the grader's own testing server."""

import shlex
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from understudy.context import Server
from understudy.errors import ServerError, SpecError, UnderstudyError
from understudy.model import Model
from understudy.models import open_models, price_of
from understudy.problem import Tests
from understudy.scaffold import inner_scaffolds
from understudy.solving import connected
from understudy_harness.arms import read_scaffold
from understudy_harness.benchmarks.families import Documented
from understudy_harness.errors import EndpointDown, Missing, SettingsError
from understudy_harness.row import Doors
from understudy_harness.sample import Grader
from understudy_harness.settings import Loaded, Settings

OURS = ("thinking", "docs", "testing")
GRADER = "grader"
MODEST = 4  # rows in flight for a model that says nothing about itself
MOST_WORKERS = 64


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The doors of every cell, and how much each model bears."""

    doors: Mapping[str, Doors]
    """Benchmark -> doors."""
    models: Mapping[str, Model]


@asynccontextmanager
async def open_doors(settings: Settings, cells: Sequence[Loaded]) -> AsyncIterator[Opened]:
    """Open everything that the cells need; it is closed again at the end.

    Raises:
        SettingsError: A model's spec is wrong, or its key is missing.
        Missing: A server cannot be started.
    """
    specs = sorted({spec for loaded in cells for arm in loaded.cell.arms for spec in arm.models.values()})
    async with AsyncExitStack() as stack:
        try:
            models = await stack.enter_async_context(open_models({spec: spec for spec in specs}))
        except SpecError as error:
            raise SettingsError(str(error)) from None
        except UnderstudyError as error:
            raise EndpointDown(str(error)) from None
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="understudy-gap-")))
        wanted = {
            (loaded.cell.benchmark, name): target
            for loaded in cells
            for name, target in _servers(loaded, settings, folder).items()
        }
        reached = await _reach(stack, wanted)
        doors = {loaded.cell.benchmark: _doors(loaded.cell.benchmark, models, reached, settings) for loaded in cells}
        yield Opened(doors=doors, models=models)


def rows_in_flight(models: Iterable[Model], asked: int | None) -> int:
    """How many rows of arms that use these models may run at once."""
    if asked is not None:
        return asked
    return min(MOST_WORKERS, max(_bears(model) for model in models))


def _bears(model: Model) -> int:
    for holder in (model, getattr(model, "endpoint", None)):
        limit = getattr(holder, "concurrency", None)
        if isinstance(limit, int):
            return max(limit, 1)
    return MODEST


def _doors(
    benchmark: str, models: Mapping[str, Model], reached: Mapping[tuple[str, str], Server], settings: Settings
) -> Doors:
    mine = {name: server for (owner, name), server in reached.items() if owner == benchmark}
    grading = mine.pop(GRADER, None)
    return Doors(
        models=models, servers=mine, grader=Grader(grading), price=price_of, budget=replace(settings.row_budget)
    )


async def _reach(stack: AsyncExitStack, wanted: Mapping[tuple[str, str], str]) -> dict[tuple[str, str], Server]:
    # One connection per command line: two benchmarks share a server unless theirs differ. The grader is never shared.
    lines = {(target, name == GRADER): f"{name}@{owner}" for (owner, name), target in wanted.items()}
    try:
        made: Mapping[str, Any] = await stack.enter_async_context(
            connected({label: target for (target, _), label in lines.items()})
        )
    except ServerError as error:
        raise Missing(f"{error} The run has not begun.") from None
    return {key: made[lines[target, key[1] == GRADER]] for key, target in wanted.items()}


def _servers(loaded: Loaded, settings: Settings, folder: Path) -> dict[str, str]:
    wanted = {}
    used = {name for arm in loaded.cell.arms for name in used_by(arm.scaffold, settings.servers)}
    if any(isinstance(sample.problem.check, Tests) for sample in loaded.samples):
        used.add("testing")
    for name in sorted(used):
        wanted[name] = settings.servers.get(name) or _our_server(name, loaded, folder)
    if any("tests" in sample.hidden for sample in loaded.samples):
        wanted[GRADER] = settings.servers.get(GRADER) or _our_server("testing", loaded, folder)
    return wanted


def used_by(spelling: str, named: Iterable[str] = ()) -> set[str]:
    """The servers that a scaffold calls: ours, and those `named` by the user."""
    names: set[str] = set()
    for held in inner_scaffolds(read_scaffold(spelling)):
        names |= set(getattr(held, "servers", ()))
        own = type(held).__name__.lower()
        names |= {getattr(held, "server", {"think": "thinking"}.get(own, own))} & (set(OURS) | set(named))
    return names


def _our_server(name: str, loaded: Loaded, folder: Path) -> str:
    command = ["understudy", "serve", name]
    if name == "docs" and isinstance(loaded.benchmark, Documented):
        # An empty project and an index of its own: the answer must come from the benchmark's documentation alone.
        place = folder / loaded.cell.benchmark.replace("/", "_")
        for part in ("home", "project", "documentation"):
            (place / part).mkdir(parents=True, exist_ok=True)
        command += ["--home", str(place / "home"), "--root", str(place / "project")]
        if loaded.benchmark.write_documentation(place / "documentation"):
            command += ["--add", str(place / "documentation" / "*")]
    if name == "testing":
        # A host may lower the limit of a run and never raise it, so the server starts with the longest one needed.
        memory = max([1024, *(int(sample.hidden.get("memory_mb", 0)) for sample in loaded.samples)])
        command += ["--timeout", f"{_longest(loaded):g}", "--memory", str(memory)]
    return shlex.join(command)


def _longest(loaded: Loaded) -> float:
    checks = [sample.problem.check for sample in loaded.samples]
    shown = [check.timeout_s for check in checks if isinstance(check, Tests)]
    hidden = [float(sample.hidden["timeout_s"]) for sample in loaded.samples if "timeout_s" in sample.hidden]
    return max([10.0, *shown, *hidden])
