"""Environments that only the clients' tests need."""

import subprocess
import sys
from functools import cache
from typing import Protocol

import pytest


class SeparatePython(Protocol):
    """Gives the path of a Python, this one or another, that has a distribution and nothing of ours."""

    def __call__(self, requirement: str, python: str = ...) -> str: ...


@pytest.fixture(scope="session")
def separate_python(tmp_path_factory: pytest.TempPathFactory) -> SeparatePython:
    """Gives the path of a Python that has the required distribution and nothing of ours; skips where pip cannot."""

    @cache
    def made(requirement: str, python: str = sys.executable) -> str:
        folder = tmp_path_factory.mktemp("separate")
        subprocess.run([python, "-m", "venv", str(folder)], check=True, timeout=120)
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
