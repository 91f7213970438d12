"""Lay out the files of a run in a temporary folder: where there is no private view, and on other systems than Linux."""

import contextlib
import os
import secrets
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from understudy_servers.testing.engines.isolation import SandboxRefused
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.worker.files import DEVICES, SUPPORT, make_scratch, write_files

PREFIX = "understudy-run-"
MAX_COPY = 200 << 20
OLD_S = 24 * 3600.0  # a folder of a server that cannot be asked for is removed after this
NOT_COPIED = shutil.ignore_patterns(".git", "node_modules", "__pycache__")


@contextmanager
def in_a_folder(plan: Plan, job: dict[str, Any]) -> Generator[dict[str, Any]]:
    """Yield the job with the places where its files lie while it runs; they are gone afterwards."""
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
        readable = list(job.get("readable", ()))
        if job.get("support"):
            write_files(f"{folder}/support", job["support"])
            job["command"] = [word.replace(SUPPORT, f"{folder}/support") for word in job["command"]]
            readable.append(f"{folder}/support")
        places = {"root": root, "path": [root], "scratch": f"{folder}/scratch"}
        readable += [root, "/proc", *(f"/dev/{name}" for name in DEVICES)]
        yield {**job, "files": {}, "readable": readable, **places}


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
    shutil.copytree(source, target, symlinks=True, ignore=NOT_COPIED)


@contextmanager
def temporary_folder() -> Generator[str]:
    """A folder that any user may look into, removed afterwards."""
    folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
    os.chmod(folder, 0o755)
    try:
        yield folder
    finally:
        remove(folder)


def remove(folder: str) -> None:
    """Remove a folder that hostile code has filled: with locked folders, ones deeper than a path may be long, links."""
    with contextlib.suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    with contextlib.suppress(OSError):
        if os.path.lexists(folder):
            _flatten(folder)
            os.rmdir(folder)


def _flatten(folder: str) -> None:
    """Empty a folder by moving what is deep to the top, so that no path is ever long. No link is followed."""
    token, count = secrets.token_hex(8), 0
    os.chmod(folder, 0o700)
    while names := os.listdir(folder):
        for name in names:
            path = os.path.join(folder, name)
            if not _is_folder(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for inner in os.listdir(path):
                count += 1
                deep, top = os.path.join(path, inner), os.path.join(folder, f"{token}-{count}")
                if _is_folder(deep):
                    os.chmod(deep, 0o700)  # else it may not be moved
                os.rename(deep, top)
            os.rmdir(path)


def _is_folder(path: str) -> bool:
    return stat.S_ISDIR(os.lstat(path).st_mode)


def sweep() -> None:
    """Remove the folders of servers that were killed before they could."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        owner = folder.name.removeprefix(PREFIX).partition("-")[0]
        if owner.isdecimal() and not _lives(int(owner), folder):
            remove(str(folder))


def _lives(pid: int, folder: Path) -> bool:
    if sys.platform == "win32":  # there, sending signal 0 to a process would end it
        return time.time() - folder.stat().st_mtime < OLD_S
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
