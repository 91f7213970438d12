"""Whatever is typed wrongly, at whichever command, the end is a sentence and a documented exit code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent / "mistyped.py"


@pytest.mark.parametrize(
    "command",
    [
        "attach",
        "trace",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("gap", "solve", "docs", "test", "think", "usage")),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("proxy", "serve", "doctor")),
    ],
)
def test_every_wrong_argument_ends_with_a_sentence(command: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()

    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(home), command], capture_output=True, text=True, timeout=900, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    *bad, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert summary["count"] > 5
    assert bad == []
