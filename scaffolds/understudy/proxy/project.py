"""A project's tests as the check: its files as they are now, judged by the testing server."""

import os
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatch
from pathlib import Path

from understudy.answer import Answer
from understudy.errors import ServerError
from understudy.problem import Tests

MOST_BYTES = 20 * 1024 * 1024
MOST_FILES = 5000
SKIPPED = {"node_modules", "__pycache__", "venv", "env", "build", "dist", "target", "site-packages"}
TESTS = ("test_*.py", "*_test.py", "conftest.py", "*.test.ts", "*.test.js", "*.spec.ts", "*.spec.js", "*_test.go")


def read_project(root: Path, *, timeout_s: float) -> tuple[Tests, Answer]:
    """Read a project as tests, which must not be replaced, and an answer that holds everything else.

    Hidden folders, dependencies, build results, links that lead out, and files that are no text are left out.

    Raises:
        ServerError: It is too large, or holds no test.
    """
    tests: dict[str, str] = {}
    sources: dict[str, str] = {}
    size = 0
    for path in _files(root):
        try:
            text = path.read_text(encoding="utf-8")
        except (UnicodeDecodeError, OSError):
            continue
        size += len(text)
        if size > MOST_BYTES or len(tests) + len(sources) >= MOST_FILES:
            raise ServerError(
                f"{str(root)!r} holds more than {MOST_BYTES >> 20} MiB or {MOST_FILES} files of text. Name the folder "
                "that holds the code and its tests.",
                server="testing",
            )
        name = path.relative_to(root).as_posix()
        (tests if any(fnmatch(path.name, pattern) for pattern in TESTS) else sources)[name] = text
    if not tests:
        raise ServerError(
            f"No test file is in {str(root)!r} (looked for {', '.join(TESTS)}). Name the folder that holds them.",
            server="testing",
        )
    return Tests(files=tests, timeout_s=timeout_s), Answer(files=sources)


def with_files(answer: Answer, sources: Answer) -> Answer:
    """What is judged: the project, with the files that an answer writes laid over it."""
    return replace(answer, files={**sources.files, **answer.files})


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in SKIPPED)
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(root.resolve()):
                yield path
