"""Carry out plans: have the engine of this system run them, and judge what they left. Blocking; used from threads."""

import os
import threading
from dataclasses import replace
from pathlib import Path

from understudy_servers.testing.engines import isolation as sandbox
from understudy_servers.testing.engines.engine import Engine, Errand, Warm
from understudy_servers.testing.engines.isolation import Isolation, SandboxRefused
from understudy_servers.testing.engines.layout import PREFIX, sweep
from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.machine import Machine
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict.judge import Judgement, judge, judge_output
from understudy_servers.testing.verdict.split import Split

__all__ = ["PREFIX", "Executor", "Machine", "NeedsPytest", "sweep"]


class NeedsPytest(Exception):
    """The tests are pytest tests and the interpreter has no pytest."""


class Executor:
    """Runs plans on one machine setting. Safe to use from several threads."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.engine: Engine = machine.platform.make_engine(machine)
        self._isolation: Isolation | None = None
        self._lock = threading.Lock()
        self._has_pytest: bool | None = None

    @property
    def pool(self) -> Warm:
        """The interpreters that wait for work."""
        return self.engine.pool

    @property
    def isolation(self) -> Isolation:
        """The layers of this machine, found at first use.

        Raises:
            SandboxRefused: they are fewer than the policy asks for.
            ZygoteLost: the interpreter cannot be started.
        """
        with self._lock:
            if self._isolation is None:
                found = self.engine.probe()
                sandbox.insist(found, self.machine.policy)
                self._isolation = found
            return self._isolation

    @property
    def has_pytest(self) -> bool:
        """Whether the interpreter has pytest, by asking where it would come from."""
        with self._lock:
            if self._has_pytest is None:
                self._has_pytest = bool(self.engine.facts()["can_pytest"])
            return self._has_pytest

    def run(
        self, plan: Plan, limits: Limits, *, hash_seed: int = 0, stop: threading.Event | None = None
    ) -> tuple[Judgement, Raw]:
        """Run a plan and judge it.

        Raises:
            NeedsPytest: the interpreter has no pytest where the tests need it.
            ZygoteLost: the interpreter cannot be kept alive.
            SandboxRefused: the policy is not met.
        """
        errand = Errand(plan=plan, limits=limits, isolation=self.isolation, hash_seed=hash_seed, stop=stop)
        if plan.framework == "pytest" and not self.has_pytest:
            raise NeedsPytest(
                f"These tests use pytest, which {self.machine.python} does not have. Install it there, or write plain "
                "`def test_…(): assert …` functions or unittest, which run without it."
            )
        raw, mark = self.engine.run(errand)
        return judge(raw, mark, plan.expected), raw

    @property
    def can_split(self) -> bool:
        """Whether tests and candidate can be run apart with a line between them."""
        return self.engine.can_split

    def run_split(self, halves: Split, limits: Limits, *, stop: threading.Event | None = None) -> tuple[Judgement, Raw]:
        """Run the tests in one sandbox and the candidate in another, with a line for values between them.

        Raises:
            ZygoteLost, SandboxRefused: as for `run`.
        """
        errand = Errand(plan=halves.tests, limits=limits, isolation=self.isolation, stop=stop)
        raw, mark = self.engine.run_split(halves, errand)
        return judge(raw, mark, halves.tests.expected), raw

    def run_foreign(
        self, framework: Foreign, plan: Plan, limits: Limits, *, stop: threading.Event | None = None
    ) -> tuple[Judgement, Raw]:
        """Run the tests of another language in the same sandbox.

        Raises:
            MissingToolchain: the program that runs them is not installed.
            ZygoteLost, SandboxRefused: as for `run`.
        """
        platform = self.machine.platform
        if not platform.other_languages:
            raise SandboxRefused(
                f"On {platform.name} only Python tests are run, and these are for {framework.name}. {platform.cure}"
            )
        command = framework.command(Path(str(plan.root)), plan.select)
        extra = {**plan.extra, "command": command, "verified": framework.verified, "support": framework.support()}
        wide = replace(limits, address_mb=1 << 20, processes=1024, disk_mb=1024, file_mb=1024, inodes=1 << 16)
        errand = Errand(
            plan=replace(plan, extra=extra),
            limits=wide,
            isolation=self.isolation,
            stop=stop,
            outside=[*framework.readable(), os.path.dirname(os.path.realpath(command[0]))],
            env=framework.environment(),
        )
        raw, mark = self.engine.run(errand)
        if framework.verified:
            return judge(raw, mark, ()), raw
        return judge_output(raw, framework.read(raw, mark)), raw

    def close(self) -> None:
        self.engine.close()
