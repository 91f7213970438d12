"""Where a number came from: versions, commit, machine. No names of people, hosts or folders."""

import platform
import subprocess
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from understudy.prompts import v1
from understudy_harness.settings import Loaded, Settings

_PACKAGES = ("understudy", "mcp", "httpx2", "genai-prices", "numpy", "scipy", "xllamacpp", "chromadb", "pytest")


def header(settings: Settings, cells: Sequence[Loaded]) -> dict[str, Any]:
    """Everything that rows share, as JSON data; the ledger names it by its hash."""
    return {
        "arms": [arm.described() for loaded in cells for arm in loaded.cell.arms],
        "benchmarks": [_benchmark(loaded) for loaded in cells],
        "epochs": settings.epochs,
        "limit": settings.limit,
        "split": settings.split,
        "seed": settings.seed,
        "row_budget": {name: cap for name, cap in vars(settings.row_budget).items() if cap is not None},
        "command": settings.command,
        "prompts": {"version": v1.VERSION, "hash": v1.builders_hash()},
        **environment(),
    }


@cache
def environment() -> dict[str, Any]:
    """The software and the machine."""
    return {
        "packages": _versions(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "git": _commit(),
    }


def _benchmark(loaded: Loaded) -> dict[str, Any]:
    statement = loaded.benchmark.statement
    return {
        "name": loaded.cell.benchmark,
        "dataset": loaded.dataset,
        "samples": len(loaded.samples),
        "clusters": len({sample.cluster for sample in loaded.samples}),
        "statement": {name: value for name, value in vars(statement).items() if value not in ("", False)},
    }


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str | None:
    """The commit of the checkout that this code runs from, with a plus when it was changed; None when installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return None
    return commit + ("+" if changed else "")


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
