"""Every example runs as it is, offline, and prints what its page says; each fits on a screen."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"

PRINTED = {
    "01_retry_until_it_works.py": (
        "failed -> failed -> passed\n"
        "def initials(name):\n    return ''.join(word[0] for word in name.split()).upper()\n\n"
    ),
    "02_think_and_docs.py": "asked with documentation: True; answer: 110\n",
    "03_local_first.py": (
        "Escalate(Vote(n=3), On('cloud', Direct()), agreement=0.6)\n"
        "calls: local, local, local, cloud (only 33% of the votes agree)\n"
        "answer: 8 for $0.00102\n"
    ),
    "04_cloud_plans_local_works.py": (
        "plan         cloud  1. Count the days of each month. 2. Add them. 3. Remember that 2028 is a leap year.\n"
        "work/0       local  31 + 28 + 31 = 90\n"
        "validate/0   cloud  REJECT: February 2028 has 29 days.\n"
        "work/1       local  31 + 29 + 31 = 91\n"
        "validate/1   cloud  ACCEPT\n"
        "answer: 31 + 29 + 31 = 91\n"
    ),
    "05_batch_overnight.py": (
        "night 1: 3 answered, 0 from before, 0 failed\n"
        "night 2: 0 answered, 3 from before, 0 failed\n"
        "[('July', '29 letters', 1.0), ('June', '29 letters', 1.0), ('May', '28 letters', 1.0)]\n"
    ),
}


@pytest.mark.parametrize("name", sorted(PRINTED))
def test_an_example_runs_as_it_is(name: str, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / name)], capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout == PRINTED[name]


def test_every_example_is_tested_and_short() -> None:
    files = sorted(EXAMPLES.glob("*.py"))

    assert [file.name for file in files] == sorted(PRINTED)
    assert all(len(file.read_text("utf-8").splitlines()) < 60 for file in files)
