"""A person's project as a problem: what of it is shown to a model, how its tests judge, and what is written back.

The project is read once and never written while a scaffold works: every try is laid over a copy in the testing server.
What a model names as a path is not trusted: nothing outside the project, behind a link, hidden, or among the tests is
written.
"""

import ast
import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile

from understudy.errors import UnderstudyError
from understudy.problem import Message, Options, Problem, Reply, Tests
from understudy.reply import safe_path

LARGEST_FILE = 512 * 1024  # bytes; larger ones are data, not code to be changed
LARGEST_PROJECT = 12 * 1024 * 1024  # bytes; the testing server takes 16 MiB
TEST_TIMEOUT_S = 60.0
"""How long one run of a project's tests may take, where the user does not say."""
MOST_NAMES = 200  # of files that are not shown, in the prompt
_SKIPPED = {"__pycache__", "node_modules", "venv", "env", "build", "dist", "site-packages"}

_SYSTEM = (
    "You change a software project so that its tests pass. Reply with every file that you change or add, whole and not "
    "in parts, each in a fenced block whose first line names its path, like this:\n"
    "```python path=src/module.py\n...\n```\nDo not change the tests."
)


class ProjectError(UnderstudyError):
    """The project, or what is asked of it, cannot be worked on."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A snapshot of a project: its text files by path, and which of them are the tests."""

    root: Path
    files: Mapping[str, str]
    tests: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    """Test files that were not asked for, and files that are too large or no text."""

    def check(self, timeout_s: float) -> Tests:
        """The project as a workspace whose tests judge."""
        return Tests(files=self.files, protected=self.tests, timeout_s=timeout_s)

    def in_its_style(self, changed: Mapping[str, str]) -> dict[str, str]:
        """Changed files with the line ends that the project has there: a model writes those of Unix."""
        styled = {}
        for path, text in changed.items():
            before = self.files.get(path, "")
            windows = "\r\n" in before and before.count("\r\n") == before.count("\n")
            styled[path] = text.replace("\r\n", "\n").replace("\n", "\r\n") if windows else text
        return styled

    def patch(self, changed: Mapping[str, str]) -> str:
        """The changes as a unified diff that `git apply` and `patch -p1` take."""
        parts = []
        for path in sorted(changed):
            before, after = self.files.get(path), changed[path]
            if before != after:
                old = "/dev/null" if before is None else f"a/{path}"
                parts += _diff(before or "", after, old, f"b/{path}")
        return "".join(parts)


def read_project(root: Path, patterns: Sequence[str]) -> Project:
    """Take a snapshot of the project at `root`; `patterns` say which of its files are the tests that shall pass.

    Raises:
        ProjectError: There is no such folder, no file matches, or it is too large.
    """
    root = root.resolve()
    if not root.is_dir():
        raise ProjectError(f"{str(root)!r} is no folder. Give the project's folder with --project.")
    files: dict[str, str] = {}
    left_out: list[str] = []
    for path in sorted(_paths(root)):
        text = _text(root / path)
        if text is None:
            left_out.append(path)
        else:
            files[path] = text
    tests = tuple(path for path in files if any(matches(path, pattern) for pattern in patterns))
    if not tests:
        raise ProjectError(
            f"No file of {str(root)!r} matches {' or '.join(map(repr, patterns))}. Write a pattern relative to the "
            "project, such as 'tests/test_*.py'."
        )
    others = [path for path in files if _is_test(path) and path not in tests]
    kept = {path: text for path, text in files.items() if path not in others}
    size = sum(len(text.encode(errors="surrogatepass")) for text in kept.values())
    if size > LARGEST_PROJECT:
        raise ProjectError(
            f"The project has {size / 2**20:.0f} MiB of text; {LARGEST_PROJECT >> 20} are possible. Give a smaller one."
        )
    return Project(root=root, files=kept, tests=tests, left_out=(*others, *left_out))


def project_problem(
    project: Project, task: str, *, output: str, shown_chars: int, max_tokens: int, timeout_s: float
) -> Problem:
    """Ask for changes: the task, what the tests say now, the tests, and as many sources as `shown_chars` allows."""
    shown, listed = _selected(project, shown_chars)
    parts = [task.strip()]
    if output.strip():
        parts.append(f"The tests say now:\n{output.strip()}")
    parts += [f"File {path}:\n```{_language(path)} path={path}\n{project.files[path].rstrip()}\n```" for path in shown]
    if listed:
        more = len(listed) - MOST_NAMES
        parts.append("Other files:\n" + "\n".join(listed[:MOST_NAMES]) + (f"\nand {more} more" if more > 0 else ""))
    return Problem(
        messages=(Message(role="system", content=_SYSTEM), Message(role="user", content="\n\n".join(parts))),
        check=project.check(timeout_s),
        reply=Reply(kind="files"),
        options=Options(max_tokens=max_tokens),
    )


def apply_changes(project: Project, changed: Mapping[str, str]) -> list[str]:
    """Write changed files into the project, each in one step, and return their paths.

    Raises:
        ProjectError: A path may not be written, or the file has changed since it was read; then nothing is written.
    """
    targets = {path: _target(project, path) for path in changed if project.files.get(path) != changed[path]}
    for path, target in targets.items():
        if target.exists() != (path in project.files) or _text(target) != project.files.get(path):
            raise ProjectError(f"{path!r} has changed since this run began, so nothing was written. Run it again.")
    for path, target in targets.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o644
        with NamedTemporaryFile("w", dir=target.parent, delete=False, encoding="utf-8", newline="") as file:
            file.write(changed[path])
        Path(file.name).chmod(mode)
        os.replace(file.name, target)
    return sorted(targets)


def testing_command(root: Path, python: str | None, timeout_s: float) -> str:
    """The testing server's command line, with the project's own interpreter where it has one."""
    candidates = [root.resolve() / name / "bin" / "python" for name in (".venv", "venv")]
    own = python or next((str(path) for path in candidates if path.exists()), None)
    parts = [sys.executable, "-m", "understudy_harness", "serve", "testing", "--timeout", f"{timeout_s:g}"]
    return shlex.join([*parts, *(["--python", own] if own else [])])


def matches(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern: `**` is any number of folders, and a bare folder is everything in it."""
    pattern = pattern.strip("/").removeprefix("./")
    if fnmatch(path, pattern) or fnmatch(path, f"{pattern}/*"):
        return True
    return "**/" in pattern and fnmatch(path, pattern.replace("**/", ""))


def _paths(root: Path) -> Iterator[str]:
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-coz", "--exclude-standard"], capture_output=True, check=False, text=True
    ) if (root / ".git").exists() else None  # fmt: skip
    if listed is not None and listed.returncode == 0:
        yield from (path for path in listed.stdout.split("\0") if path and (root / path).is_file())
        return
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if name not in _SKIPPED and not name.startswith(".")]
        for name in names:
            if not name.startswith("."):
                yield (Path(folder) / name).relative_to(root).as_posix()


def _text(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > LARGEST_FILE:
            return None
        data = path.read_bytes()
        return None if b"\0" in data else data.decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _target(project: Project, path: str) -> Path:
    safe = safe_path(path)
    hidden = any(part.startswith(".") for part in PurePosixPath(path).parts)
    if safe is None or safe in project.tests or (hidden and safe not in project.files) or safe.startswith(".git/"):
        raise ProjectError(f"The answer writes {path!r}, which it may not, so nothing was written.")
    target = project.root / safe
    inside = target.parent.resolve()
    if target.is_symlink() or not (inside == project.root or project.root in inside.parents):
        raise ProjectError(f"The answer writes {path!r}, which leads out of the project, so nothing was written.")
    return target


def _is_test(path: str) -> bool:
    name = PurePosixPath(path).name
    return (name.startswith("test_") or name.endswith("_test.py")) and name.endswith(".py")


def _selected(project: Project, room: int) -> tuple[list[str], list[str]]:
    """Which files are shown, and which are only named: the tests first, then what they import, then the rest by
    size."""
    imported = set(_imported(project))
    others = [path for path in project.files if path not in project.tests]
    others.sort(key=lambda path: (path not in imported, not path.endswith(".py"), len(project.files[path]), path))
    shown: list[str] = []
    for path in (*project.tests, *others):
        if len(project.files[path]) <= room:
            shown.append(path)
            room -= len(project.files[path])
    return shown, sorted(path for path in project.files if path not in shown)


def _imported(project: Project) -> Iterator[str]:
    for test in project.tests:
        for module in _modules(project.files[test]):
            tail = module.replace(".", "/")
            for path in project.files:
                if path.removesuffix(".py").removesuffix("/__init__").endswith(tail) and path.endswith(".py"):
                    yield path


def _modules(source: str) -> Iterable[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _language(path: str) -> str:
    return {".py": "python", ".md": "markdown", ".js": "javascript", ".ts": "typescript"}.get(
        PurePosixPath(path).suffix, PurePosixPath(path).suffix.lstrip(".") or "text"
    )


def _diff(before: str, after: str, old: str, new: str) -> list[str]:
    return [
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), old, new)
    ]
