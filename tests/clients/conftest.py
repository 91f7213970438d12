"""Environments that only the clients' tests need."""

import subprocess
import venv
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def old_sdk(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the MCP SDK from before version 2, in an environment of its own."""
    folder = tmp_path_factory.mktemp("old-sdk")
    venv.create(folder, with_pip=True)
    python = str(Path(folder) / "bin/python")
    done = subprocess.run([python, "-m", "pip", "install", "-q", "mcp<2"], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        pytest.skip(f"the older SDK cannot be installed: {done.stderr[-300:]}")
    return python
