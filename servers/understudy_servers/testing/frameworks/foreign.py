"""What a framework file provides. `verified` ones report over the private channel, the others by what they print."""

import os
import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Protocol

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.verdict.judge import Report
from understudy_servers.testing.worker.files import SUPPORT

__all__ = ["SUPPORT", "Foreign", "MissingToolchain", "finished", "own", "program"]


class MissingToolchain(Exception):
    """The program that runs these tests is not installed; the text says which and how to get it."""


class Foreign(Protocol):
    """A framework whose tests are run by a program."""

    @property
    def name(self) -> str: ...
    @property
    def verified(self) -> bool: ...

    def found(self, root: Path) -> bool:
        """Say whether a project uses it, by its files."""

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        """The program and its arguments. Raises MissingToolchain."""

    def support(self) -> dict[str, str]:
        """Files of ours that the program needs, by name; they lie in `SUPPORT` while it runs."""

    def readable(self) -> list[str]:
        """Folders outside the project that the program needs."""

    def environment(self) -> dict[str, str]:
        """Variables that the program needs."""

    def read(self, raw: Raw, mark: str) -> Report:
        """Read the report of a run that ended by itself."""


def own(*names: str) -> dict[str, str]:
    """Files beside this one, by name: what a framework gives as its `support`."""
    folder = resources.files(__package__)
    return {name: (folder / name).read_text(encoding="utf-8") for name in names}


def program(name: str, cure: str) -> str:
    """The path of a program.

    Raises:
        MissingToolchain: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingToolchain(f"These tests need {name!r}, which is not on the PATH of the server. {cure}")
    return os.path.abspath(found)


def finished(report: Report, code: int) -> Report:
    """Complete a report that was read from output: what it holds is all there is."""
    report.started = True
    report.ids = list(report.outcomes)
    report.finish = {"failed": len(report.of("failed")), "errors": len(report.collect_errors)}
    report.end = {"code": code}
    return report
