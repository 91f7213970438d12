"""`understudy test run|watch|doctor`, as people type them."""

import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from understudy_servers.testing.commands import test as people

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandboxed runs")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    for parent in (tmp_path, folder):
        parent.chmod(0o755)
    (folder / "test_it.py").write_text("from mine import f\n\ndef test_f():\n    assert f() == 1\n")
    (folder / "test_other.py").write_text("def test_other():\n    assert 1 + 1 == 2\n")
    (folder / "mine.py").write_text("def f():\n    return 1\n")
    return folder


def invoke(*words: str) -> Result:
    return CliRunner().invoke(people, list(words))


@pytest.mark.parametrize(("returned", "code", "said"), [("1", 0, "passed: 2 passed"), ("2", 1, "expected 1, got 2")])
def test_run_exits_with_0_only_for_a_proved_pass(root: Path, returned: str, code: int, said: str) -> None:
    (root / "mine.py").write_text(f"def f():\n    return {returned}\n")
    answer = invoke("run", "--root", str(root))
    assert (answer.exit_code, said in answer.output) == (code, True)


@pytest.mark.slow
def test_run_of_a_selection_says_that_it_proves_nothing(root: Path) -> None:
    answer = invoke("run", "test_other", "--root", str(root), "--warmth", "cold")
    assert answer.exit_code == 0
    assert "passed: 1 passed" in answer.output
    assert "Only a part of the tests was run" in answer.output


@pytest.mark.slow
def test_run_with_hidden_tests_shows_their_numbers_only(root: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "test_unseen.py").write_text("from mine import f\n\ndef test_secret():\n    assert f() == 7\n")
    answer = invoke("run", "--root", str(root), "--hidden", str(hidden))
    assert answer.exit_code == 1
    assert "hidden tests: 0 of 1 passed" in answer.output
    assert "secret" not in answer.output


def test_what_this_machine_lacks_is_a_sentence_and_exit_code_3(root: Path) -> None:
    answer = invoke("run", "--root", str(root), "--python", "/nonexistent/python")
    assert (answer.exit_code, "'/nonexistent/python' could not be started" in answer.output) == (3, True)
    doctor = invoke("doctor", "--root", str(root), "--python", "/nonexistent/python")
    assert (doctor.exit_code, "'/nonexistent/python' could not be started" in doctor.output) == (3, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--root", "/nonexistent"], "does not exist"),
        (["--timeout", "0"], "0"),
        (["--memory", "1"], "1"),
        (["--isolation", "none"], "none"),
        (["--warmth", "hot"], "hot"),
    ],
)
def test_a_bad_option_is_named_with_exit_code_2(words: list[str], said: str) -> None:
    answer = invoke("run", *words)
    assert (answer.exit_code, said in answer.output) == (2, True)


def test_doctor_names_each_layer_and_the_interpreter(root: Path) -> None:
    answer = invoke("doctor", "--root", str(root))
    assert answer.exit_code in {0, 3}
    for name in (
        "namespaces",
        "network",
        "view",
        "landlock",
        "seccomp",
        "privileges",
        "limits",
        "memory",
        "interpreter",
        "pytest",
    ):
        assert name in answer.output


def test_watch_runs_what_a_change_concerns_until_it_is_interrupted(root: Path) -> None:
    start = "from understudy_harness.cli import main; main()"
    command = [sys.executable, "-c", start, "test", "watch", "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        assert "passed: 2 passed" in _until(process, b"passed: 2 passed")
        (root / "mine.py").write_text("def f():\n    return 22\n")
        said = _until(process, b"expected 1, got 22")
        assert "changed: test_it.py" in said
        assert "0 passed, 1 failed of 1 tests" in said
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130


def _until(process: subprocess.Popen[bytes], wanted: bytes) -> str:
    """What a process prints up to some words."""
    assert process.stdout is not None
    said, deadline = b"", time.monotonic() + 60
    while wanted not in said and time.monotonic() < deadline and process.poll() is None:
        if select.select([process.stdout], [], [], 1.0)[0]:
            said += os.read(process.stdout.fileno(), 65536)
    return said.decode()
