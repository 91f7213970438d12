"""Any other framework: a command that the person who starts the server gives, and its report as JUnit XML or TAP."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks import junit, tap
from understudy_servers.testing.verdict.judge import Report


@dataclass(frozen=True)
class Generic:
    """A shell command. With `report` it writes JUnit XML there, a path in the run; without, it prints TAP."""

    shell: str
    report: str | None = None
    name: str = "command"
    verified: bool = False

    def found(self, root: Path) -> bool:
        return True

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        """The command, followed by sending the report out: what a run writes is gone when it ends."""
        send = f"; code=$?; cat {shlex.quote(self.report)} >&3; exit $code" if self.report else ""
        return ["/bin/sh", "-c", f"{self.shell}{send}"]

    def support(self) -> dict[str, str]:
        return {}

    def readable(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {"NO_COLOR": "1"}

    def read(self, raw: Raw, mark: str) -> Report:
        code = 1 if raw.status else 0
        if self.report is None:
            return tap.parse(bytes(raw.output).decode("utf-8", "replace"), code)
        return junit.parse(bytes(raw.events), code)
