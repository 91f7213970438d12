"""What an engine does: carry out one plan on one system, and say what it could not protect."""

import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from understudy_servers.testing.engines.isolation import Isolation
from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.verdict.split import Split


@dataclass(frozen=True, kw_only=True)
class Errand:
    """A plan with everything that its run needs besides."""

    plan: Plan
    limits: Limits
    isolation: Isolation
    hash_seed: int = 0
    stop: threading.Event | None = None
    outside: Sequence[str] = ()  # folders that its program needs
    env: Mapping[str, str] = field(default_factory=dict)


class Warm(Protocol):
    """The processes that wait for work."""

    @property
    def replaced(self) -> int:
        """How many were lost and replaced."""

    def processes(self) -> list[subprocess.Popen[bytes]]:
        """The processes themselves, for whoever watches them."""

    def describe(self) -> list[dict[str, object]]:
        """Those in use now, in words for `test_status`."""


class Engine(Protocol):
    """One way to run plans. Blocking; safe to use from several threads."""

    @property
    def pool(self) -> Warm: ...

    @property
    def can_split(self) -> bool:
        """Whether two runs can have a line between them."""

    def probe(self) -> Isolation:
        """Find the layers of this system by using them. Raises SandboxRefused where nothing can be run."""

    def facts(self) -> Mapping[str, Any]:
        """What the interpreter is. Raises ZygoteLost."""

    def memory(self) -> str:
        """Who holds the memory of a run, in words for people."""

    def run(self, errand: Errand) -> tuple[Raw, str]:
        """Run it; return what it left and the mark of its events. Raises ZygoteLost, SandboxRefused."""

    def run_split(self, halves: Split, errand: Errand) -> tuple[Raw, str]:
        """Run two plans with a line for values between them."""

    def close(self) -> None:
        """End every process."""
