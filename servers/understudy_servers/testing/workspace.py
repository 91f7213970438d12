"""Workspaces: what a host says about a loose problem, kept by the address of its content."""

import ast
import hashlib
import json
import re
import sys
import time
import unicodedata
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import PurePosixPath

TEST_PATTERNS = ("test_*.py", "*_test.py", "tests.py", "test.py")
MAX_BYTES = 16 << 20
MAX_ENTRIES = 8_000  # files and folders together
MAX_NAME = 255  # bytes of a file name, on every usual file system
CONTROLS = frozenset({"conftest.py", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"})
COMPILED = (".pth", ".pyc", ".pyo", ".so", ".pyd")  # files that Python would load without anyone having read them
OTHER_LANGUAGES = (".java", ".cpp", ".cc", ".cxx", ".h", ".hpp", ".go", ".rs", ".js", ".mjs", ".ts")
# Libraries that tests use to generate values or to compare them: whoever stands in for one decides what is equal.
LIBRARIES = frozenset(
    {"hypothesis", "numpy", "pandas", "scipy", "mock", "parameterized", "ddt", "dirty_equals", "freezegun", "faker"}
    | {"torch", "polars", "pytest_asyncio", "anyio", "trio", "attr", "attrs", "pydantic", "exceptiongroup", "packaging"}
)
HELPERS = re.compile(r"test(helpers?|support|utils?|lib|tools?|ing)|helpers?")
SOURCES = ("src", "lib")  # folders of a project that hold packages without being one
RUNNERS = frozenset(
    {"pytest", "_pytest", "pluggy", "iniconfig", "py", "sitecustomize", "usercustomize", "understudy_servers"}
)


class BadWorkspace(Exception):
    """A workspace, or a file of a candidate, that cannot be used; the text says why."""


class UnknownWorkspace(Exception):
    """Only an id was sent and nothing is stored under it."""


@dataclass(frozen=True)
class Workspace:
    """The files of a loose problem; which the candidate may not touch; and which it may not even see."""

    id: str
    files: Mapping[str, str]
    protected: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()

    @property
    def visible(self) -> dict[str, str]:
        return {path: text for path, text in self.files.items() if path not in self.hidden}

    def tests(self, *, hidden: bool = False) -> list[str]:
        """The test files, visible or hidden: those named like tests, else the protected ones that assert."""
        pool = [path for path in sorted(self.files) if (path in self.hidden) == hidden and path.endswith(".py")]
        named = [path for path in pool if is_test_name(path)]
        guarded = self.hidden if hidden else self.protected
        return named or [path for path in pool if path in guarded and _asserts(self.files[path])]

    def helpers(self) -> list[str]:
        """What the tests import to check with: the trusted copy is used, whatever a candidate sends under that name."""
        tests = {*self.tests(), *self.tests(hidden=True)}
        return [path for path in sorted(self.files) if path not in tests and _is_helper(path, self.files[path])]

    def with_candidate(self, candidate: Mapping[str, str]) -> dict[str, str]:
        return {**self.visible, **{path: text for path, text in candidate.items() if path not in self.helpers()}}


def _is_helper(path: str, text: str) -> bool:
    """A module in a folder of tests, or one with the name of a helper that asserts."""
    place = PurePosixPath(path)
    if place.suffix != ".py":
        return False
    return bool({"tests", "test"} & set(place.parts[:-1])) or (
        HELPERS.fullmatch(place.stem) is not None and _asserts(text)
    )


def folders_of(paths: Iterable[str]) -> set[str]:
    """The folders that these relative paths need."""
    return {str(parent) for path in paths for parent in PurePosixPath(path).parents}


def shadow(candidate: Iterable[str], trusted: Iterable[str], tests: Iterable[str]) -> str | None:
    """The first file that would stand before a trusted one: another spelling of its path, or of its module's name.

    A package goes before a module of the same name, and a module in the folder of a test before one at the top; some
    file systems do not tell upper from lower case, or two ways to compose a letter.
    """
    known = {_folded(path) for path in trusted}
    around = known | {_folded(folder) for folder in folders_of(trusted)}
    places = {"", *(_folded(str(PurePosixPath(path).parent)).removeprefix(".") for path in tests)}
    modules = {top for path in known for place in places if (top := _top(path, place))}
    for path in candidate:
        folded = _folded(path)
        tops = {top for place in places if (top := _top(folded, place))}
        if folded in around or folders_of([folded]) & known or tops & modules:
            return path
    return None


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _top(path: str, place: str) -> str | None:
    """The name by which `import` finds a file that lies in `place`: as a module, or as the start of a package."""
    inside = path.removeprefix(f"{place}/") if place else path
    if place and inside == path:
        return None
    first, _, rest = inside.partition("/")
    if not rest:
        stem, _, ending = first.partition(".")
        return stem if ending.rpartition(".")[2] in {"py", "pyc", "so", "pyd"} else None
    return first if rest.startswith("__init__.") else None


def is_test_name(path: str) -> bool:
    return any(fnmatch(PurePosixPath(path).name, pattern) for pattern in TEST_PATTERNS)


def takes_over(path: str, known: Mapping[str, str], text: str = "") -> bool:
    """Say whether a candidate's file would configure the test run or stand in for a library, unasked."""
    parts = PurePosixPath(_folded(path)).parts
    if parts[-1] == "pyproject.toml" and path in known:
        return "pytest" in text + known[path] and text != known[path]
    if parts[-1] in CONTROLS:
        return known.get(path) != text
    if path in known:
        return False
    name = parts[0].partition(".")[0]
    if parts[-1].endswith(OTHER_LANGUAGES):  # `Queue.java` stands before no module
        return False
    compiled = parts[-1].endswith(COMPILED) and "__pycache__" not in parts  # what lies there is never read
    return compiled or name in sys.stdlib_module_names | RUNNERS | LIBRARIES


def _asserts(text: str) -> bool:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return False
    return any(isinstance(node, ast.Assert) or getattr(node, "name", "").startswith("test") for node in ast.walk(tree))


def address(files: Mapping[str, str], protected: Iterable[str] = (), hidden: Iterable[str] = ()) -> str:
    """The id of a workspace: a hash over its canonical JSON, as `docs/servers/testing.md` spells out."""
    parts = {"files": dict(files), "hidden": sorted(hidden), "protected": sorted(protected)}
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return "sha256:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def checked_path(path: object) -> str:
    """Return the one spelling of a relative path.

    Raises:
        BadWorkspace: it is absolute, leaves the folder, or is no path at all.
    """
    if not isinstance(path, str) or not path or "\0" in path or "\\" in path or len(path) > 400:
        raise BadWorkspace(f"{path!r} is not a usable file name. Use a relative path such as 'solution.py'.")
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts:
        raise BadWorkspace(f"The path {path!r} leaves the working folder. Use a relative path such as 'solution.py'.")
    if any(len(part.encode("utf-8", "surrogatepass")) > MAX_NAME for part in parts) or not _encodable(path):
        raise BadWorkspace(f"{path[:100]!r} is not a usable file name. Use a relative path such as 'solution.py'.")
    return "/".join(parts)


def _encodable(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


def checked_files(files: object) -> dict[str, str]:
    """Check a mapping from path to text.

    Raises:
        BadWorkspace: it is no such mapping, names a file twice, has a file that is also a folder, or is too large.
    """
    if not isinstance(files, Mapping):
        raise BadWorkspace(f"Files must be an object from path to text, got {type(files).__name__}.")
    checked: dict[str, str] = {}
    for raw, text in files.items():
        path = checked_path(raw)
        if not isinstance(text, str):
            raise BadWorkspace(f"The content of {path!r} must be text, got {type(text).__name__}.")
        if path in checked:
            raise BadWorkspace(f"The file {path!r} is given twice.")
        checked[path] = text
    folders = folders_of(checked)
    if len(checked) + len(folders) > MAX_ENTRIES:
        raise BadWorkspace(f"{len(checked)} files in {len(folders)} folders are too many; {MAX_ENTRIES} are allowed.")
    if clash := sorted(folders & checked.keys()):
        raise BadWorkspace(f"{clash[0]!r} is both a file and a folder.")
    if sum(len(text) for text in checked.values()) > MAX_BYTES:
        raise BadWorkspace(f"The files are larger than {MAX_BYTES >> 20} MiB together. Send fewer or smaller files.")
    return checked


class Store:
    """Workspaces in memory, the least recently used forgotten first."""

    def __init__(self, *, max_bytes: int = 64 << 20, max_age_s: float = 6 * 3600) -> None:
        self.max_bytes, self.max_age_s = max_bytes, max_age_s
        self._kept: OrderedDict[str, tuple[float, int, Workspace]] = OrderedDict()

    def resolve(self, sent: object) -> Workspace:
        """Return the workspace that `_meta["understudy/workspace"]` means, keeping it when its files came along.

        Raises:
            BadWorkspace: it is malformed, or its id is not the address of its content.
            UnknownWorkspace: only the id came and it is not kept (any more).
        """
        if not isinstance(sent, Mapping) or not isinstance(sent.get("id"), str):
            raise BadWorkspace("A workspace needs an 'id' of text.")
        name: str = sent["id"]
        if "files" not in sent:
            return self._known(name)
        files = checked_files(sent["files"])
        protected = {checked_path(path) for path in sent.get("protected") or ()}
        hidden = {checked_path(path) for path in sent.get("hidden") or ()}
        if missing := sorted((protected | hidden) - files.keys()):
            raise BadWorkspace(f"The protected or hidden file {missing[0]!r} is not among the files.")
        expected = address(sent["files"], sent.get("protected") or (), sent.get("hidden") or ())
        if name != expected:
            raise BadWorkspace(f"The id {name!r} is not the address of this content, which is {expected!r}.")
        workspace = Workspace(name, files, frozenset(protected), frozenset(hidden))
        self._keep(workspace)
        return workspace

    def _known(self, name: str) -> Workspace:
        self._forget()
        if name not in self._kept:
            raise UnknownWorkspace(f"No workspace {name!r} is kept. Send it again with its files.")
        _, size, workspace = self._kept.pop(name)
        self._kept[name] = (time.monotonic(), size, workspace)
        return workspace

    def _keep(self, workspace: Workspace) -> None:
        size = sum(len(path) + len(text) for path, text in workspace.files.items())
        self._kept.pop(workspace.id, None)
        self._kept[workspace.id] = (time.monotonic(), size, workspace)
        self._forget()

    def _forget(self) -> None:
        oldest = time.monotonic() - self.max_age_s
        while self._kept:
            seen, _, _ = next(iter(self._kept.values()))
            total = sum(size for _, size, _ in self._kept.values())
            if seen >= oldest and (total <= self.max_bytes or len(self._kept) == 1):
                return
            self._kept.popitem(last=False)
