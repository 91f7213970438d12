"""The engine of systems without the layers of Linux: a process for each run, warmed up ahead and used once."""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from understudy_servers.testing.engines.engine import Errand
from understudy_servers.testing.engines.isolation import Isolation
from understudy_servers.testing.engines.layout import in_a_folder
from understudy_servers.testing.engines.raw import FLOOD, Raw
from understudy_servers.testing.engines.spares import Spare, Spares
from understudy_servers.testing.engines.warm import Recipe
from understudy_servers.testing.machine import Machine
from understudy_servers.testing.verdict.split import Split
from understudy_servers.testing.worker.surroundings import ALL

LOOK_S = 0.02  # how often the limits are looked at
MEMORY_S = 0.5  # how often the memory is, which costs a process
LINGER_S = 0.5  # how long what a run still says is waited for after its end


class Processes:
    """Runs plans as processes of their own."""

    can_split = False

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pool = Spares(machine.platform, ahead=machine.warmth != "cold")

    def probe(self) -> Isolation:
        platform = self.machine.platform
        missing = dict(platform.lacks)
        layers = tuple(name for name in ALL if name not in missing)
        return Isolation(layers=layers, missing=missing, network=self.machine.network, cure=platform.cure)

    def facts(self) -> Mapping[str, Any]:
        return self.pool.facts(Recipe(python=self.machine.python, preload=self.machine.preload))

    def memory(self) -> str:
        return self.machine.platform.memory

    def run(self, errand: Errand) -> tuple[Raw, str]:
        spare = self.pool.take(self._recipe(errand))
        try:
            with self._job(errand) as job:
                raw = _watched(spare, job, errand)
        finally:
            spare.end()
        raw.mode = "spare" if self.pool.ahead else "cold"
        return raw, str(job["mark"])

    def run_split(self, halves: Split, errand: Errand) -> tuple[Raw, str]:
        raise NotImplementedError("Two processes have no line between them here; ask `can_split` first.")

    def _recipe(self, errand: Errand) -> Recipe:
        machine, plan = self.machine, errand.plan
        pytest = plan.framework == "pytest"
        plugins = pytest and plan.root is not None and machine.plugins
        return Recipe(
            python=machine.python, preload=machine.preload, pytest=pytest, plugins=plugins, hash_seed=errand.hash_seed
        )

    @contextmanager
    def _job(self, errand: Errand) -> Generator[dict[str, Any]]:
        job = {**errand.plan.job(), "limits": vars(errand.limits), "env": dict(errand.env)}
        if errand.plan.root is not None and self.machine.plugins:
            job["unset"] = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"]
        with in_a_folder(errand.plan, job) as laid_out:
            yield laid_out

    def close(self) -> None:
        self.pool.close()


def _watched(spare: Spare, job: Mapping[str, Any], errand: Errand) -> Raw:
    """Give the job to a warm process and watch it to its end, or to a limit."""
    started = time.monotonic()
    raw = Raw(ready=True, missing=dict(errand.isolation.missing))
    spare.give(job)
    next_memory = started + MEMORY_S
    while not spare.ended.wait(LOOK_S):
        now = time.monotonic()
        raw.stopped = _over(spare, errand, now - started)
        if raw.stopped is None and now >= next_memory:
            next_memory = now + MEMORY_S
            held = spare.memory()
            raw.stopped = "memory" if held is not None and held > errand.limits.memory_mb << 20 else None
        if raw.stopped:
            break
    spare.end(LINGER_S)
    raw.seconds = time.monotonic() - started
    raw.events, raw.status = spare.events, spare.status
    raw.output = spare.output[: errand.limits.output_kb * 1024]
    raw.output_cut = spare.printed - len(raw.output)
    if raw.stopped is None and errand.limits.events_kb * 1024 < len(raw.events):
        raw.stopped = "report_flood"
    return raw


def _over(spare: Spare, errand: Errand, seconds: float) -> str | None:
    limits: Any = errand.limits
    if errand.stop is not None and errand.stop.is_set():
        return "cancelled"
    if seconds > limits.wall_s:
        return "wall"
    if len(spare.events) > limits.events_kb * 1024:
        return "report_flood"
    return "output_flood" if spare.printed > FLOOD * limits.output_kb * 1024 else None
