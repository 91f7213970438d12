"""Where the files of a run lie, and how they are written. The same on every system."""

import os
from collections.abc import Mapping
from typing import Any

WORKSPACE = "/workspace"
SCRATCH = "/tmp"
DEVICES = ("null", "zero", "full", "random", "urandom")  # those that a run may open
SUPPORT = "/understudy"  # files of ours that a program needs


def make_scratch(folder: str) -> None:
    """Make the folders that TMPDIR and HOME of the run point at."""
    for name in ("tmp", "home"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
        os.chmod(f"{folder}/{name}", 0o777)


def write_files(folder: str, files: Mapping[str, Any]) -> None:
    """Write text files below `folder`; the paths were checked by the server."""
    made = set()
    for path, text in files.items():
        full = os.path.join(folder, path)
        parent = os.path.dirname(full)
        if parent not in made:
            os.makedirs(parent, mode=0o755, exist_ok=True)
            made.add(parent)
        with open(full, "w", encoding="utf-8", errors="surrogatepass", newline="") as stream:
            stream.write(str(text))
