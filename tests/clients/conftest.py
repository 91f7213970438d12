"""Environments that only the clients' tests need."""

import subprocess
import venv
from collections.abc import Callable
from functools import cache

import pytest

SeparatePython = Callable[[str], str]


@pytest.fixture(scope="session")
def separate_python(tmp_path_factory: pytest.TempPathFactory) -> SeparatePython:
    """Gives the path of a Python that has the required distribution and nothing of ours; skips where pip cannot."""

    @cache
    def made(requirement: str) -> str:
        folder = tmp_path_factory.mktemp("separate")
        venv.create(folder, with_pip=True)
        python = str(folder / "bin/python")
        command = [python, "-m", "pip", "install", "-q", requirement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            pytest.skip(f"{requirement} cannot be installed: {done.stderr[-300:]}")
        return python

    return made


@pytest.fixture(scope="session")
def old_sdk(separate_python: SeparatePython) -> str:
    """A Python with the MCP SDK from before version 2, in an environment of its own."""
    return separate_python("mcp<2")
