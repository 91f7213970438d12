"""A person's project: its root, its interpreter, its test files, and what changed in them since the server started."""

import ast
import hashlib
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from understudy_servers.testing.plan import Framework, Plan, selects
from understudy_servers.testing.verdict.expected import expected_ids
from understudy_servers.testing.workspace import COMPILED, CONTROLS, SOURCES, is_test_name, shadow, takes_over

SKIPPED = frozenset({"node_modules", "__pycache__", "build", "dist", "site-packages", "venv", "env", "target"})
STEERING = CONTROLS - {"pyproject.toml"}  # of that only the part about pytest
MAX_FILES = 20_000
MAX_SOURCE = 1 << 20


@dataclass(frozen=True)
class Project:
    """A folder with code and tests. `snapshot` holds the hashes of its tests and settings at the start."""

    root: Path
    protected: tuple[str, ...] = ()
    snapshot: Mapping[str, str] = field(default_factory=dict)
    writes: bool = False

    @classmethod
    def open(cls, root: Path, protected: Sequence[str] = (), *, writes: bool = False) -> "Project":
        """Look at a project and remember its tests as they are now.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        root = root.resolve()
        if not root.is_dir():
            raise NotADirectoryError(f"{str(root)!r} is not a folder. Pass the folder of your project as --root.")
        project = cls(root, tuple(protected), writes=writes)
        return replace(project, snapshot=project.hashes())

    def walk(self) -> Iterator[str]:
        """The files of the project that matter to tests, as paths relative to the root, in order."""
        count = 0
        for folder, names, files in os.walk(self.root):
            names[:] = sorted(
                n for n in names if not n.startswith(".") and n not in SKIPPED and not _is_venv(folder, n)
            )
            for name in sorted(files):
                count += 1
                if count > MAX_FILES:
                    return
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def test_files(self) -> list[str]:
        """The Python files named like tests, below the folders that the settings of pytest name."""
        wanted = self.settings().get("testpaths") or [""]
        roots = [str(entry).strip("./") for entry in (wanted.split() if isinstance(wanted, str) else wanted)]
        found = [path for path in self.walk() if path.endswith(".py") and is_test_name(path)]
        below = [path for path in found if any(not top or path == top or path.startswith(f"{top}/") for top in roots)]
        return below or found

    def settings(self) -> dict[str, Any]:
        """What pyproject.toml says about pytest; empty where it says nothing or cannot be read."""
        try:
            return _settings((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}

    def hashes(self) -> dict[str, str]:
        """The hashes of everything that decides a verdict: tests, test settings, and what the user protects."""
        return {path: _hash(self.root / path) for path in self.walk() if self._decides(path)}

    def _decides(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return is_test_name(path) or name in CONTROLS or self.is_protected(path)

    def is_protected(self, path: str) -> bool:
        """Whether no candidate may change a file: it matches a pattern, or it steers the tests that do."""
        if self.protected and path.rpartition("/")[2] in STEERING:
            return True
        return any(fnmatch(path, pattern) or path.startswith(f"{pattern.rstrip('/')}/") for pattern in self.protected)

    def replaced(self, candidate: Mapping[str, str]) -> list[str]:
        """The files of a candidate that decide a verdict: tests, what steers them, and what they import beside them."""
        return [path for path in candidate if self._decides(path) or _among_tests(path)]

    def taken_over(self, candidate: Mapping[str, str]) -> str | None:
        """A new file that stands in for a library or, where tests are protected, for one of them or its settings."""
        new = [path for path in candidate if not (self.root / path).exists() and not self._has_top(path)]
        taker = next((path for path in new if path.rpartition("/")[2] not in CONTROLS and takes_over(path, {})), None)
        if taker is not None or not self.protected:
            return taker
        if "pyproject.toml" in candidate and _settings(candidate["pyproject.toml"]) != self.settings():
            return "pyproject.toml"
        guarded = [path for path in self.walk() if self.is_protected(path)]
        return shadow(candidate, guarded, [path for path in guarded if is_test_name(path)])

    def _has_top(self, path: str) -> bool:
        """Whether the project already has the package that a file belongs to."""
        return "/" in path and (self.root / path.partition("/")[0]).is_dir() and not path.endswith(COMPILED)

    def changed(self) -> list[str]:
        """The tests and settings that are not as they were when the server started."""
        now = self.hashes()
        return sorted(path for path in now.keys() | self.snapshot.keys() if now.get(path) != self.snapshot.get(path))

    def plan(self, candidate: Mapping[str, str], framework: Framework, select: Sequence[str] | None, seed: int) -> Plan:
        """Plan a run of the project's tests with the candidate's files laid over it."""
        tests = [path for path in self.test_files() if path not in candidate]
        tests += [path for path in candidate if path.endswith(".py") and is_test_name(path)]
        found: list[str] = []
        for path in tests:
            found += _ids(candidate[path] if path in candidate else _text(self.root / path), path)
        chosen = found if select is None else [name for name in found if any(selects(word, name) for word in select)]
        files = {name.partition("::")[0] for name in chosen}
        return Plan(
            files=dict(candidate),
            tests=tuple(tests if select is None else [path for path in tests if path in files]),
            candidate=tuple(self._own_code(candidate)),
            helpers=tuple(self._helpers(candidate)),
            data=tuple(path for path in dict.fromkeys([*self.walk(), *candidate]) if not _among_tests(path)),
            expected=tuple(chosen) if framework == "plain" else (),
            framework=framework,
            select=None if select is None else tuple(_arguments(select, chosen) if framework == "pytest" else select),
            root=str(self.root),
            seed=seed,
            extra={
                "pytest_arguments": [],
                "project": True,
                "protected": bool(self.protected),
                "writes": self.writes,
                "sources": self._sources(),
            },
        )

    def _own_code(self, candidate: Mapping[str, str]) -> list[str]:
        """The modules that are under test rather than tests."""
        paths = dict.fromkeys([*self.walk(), *candidate])
        own = [
            path for path in paths if path.endswith(".py") and path.rpartition("/")[2] not in CONTROLS | {"setup.py"}
        ]
        return [path for path in own if not is_test_name(path) and not path.startswith(("tests/", "test/", "docs/"))]

    def _sources(self) -> list[str]:
        """The folders that hold packages without being one, from which a copy installed elsewhere is overruled."""
        return [
            name for name in SOURCES if (self.root / name).is_dir() and not (self.root / name / "__init__.py").exists()
        ]

    def _helpers(self, candidate: Mapping[str, str]) -> list[str]:
        """What tests import: `conftest.py` files and the modules in the folders of tests."""
        paths = [path for path in dict.fromkeys([*self.walk(), *candidate]) if path.endswith(".py")]
        return [
            path
            for path in paths
            if not is_test_name(path) and (path.rpartition("/")[2] == "conftest.py" or _among_tests(path))
        ]


def _settings(text: str) -> dict[str, Any]:
    try:
        table = tomllib.loads(text).get("tool", {}).get("pytest", {})
    except (ValueError, AttributeError):
        return {}
    return dict(table.get("ini_options", table)) if isinstance(table, dict) else {}


def _among_tests(path: str) -> bool:
    return bool({"tests", "test"} & set(path.split("/")[:-1]))


def _arguments(select: Sequence[str], chosen: Sequence[str]) -> list[str]:
    """What pytest is given for a selection: exact ids stay, words become the ids they select."""
    exact = [word for word in select if "::" in word or word.endswith(".py")]
    return exact or list(chosen) or list(select)


def interpreter(root: Path, chosen: str | None) -> str:
    """The interpreter of a project: the chosen one, its own virtual environment, the active one, or this one."""
    if chosen is not None:
        return chosen
    active = os.environ.get("VIRTUAL_ENV")
    for folder in (root / ".venv", root / "venv", *([Path(active)] if active else [])):
        if (folder / "bin" / "python").exists():
            return str(folder / "bin" / "python")
    return sys.executable


def hidden_files(folder: Path) -> dict[str, str]:
    """The hidden tests of a user, by the paths they will have in the project while they run.

    Raises:
        NotADirectoryError: there is no such folder.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is not a folder. Pass the folder of your hidden tests as --hidden.")
    found = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*.py"))}
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in found.items()}


def _is_venv(folder: str, name: str) -> bool:
    return os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return "unreadable"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[:MAX_SOURCE]
    except OSError:
        return ""


def _ids(source: str, path: str) -> list[str]:
    try:
        ast.parse(source)
        return expected_ids(source, path)
    except (SyntaxError, ValueError, RecursionError):
        return []  # the run itself will say what is wrong with the file
