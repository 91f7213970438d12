"""What one run is to do: which files, which tests, which of them must show up."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from understudy_servers.testing.verdict.expected import expected_ids, needs_pytest
from understudy_servers.testing.workspace import Workspace

Framework = Literal["plain", "pytest"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run in the making. `root` None means that `files` are all there is; else they lie over the project there."""

    files: Mapping[str, str]
    tests: tuple[str, ...]
    candidate: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()  # what tests import that is neither a test nor the candidate's
    data: tuple[str, ...] = ()  # the other files of a project
    expected: tuple[str, ...] = ()
    framework: Framework = "plain"
    select: tuple[str, ...] | None = None
    root: str | None = None
    seed: int = 0
    shuffle: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def guarded(self) -> bool:
        """Whether the tests are out of the candidate's reach, so that a pass by other means is no pass."""
        return self.root is None or bool(self.extra.get("protected"))

    def source(self, path: str) -> str:
        """The text of one of the files, as the run will see it."""
        if path in self.files or self.root is None:
            return self.files[path]
        return (Path(self.root) / path).read_text(encoding="utf-8", errors="replace")

    def job(self) -> dict[str, Any]:
        """The part of a job that does not depend on the machine, with a fresh mark for its events."""
        return {
            "files": dict(self.files),
            "tests": list(self.tests),
            "candidate": list(self.candidate),
            "framework": self.framework,
            "select": None if self.select is None else list(self.select),
            "seed": self.seed,
            "shuffle": self.shuffle,
            "pytest_arguments": [],
            "mark": secrets.token_hex(16),
            **self.extra,
        }


class BadTests(Exception):
    """The tests themselves cannot be read; the text says where."""


def for_workspace(
    workspace: Workspace,
    candidate: Mapping[str, str],
    *,
    hidden: bool = False,
    select: Sequence[str] | None = None,
    seed: int = 0,
) -> Plan:
    """Plan the visible or the hidden tests of a loose problem against a candidate.

    Raises:
        BadTests: a test file of the workspace is not Python.
    """
    files = workspace.with_candidate(candidate)
    helpers = workspace.helpers()
    tests = workspace.tests(hidden=hidden)
    if hidden:
        files |= {path: text for path, text in workspace.files.items() if path in workspace.hidden}
    own = [path for path in sorted(files) if path not in {*workspace.protected, *workspace.hidden, *tests, *helpers}]
    return Plan(
        files=files,
        tests=tuple(tests),
        candidate=tuple(own),
        helpers=tuple(path for path in sorted(files) if path.endswith(".py") and path not in {*own, *tests}),
        expected=tuple(expected(files, tests, select)),
        framework=framework_of(files, tests),
        select=None if select is None else tuple(select),
        seed=seed,
    )


def expected(files: Mapping[str, str], tests: Sequence[str], select: Sequence[str] | None) -> list[str]:
    """The ids an honest run reports.

    Raises:
        BadTests: a test file is not Python.
    """
    found: list[str] = []
    for path in tests:
        try:
            found += expected_ids(files[path], path)
        except (SyntaxError, ValueError, RecursionError) as error:
            place = f":{error.lineno}" if isinstance(error, SyntaxError) else ""
            raise BadTests(f"{path}{place}: {error}") from error
    if select is None:
        return found
    return [name for name in found if any(selects(word, name) for word in select)]


def selects(word: str, name: str) -> bool:
    """A word selects a test by its id, by the file or class it is in, or by a part of its own name."""
    plain = word.partition("[")[0]
    return name == plain or name.startswith(f"{word}::") or ("::" not in word and word in name.partition("::")[2])


def framework_of(files: Mapping[str, str], tests: Sequence[str]) -> Framework:
    """Our own runner, unless the tests use what only pytest has."""
    configured = any(path.rpartition("/")[2] == "conftest.py" for path in files)
    return "pytest" if configured or any(needs_pytest(files[path]) for path in tests) else "plain"
