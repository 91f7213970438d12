"""What an interpreter does before it meets a project: import libraries that many runs want, and say what it is."""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from understudy_servers.testing.worker import pytest_runner


def warm(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Import what the settings name, and pytest where they ask for it; return the facts of this interpreter."""
    failed = preload(settings["preload"])
    found = pytest_runner.prepare() if settings["pytest"] else None
    forget_own_modules()
    sys.stdout.flush()
    sys.stderr.flush()  # else each fork would write what is still in these buffers
    return {**facts(), "failed": failed, "pytest": found}


def preload(names: Sequence[str]) -> list[str]:
    """Import installed libraries that many runs will want; say which could not be imported."""
    failed = []
    for name in names:
        try:
            importlib.import_module(name)
        except Exception as error:
            failed.append(f"{name}: {type(error).__name__}")
    return failed


def forget_own_modules() -> None:
    """Leave the name free for a project that has a package of the same name; our functions keep what they need."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "understudy_servers"]:
        del sys.modules[name]


def facts() -> dict[str, Any]:
    """What this interpreter is, for the server. More than one thread makes a fork unsafe."""
    return {
        "python": sys.version.split()[0],
        "executable": sys.executable,
        "prefix": sys.prefix,
        "base": sys.base_prefix,
        "path": [entry for entry in sys.path if entry],
        "can_pytest": importlib.util.find_spec("pytest") is not None,
        "threads": _threads(),
    }


def _threads() -> int:
    """Threads of this process, those of libraries too where the system tells."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()
