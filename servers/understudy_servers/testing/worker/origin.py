"""Whether the tests of a project ran its own code, or a copy of it that is installed elsewhere."""

import os
import sys
from typing import Any


def elsewhere(job: dict[str, Any]) -> list[str]:
    """The packages of a project that were loaded from outside of it."""
    root = os.path.realpath(job["root"]) + os.sep
    found = []
    for name in sorted({_top(path, job) for path in job["candidate"]} - {""}):
        path = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(path, str) and not os.path.realpath(path).startswith(root):
            found.append(f"{name} from {os.path.dirname(path)}")
    return found[:5]


def _top(path: str, job: dict[str, Any]) -> str:
    """The name that a file's package or module is imported by, at the top of the project or of `src`."""
    parts = path.split("/")
    if parts[0] in job.get("sources", ()):
        parts = parts[1:]
    package = len(parts) == 2 and parts[1] == "__init__.py"
    return parts[0].removesuffix(".py") if package or len(parts) == 1 else ""
