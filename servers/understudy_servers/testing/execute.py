"""Carry out plans: choose the warm interpreter, lay out the files, run, judge. Blocking; used from threads."""

import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy_servers.testing import isolation as sandbox
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.isolation import Isolation, Network, Policy, SandboxRefused
from understudy_servers.testing.judge import Judgement, judge, judge_output
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.pool import Pool
from understudy_servers.testing.raw import Raw
from understudy_servers.testing.running import Run
from understudy_servers.testing.split import Split
from understudy_servers.testing.warm import Recipe, Zygote, ZygoteLost, interpreter_paths, system_paths
from understudy_servers.testing.worker.files import SCRATCH, SUPPORT, WORKSPACE, make_scratch, write_files
from understudy_servers.testing.worker.surroundings import ALL, ENVIRONMENT

PREFIX = "understudy-run-"
MAX_COPY = 200 << 20


@dataclass(frozen=True, kw_only=True)
class Machine:
    """How this server runs tests: set on its command line, out of reach of any client."""

    python: str = sys.executable
    policy: Policy = "standard"
    network: Network = "none"
    preload: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    plugins: bool = True  # whether the tests of a project load the pytest plugins that are installed
    switched_off: frozenset[str] = frozenset()  # layers to leave out, for tests of the weaker cases
    limits: Limits = field(default_factory=Limits)


class Executor:
    """Runs plans on one machine setting. Safe to use from several threads."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.pool = Pool()
        self._isolation: Isolation | None = None
        self._lock = threading.Lock()
        self._has_pytest: bool | None = None

    @property
    def isolation(self) -> Isolation:
        """The layers of this machine, found at first use.

        Raises:
            SandboxRefused: they are fewer than the policy asks for.
            ZygoteLost: the interpreter cannot be started.
        """
        with self._lock:
            if self._isolation is None:
                refusal = sandbox.platform_refusal(self.machine.policy)
                if refusal is not None:
                    raise SandboxRefused(refusal)
                found = sandbox.probe(self._attempt, network=self.machine.network, off=self.machine.switched_off)
                sandbox.insist(found, self.machine.policy)
                self._isolation = found
            return self._isolation

    @property
    def has_pytest(self) -> bool:
        """Whether the interpreter has pytest, by asking where it would come from."""
        with self._lock:
            if self._has_pytest is None:
                with self.pool.borrow(Recipe(python=self.machine.python, preload=self.machine.preload)) as zygote:
                    self._has_pytest = bool(zygote.facts["can_pytest"])
            return self._has_pytest

    def recipe(self, plan: Plan, hash_seed: int = 0) -> Recipe:
        machine = self.machine
        pytest = plan.framework == "pytest"
        return Recipe(
            python=machine.python,
            preload=machine.preload,
            pytest=pytest,
            plugins=pytest and plan.root is not None and machine.plugins,
            hash_seed=hash_seed,
        )

    def run(
        self, plan: Plan, limits: Limits, *, hash_seed: int = 0, stop: threading.Event | None = None
    ) -> tuple[Judgement, Raw]:
        """Run a plan and judge it. A warm interpreter that dies under it is replaced once.

        Raises:
            ZygoteLost: the interpreter cannot be kept alive, or has no pytest where the tests need it.
            SandboxRefused: the policy is not met.
        """
        recipe = self.recipe(plan, hash_seed)
        for last in (False, True):
            try:
                with self.pool.borrow(recipe) as zygote:
                    judgement, raw = self._once(zygote, plan, limits, stop)
                    lost = not zygote.alive
                if not lost or raw.status is not None:
                    return judgement, raw
            except ZygoteLost:
                if last:
                    raise
            self.pool.discard(recipe)
        raise ZygoteLost("The warm interpreter was lost twice in this run. Does a memory limit kill it?")

    def _once(self, zygote: Zygote, plan: Plan, limits: Limits, stop: threading.Event | None) -> tuple[Judgement, Raw]:
        if plan.framework == "pytest" and not zygote.facts["pytest"]:
            raise NeedsPytest(
                f"These tests use pytest, which {self.machine.python} does not have. Install it there, or write plain "
                "`def test_…(): assert …` functions or unittest, which run without it."
            )
        with self._laid_out(plan, zygote, self.isolation) as job:
            raw = Run(zygote, {**job, "limits": vars(limits)}, limits, stop=stop).finish()
            return judge(raw, job["mark"], plan.expected), raw

    def run_split(self, halves: Split, limits: Limits, *, stop: threading.Event | None = None) -> tuple[Judgement, Raw]:
        """Run the tests in one sandbox and the candidate in another, with a line for values between them.

        Raises:
            ZygoteLost, SandboxRefused: as for `run`.
        """
        with (
            self.pool.borrow(self.recipe(halves.candidate)) as hers,
            self.pool.borrow(self.recipe(halves.tests)) as ours,
            self._laid_out(halves.candidate, hers, self.isolation) as candidate_job,
            self._laid_out(halves.tests, ours, self.isolation) as tests_job,
        ):
            near, far = socket.socketpair()
            with near, far:
                shared = {"limits": vars(limits)}
                candidate = Run(hers, {**candidate_job, **shared}, limits, peer=far.fileno(), stop=stop)
                tests = Run(ours, {**tests_job, **shared}, limits, peer=near.fileno(), stop=stop)
            raw = tests.finish(candidate)
            return judge(raw, tests_job["mark"], halves.tests.expected), raw

    def run_foreign(
        self, framework: Foreign, plan: Plan, limits: Limits, *, stop: threading.Event | None = None
    ) -> tuple[Judgement, Raw]:
        """Run the tests of another language in the same sandbox.

        Raises:
            MissingToolchain: the program that runs them is not installed.
            ZygoteLost, SandboxRefused: as for `run`.
        """
        command = framework.command(Path(str(plan.root)), plan.select)
        extra = {**plan.extra, "command": command, "verified": framework.verified, "support": framework.support()}
        limits = replace(limits, address_mb=1 << 20, processes=1024, disk_mb=1024, file_mb=1024, inodes=1 << 16)
        with self.pool.borrow(Recipe(python=sys.executable)) as zygote:
            outside = [*framework.readable(), os.path.dirname(os.path.realpath(command[0]))]
            laid_out = self._laid_out(replace(plan, extra=extra), zygote, self.isolation, outside)
            with laid_out as job:
                job["env"] = {**job.get("env", {}), **framework.environment()}
                raw = Run(zygote, {**job, "limits": vars(limits)}, limits, stop=stop).finish()
        if framework.verified:
            return judge(raw, job["mark"], ()), raw
        return judge_output(raw, framework.read(raw, job["mark"])), raw

    @contextmanager
    def _laid_out(
        self, plan: Plan, zygote: Zygote, isolation: Isolation, outside: Sequence[str] = ()
    ) -> Generator[dict[str, Any]]:
        """Yield the whole job. Without a private view the files lie in a temporary folder while it runs."""
        job = {**plan.job(), **sandbox.job_fields(isolation), "limits": vars(self.machine.limits)}
        readable = [*system_paths(), *interpreter_paths(zygote.facts), *self.machine.readable, *outside]
        readable += [plan.root] if plan.root else []
        if plan.root is not None:
            _enterable(plan.root)
            path = str(Path(zygote.facts["executable"]).parent)
            job |= {"env": {"PATH": f"{path}:{ENVIRONMENT['PATH']}"}}
            job["unset"] = ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] if self.machine.plugins else []
            if plan.framework == "pytest":
                job["ahead"] = [f"{plan.root}/{path}" for path in plan.tests if path not in plan.files]
        if isolation.has_view:
            root = plan.root or WORKSPACE
            yield {**job, "readable": readable, "root": root, "path": [root], "scratch": SCRATCH}
            return
        if "privileges" in isolation.layers:
            _reachable(zygote.facts)
        with temporary_folder() as folder:
            os.mkdir(f"{folder}/scratch")
            make_scratch(f"{folder}/scratch")
            root = plan.root or f"{folder}/workspace"
            if plan.root is not None and (plan.files or plan.extra.get("writes")):
                root = f"{folder}/project"
                _copy_project(plan.root, root)
            elif plan.root is None:
                os.makedirs(root, mode=0o755)
            write_files(root, plan.files)
            if job.get("support"):
                write_files(f"{folder}/support", job["support"])
                job["command"] = [word.replace(SUPPORT, f"{folder}/support") for word in job["command"]]
                readable.append(f"{folder}/support")
            readable += [root, "/proc", "/dev"]
            yield {
                **job,
                "files": {},
                "readable": readable,
                "root": root,
                "path": [root],
                "scratch": f"{folder}/scratch",
            }

    def _attempt(self, layers: tuple[str, ...]) -> dict[str, str]:
        plan = Plan(files={"test_probe.py": "assert True\n"}, tests=("test_probe.py",), expected=("test_probe.py",))
        trial = Isolation(layers=layers, missing=dict.fromkeys(ALL, ""), network=self.machine.network)
        with self.pool.borrow(self.recipe(plan)) as zygote, self._laid_out(plan, zygote, trial) as job:
            raw = Run(zygote, job, self.machine.limits).finish()
        if raw.broken is not None or not raw.ready:
            raise OSError(raw.broken or "the probe ended before it began")
        return raw.missing

    def close(self) -> None:
        self.pool.close()


class NeedsPytest(Exception):
    """The tests are pytest tests and the interpreter has no pytest."""


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


def _copy_project(source: str, target: str) -> None:
    """Stand in for an overlay where there is none.

    Raises:
        SandboxRefused: the project is too large to be copied for each run.
    """
    size = sum(path.stat().st_size for path in Path(source).rglob("*") if path.is_file() and not path.is_symlink())
    if size > MAX_COPY:
        raise SandboxRefused(
            f"Laying files over {source} needs a private view of the file system, which is missing here, and its "
            f"{size >> 20} MiB are too many to copy. Write the files into the project instead."
        )
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns(".git", "node_modules", "__pycache__"))


def _reachable(facts: dict[str, Any]) -> None:
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


@contextmanager
def temporary_folder() -> Generator[str]:
    """A folder that any user may look into, removed afterwards."""
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Remove the folders of servers that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not os.path.exists(f"/proc/{owner}"):
            shutil.rmtree(folder, ignore_errors=True)
