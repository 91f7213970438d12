"""The engine of Linux: runs are forks of a warm interpreter that lock themselves in by system calls."""

import os
import socket
import sys
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from understudy_servers.testing.engines import isolation as sandbox
from understudy_servers.testing.engines import scopes
from understudy_servers.testing.engines.ahead import Ahead
from understudy_servers.testing.engines.engine import Errand
from understudy_servers.testing.engines.isolation import Isolation, SandboxRefused
from understudy_servers.testing.engines.layout import in_a_folder
from understudy_servers.testing.engines.pool import Pool
from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.engines.running import Run
from understudy_servers.testing.engines.warm import Recipe, ZygoteLost
from understudy_servers.testing.engines.zygote import Zygote, interpreter_paths, system_paths
from understudy_servers.testing.machine import Machine
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict.split import Split
from understudy_servers.testing.worker.files import SCRATCH, WORKSPACE
from understudy_servers.testing.worker.surroundings import ALL, ENVIRONMENT


class Forks:
    """Runs plans in forks of zygotes."""

    can_split = True

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pool = Pool()
        self.ahead = Ahead(self.pool.note_loss)
        self._threads: dict[Recipe, int] = {}

    def probe(self) -> Isolation:
        return sandbox.probe(self._attempt, network=self.machine.network, off=self.machine.switched_off)

    def facts(self) -> Mapping[str, Any]:
        with self.pool.borrow(Recipe(python=self.machine.python, preload=self.machine.preload)) as zygote:
            return zygote.facts

    def memory(self) -> str:
        held = {str(one["memory"]) for one in self.pool.describe()}
        if "cgroup" in held:
            return "held by a cgroup for each run, and watched every 10 ms"
        refused = "the kernel refuses cgroups to this process" if held else "no run has needed one yet"
        return f"watched every 10 ms, and no cgroup holds it: {scopes.here().lack or refused}"

    def run(self, errand: Errand) -> tuple[Raw, str]:
        """Run a plan; once more, with every layer, where the interpreter was lost or the candidate never began."""
        recipe = self._recipe(errand)
        for last in (False, True):
            used: Zygote | None = None
            try:
                with self._borrow(recipe) as used:
                    raw, mark = self._once(used, errand, recipe)
                    alive = used.alive
            except ZygoteLost:
                if last:
                    raise
                self.pool.discard(recipe, used)
                continue
            if raw.status is not None or (alive and (last or raw.ready or raw.stopped)):
                return raw, mark
            if not alive:
                self.pool.discard(recipe, used)
        raise ZygoteLost("The warm interpreter was lost twice in this run. Does a memory limit kill it?")

    @contextmanager
    def _borrow(self, recipe: Recipe) -> Generator[Zygote]:
        if self.machine.warmth != "cold":
            with self.pool.borrow(recipe) as zygote:
                yield zygote
            return
        fresh = Zygote.start(recipe)
        try:
            yield fresh
        finally:
            fresh.close()

    def _recipe(self, errand: Errand) -> Recipe:
        """The interpreter that runs this: a warm one where it can be forked, else a bare one."""
        machine, plan = self.machine, errand.plan
        if plan.extra.get("command"):
            return Recipe(python=sys.executable)  # a program of another language takes its place
        warm = self._warm_recipe(errand)
        if machine.warmth == "auto" and self._forkable(warm):
            return warm
        return replace(warm, preload=(), pytest=False)

    def _warm_recipe(self, errand: Errand) -> Recipe:
        machine, plan = self.machine, errand.plan
        pytest = plan.framework == "pytest"
        plugins = pytest and plan.root is not None and machine.plugins
        return Recipe(
            python=machine.python, preload=machine.preload, pytest=pytest, plugins=plugins, hash_seed=errand.hash_seed
        )

    def _forkable(self, recipe: Recipe) -> bool:
        """Whether an interpreter of this kind has one thread: a fork of more may wait for a lock for ever."""
        kind = replace(recipe, hash_seed=0)
        if kind not in self._threads:
            with self.pool.borrow(recipe) as zygote:
                self._threads[kind] = int(zygote.facts["threads"])
            if self._threads[kind] > 1:
                self.pool.drop(recipe)
        return self._threads[kind] == 1

    def _once(self, zygote: Zygote, errand: Errand, recipe: Recipe) -> tuple[Raw, str]:
        plan = errand.plan
        with self._laid_out(zygote, errand) as job:
            mark = str(job["mark"])
            if self._spares(errand):
                return self._in_a_spare(recipe, zygote, errand, job), mark
            raw = Run(zygote, job, errand.limits, stop=errand.stop).finish()
        warm = self.machine.warmth == "auto" and not plan.extra.get("command") and recipe == self._warm_recipe(errand)
        raw.mode = "warm" if warm else "cold"
        return raw, mark

    def _spares(self, errand: Errand) -> bool:
        """Whether this run can start ahead of its job: it needs a view, and writes nothing into the project."""
        plan, warmth = errand.plan, self.machine.warmth
        if plan.extra.get("command") or plan.extra.get("writes") or warmth == "cold" or not errand.isolation.has_view:
            return False
        return warmth == "spare" or not self._forkable(self._warm_recipe(errand))

    def _in_a_spare(self, bare: Recipe, zygote: Zygote, errand: Errand, job: dict[str, Any]) -> Raw:
        warm = self._warm_recipe(errand)
        setup = {
            **sandbox.job_fields(errand.isolation),
            "spare": True,
            "limits": vars(errand.limits),
            "readable": self._readable(zygote, replace(errand.plan, root=None), errand.outside),
            "scratch": SCRATCH,
            "warm": {"preload": warm.preload, "pytest": warm.pytest},
            "unset": job.get("unset", []) if warm.plugins else [],
        }

        @contextmanager
        def start() -> Generator[Run]:
            with self._borrow(bare) as own:
                yield Run(own, setup, errand.limits)

        waiting = self.ahead.take((warm, errand.isolation.layers, errand.isolation.network), start)
        try:
            waiting.run.give(job, errand.limits, errand.stop)
            return waiting.run.finish()
        finally:
            waiting.close()

    def run_split(self, halves: Split, errand: Errand) -> tuple[Raw, str]:
        candidates, limits = replace(errand, plan=halves.candidate), errand.limits
        with (
            self.pool.borrow(self._recipe(candidates)) as hers,
            self.pool.borrow(self._recipe(errand)) as ours,
            self._laid_out(hers, candidates) as candidate_job,
            self._laid_out(ours, errand) as tests_job,
        ):
            near, far = socket.socketpair()
            with near, far:
                candidate = Run(hers, candidate_job, limits, peer=far.fileno(), stop=errand.stop)
                tests = Run(ours, tests_job, limits, peer=near.fileno(), stop=errand.stop)
            return tests.finish(candidate), str(tests_job["mark"])

    @contextmanager
    def _laid_out(self, zygote: Zygote, errand: Errand) -> Generator[dict[str, Any]]:
        """Yield the whole job. Without a private view the files lie in a temporary folder while it runs."""
        plan, isolation = errand.plan, errand.isolation
        job = {**plan.job(), **sandbox.job_fields(isolation), "limits": vars(errand.limits)}
        job["readable"] = self._readable(zygote, plan, errand.outside)
        job["env"] = dict(errand.env)
        if plan.root is not None:
            self._of_a_project(job, zygote, plan)
        if isolation.has_view:
            root = plan.root or WORKSPACE
            yield {**job, "root": root, "path": [root], "scratch": SCRATCH}
            return
        if "privileges" in isolation.layers:
            _reachable(zygote.facts)
        with in_a_folder(plan, job) as laid_out:
            yield laid_out

    def _readable(self, zygote: Zygote, plan: Plan, outside: Sequence[str]) -> list[str]:
        mine = [*system_paths(), *interpreter_paths(zygote.facts), *self.machine.readable, *outside]
        return [*mine, plan.root] if plan.root else mine

    def _of_a_project(self, job: dict[str, Any], zygote: Zygote, plan: Plan) -> None:
        assert plan.root is not None
        _enterable(plan.root)
        path = str(Path(zygote.facts["executable"]).parent)
        job["env"] = {"PATH": f"{path}:{ENVIRONMENT['PATH']}", **job["env"]}
        job["unset"] = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] if self.machine.plugins else []
        if plan.framework == "pytest":
            job["ahead"] = [f"{plan.root}/{path}" for path in plan.tests if path not in plan.files]

    def _attempt(self, layers: tuple[str, ...]) -> dict[str, str]:
        plan = Plan(files={"test_probe.py": "assert True\n"}, tests=("test_probe.py",), expected=("test_probe.py",))
        trial = Isolation(layers=layers, missing=dict.fromkeys(ALL, ""), network=self.machine.network)
        errand = Errand(plan=plan, limits=self.machine.limits, isolation=trial)
        recipe = self._recipe(errand)
        with self._borrow(recipe) as zygote:
            raw, _ = self._once(zygote, errand, recipe)
        if raw.broken is not None or not raw.ready:
            raise OSError(raw.broken or "the probe ended before it began")
        return raw.missing

    def close(self) -> None:
        self.ahead.close()
        self.pool.close()


def _enterable(root: str) -> None:
    """A root server hands tests to an ordinary user, who must be able to read the project.

    Raises:
        SandboxRefused: others may not enter the folder.
    """
    if os.geteuid() == 0 and not os.stat(root).st_mode & 0o005 == 0o005:
        raise SandboxRefused(
            f"Tests never run as root, and other users may not read {root}. "
            f"Start the server as the owner of the project, or allow it: `chmod o+rx {root}`."
        )


def _reachable(facts: Mapping[str, Any]) -> None:
    """A root server hands tests to an ordinary user, who without a private view sees only what others may see.

    Raises:
        SandboxRefused: the interpreter lies in a folder that others may not enter.
    """
    if os.geteuid() != 0:
        return
    path = Path(facts["base"])
    for folder in (path, *path.parents):
        if not folder.stat().st_mode & 0o001:
            raise SandboxRefused(
                f"The interpreter {facts['executable']} lies in {folder}, which the ordinary user that runs the tests "
                "may not enter. Use an interpreter outside of it, or start the server as an ordinary user."
            )
