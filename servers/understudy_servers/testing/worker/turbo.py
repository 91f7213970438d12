"""What makes a warm pytest faster than a plain `pytest.main`: a configuration and test code made before the fork.

Both use parts of pytest that are not public. Each is tried, and where this version of pytest has it differently, the
run goes the plain way.
"""

import ast
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import CodeType
from typing import Any

MAX_SOURCE = 1 << 20
MAX_KEPT = 2_000
_configs: list[Any] = []
_rewritten: dict[tuple[str, bytes], CodeType] = {}


def build_config() -> None:
    """Make the configuration object that the next run of this process, or of a fork, will use."""
    try:
        from _pytest.config import get_config  # noqa: PLC0415 - the project's pytest

        _configs[:] = [get_config()]
    except Exception:
        _configs.clear()


def use_config() -> None:
    """Hand the configuration that was made before the fork to the next `pytest.main`, once."""
    if not _configs:
        return
    from _pytest import config as module  # noqa: PLC0415 - the project's pytest

    original, ready = module.get_config, _configs.pop()

    def once(args: Any = None, plugins: Any = None, **_: Any) -> Any:
        module.get_config = original
        ready.invocation_params = module.Config.InvocationParams(args=args or (), plugins=plugins, dir=Path.cwd())
        return ready

    module.get_config = once


def rewrite(paths: Sequence[str]) -> None:
    """Compile test files of a project with pytest's assertion rewriting, in memory, keyed by their content."""
    if not paths:
        return
    try:
        from _pytest.assertion.rewrite import rewrite_asserts  # noqa: PLC0415 - the project's pytest
    except ImportError:
        return
    for path in paths:
        try:
            with open(path, "rb") as stream:
                source = stream.read(MAX_SOURCE)
            key = (os.path.realpath(path), hashlib.sha256(source).digest())
            if key in _rewritten or len(source) >= MAX_SOURCE:
                continue
            tree = ast.parse(source, filename=path)
            rewrite_asserts(tree, source, path, _configs[0] if _configs else None)
            if len(_rewritten) >= MAX_KEPT:
                _rewritten.clear()
            _rewritten[key] = compile(tree, path, "exec", dont_inherit=True)
        except Exception:
            continue  # the run itself will say what is wrong with the file


def use_rewritten(root: str) -> None:
    """Below `root`, take pytest's compiled tests from memory only: a cache on disk may have been planted."""
    try:
        from _pytest.assertion import rewrite as module  # noqa: PLC0415 - the project's pytest

        original = module._read_pyc
    except (ImportError, AttributeError):
        return
    inside = os.path.realpath(root) + os.sep

    def read(source: Any, pyc: Any, *rest: Any, **named: Any) -> Any:
        path = os.path.realpath(source)
        if not path.startswith(inside) or f"{os.sep}site-packages{os.sep}" in path:
            return original(source, pyc, *rest, **named)
        with open(path, "rb") as stream:
            return _rewritten.get((path, hashlib.sha256(stream.read()).digest()))

    module._read_pyc = read
