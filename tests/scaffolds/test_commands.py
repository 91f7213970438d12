"""`understudy solve`, driven as a user does, against an endpoint on a real socket."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.testing import Result
from tests.scaffolds.endpoint import Endpoint, understudy

from understudy.errors import UnderstudyError
from understudy.project import ProjectError, apply_changes, matches, read_project
from understudy.remember import Busy, KeptLines

pytestmark = pytest.mark.usefixtures("own_state")
FIXED = "```python path=calc/ops.py\ndef add(a, b):\n    return a + b\n```"
WRONG = "```python path=calc/ops.py\ndef add(a, b):\n    return a * b\n```"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "calc").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "calc/__init__.py").write_text("")
    (root / "calc/ops.py").write_text("def add(a, b):\n    return a - b\n")
    (root / "tests/test_ops.py").write_text(
        "from calc.ops import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n"
    )
    (root / "tests/test_other.py").write_text("def test_never_asked_for():\n    assert False\n")
    (root / "logo.png").write_bytes(b"\x89PNG\0")
    return root


def on(project: Path, endpoint: Endpoint, *more: str | Path) -> Result:
    arguments = ("--project", project, "--tests", "tests/test_ops.py", "--local", endpoint.spec)
    return understudy("solve", *arguments, *more)


def test_a_project_is_solved_on_a_copy_and_written_only_when_asked(project: Path, endpoint: Endpoint) -> None:
    endpoint.replies = [WRONG, FIXED]

    first = on(project, endpoint, "--trace")
    before = (project / "calc/ops.py").read_text()
    second = on(project, endpoint, "--apply")

    assert (first.exit_code, second.exit_code) == (0, 0), (first.output, second.output)
    assert "-    return a - b\n+    return a + b\n" in first.stdout
    assert "try 1: failed 0/1" in first.stderr
    assert "try 2: passed 1/1, fixed test_add" in first.stderr
    assert "Nothing was written" in first.stderr
    assert "a - b" in before
    assert (project / "calc/ops.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert "wrote calc/ops.py" in second.stderr
    assert len(endpoint.asked) == 2  # the second run was told everything by the first
    assert "2 from an earlier run" in second.stderr


def test_the_prompt_holds_the_tests_the_failure_and_the_code_but_no_other_test(
    project: Path, endpoint: Endpoint
) -> None:
    endpoint.replies = [FIXED]

    on(project, endpoint)

    prompt = endpoint.asked[0]["messages"][1]["content"]
    assert "def test_add" in prompt
    assert "return a - b" in prompt
    assert "add(2, 3)" in prompt.partition("File ")[0]
    assert "never_asked_for" not in prompt


def test_a_run_that_does_not_solve_it_ends_with_one_and_shows_its_best(project: Path, endpoint: Endpoint) -> None:
    endpoint.replies = lambda _: WRONG

    result = on(project, endpoint, "--scaffold", "Retry(tries=2)", "--apply")

    assert result.exit_code == 1
    assert "Not solved (tries)." in result.stderr
    assert "a - b" in (project / "calc/ops.py").read_text()


def test_a_budget_that_ends_a_run_can_be_raised_to_go_on(project: Path, endpoint: Endpoint) -> None:
    endpoint.replies = [WRONG, FIXED]

    short = on(project, endpoint, "--budget-calls", "1")
    longer = on(project, endpoint, "--budget-calls", "5")

    assert short.exit_code == 4
    assert "larger one to go on" in short.stderr
    assert longer.exit_code == 0
    assert len(endpoint.asked) == 2


def test_tests_that_pass_already_cost_nothing(project: Path, endpoint: Endpoint) -> None:
    (project / "calc/ops.py").write_text("def add(a, b):\n    return a + b\n")

    result = on(project, endpoint)

    assert result.exit_code == 0
    assert "nothing to do" in result.stderr
    assert endpoint.asked == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("../outside.py", "which it may not", id="upward"),
        pytest.param("/etc/outside.py", "which it may not", id="absolute"),
        pytest.param(".git/hooks/pre-commit", "which it may not", id="a git hook"),
        pytest.param(".github/workflows/ci.yml", "which it may not", id="hidden"),
        pytest.param("tests/test_ops.py", "which it may not", id="a test"),
        pytest.param("link/x.py", "leads out of the project", id="through a link"),
    ],
)
def test_a_path_that_leads_out_is_never_written(project: Path, tmp_path: Path, path: str, words: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (project / "link").symlink_to(tmp_path / "elsewhere")
    snapshot = read_project(project, ["tests/test_ops.py"])

    with pytest.raises(ProjectError, match=words):
        apply_changes(snapshot, {"calc/ops.py": "x = 1\n", path: "evil"})

    assert "a - b" in (project / "calc/ops.py").read_text()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_that_changed_meanwhile_is_not_overwritten(project: Path) -> None:
    snapshot = read_project(project, ["tests/test_ops.py"])
    (project / "calc/ops.py").write_text("# by hand\n")

    with pytest.raises(ProjectError, match="has changed since"):
        apply_changes(snapshot, {"calc/ops.py": "x = 1\n"})


def test_a_file_that_was_deleted_or_made_meanwhile_is_not_written(project: Path) -> None:
    snapshot = read_project(project, ["tests/test_ops.py"])
    (project / "calc/ops.py").unlink()
    (project / "calc/new.py").write_bytes(b"\0")

    for path in ("calc/ops.py", "calc/new.py"):
        with pytest.raises(ProjectError, match="has changed since"):
            apply_changes(snapshot, {path: "x = 1\n"})

    assert not (project / "calc/ops.py").exists()


def test_line_ends_of_windows_stay_and_paths_may_hold_spaces(project: Path, endpoint: Endpoint) -> None:
    (project / "calc/ops.py").write_bytes(b"def add(a, b):\r\n    return a - b\r\n\r\n\r\nKEPT = 1\r\n")
    (project / "more stuff").mkdir()
    (project / "more stuff/möglich.txt").write_text("a\n")
    fixed = FIXED.replace("a + b\n", "a + b\n\n\nKEPT = 1\n")
    endpoint.replies = [f"{fixed}\n```text path=more stuff/möglich.txt\nb\n```\n```makefile path=Makefile\nall:\n```"]

    result = on(project, endpoint, "--apply")

    assert result.exit_code == 0, result.output
    assert (project / "calc/ops.py").read_bytes() == b"def add(a, b):\r\n    return a + b\r\n\r\n\r\nKEPT = 1\r\n"
    assert (project / "more stuff/möglich.txt").read_text() == "b\n"
    assert (project / "Makefile").read_text() == "all:\n"
    assert "-KEPT" not in result.stdout


def test_a_patch_applies_with_git(project: Path, endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = [f"{FIXED}\n```python path=calc/brand new.py\nX = 1\n```"]
    subprocess.run(["git", "init", "-q", project], check=True)

    assert on(project, endpoint, "--patch", tmp_path / "it.patch").exit_code == 0
    subprocess.run(["git", "-C", project, "apply", tmp_path / "it.patch"], check=True)

    assert "a + b" in (project / "calc/ops.py").read_text()
    assert (project / "calc/brand new.py").read_text() == "X = 1\n"


def test_a_patch_names_new_files_and_missing_newlines(project: Path) -> None:
    snapshot = read_project(project, ["tests/test_ops.py"])

    patch = snapshot.patch({"new.py": "x = 1", "calc/ops.py": snapshot.files["calc/ops.py"]})

    assert patch == "--- /dev/null\n+++ b/new.py\n@@ -0,0 +1 @@\n+x = 1\n\\ No newline at end of file\n"


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        pytest.param("tests/test_a.py", True, id="the path"),
        pytest.param("tests", True, id="a folder"),
        pytest.param("tests/*.py", True, id="a star"),
        pytest.param("**/test_*.py", True, id="any folder"),
        pytest.param("./tests/test_*.py", True, id="from here"),
        pytest.param("test_*.py", False, id="another folder"),
    ],
)
def test_a_pattern_is_relative_to_the_project(pattern: str, fits: bool) -> None:
    assert matches("tests/test_a.py", pattern) == fits


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["hello"], 2, "No model is given", id="no model"),
        pytest.param(["--local", "nonsense", "hello"], 2, "names no model", id="bad spec"),
        pytest.param(["--local", "http://127.0.0.1:9/v1#m", "hello"], 3, "cannot be reached", id="nobody listens"),
        pytest.param(
            ["--local", "http://127.0.0.1:9/v1#m", "--scaffold", "Retri()", "x"], 2, "Did you mean", id="typo"
        ),
        pytest.param(
            ["--local", "http://127.0.0.1:9/v1#m", "--scaffold", "Retry()", "x"], 2, "needs a check", id="check"
        ),
        pytest.param(["--local", "http://127.0.0.1:9/v1#m"], 2, "No TASK", id="no task"),
        pytest.param(["--local", "http://127.0.0.1:9/v1#m", "--project", "."], 2, "Add --tests", id="no tests"),
        pytest.param(["--model", "local", "x"], 2, "NAME=VALUE", id="not a pair"),
        pytest.param(
            ["--local", "http://127.0.0.1:9/v1#m", "--project", "/nowhere", "--tests", "x"],
            2,
            "no folder",
            id="no folder",
        ),
        pytest.param(
            ["--local", "http://127.0.0.1:9/v1#m", "--scaffold", 'On("cloud", Direct())', "x"],
            2,
            "role 'cloud'",
            id="role",
        ),
        pytest.param(
            ["--local", "http://127.0.0.1:9/v1#m", "--server", "a=nosuchprogram", "x"], 3, "no program", id="server"
        ),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_an_exit_code(arguments: list[str], code: int, words: str) -> None:
    result = understudy("solve", *arguments)

    assert (result.exit_code, words in result.output) == (code, True), result.output
    assert "Traceback" not in result.output


def test_a_pattern_that_the_shell_expanded_is_noticed(project: Path, endpoint: Endpoint) -> None:
    result = on(project, endpoint, str(project / "tests/test_other.py"), "make them pass")

    assert result.exit_code == 2
    assert "Quote the pattern" in result.output


def test_tests_of_another_language_are_named_as_the_reason(project: Path, endpoint: Endpoint) -> None:
    (project / "f.test.js").write_text("test('f', () => {})\n")

    result = understudy("solve", "--project", project, "--tests", "*.test.js", "--local", endpoint.spec, "go")

    assert result.exit_code == 2
    assert "are not Python" in result.output


def test_what_is_kept_survives_a_cut_off_line_and_is_held_by_one_process(tmp_path: Path) -> None:
    with KeptLines(tmp_path / "kept.jsonl") as kept:
        kept.put("a", {"x": "ü"})
        with pytest.raises(Busy, match="Another process"):
            KeptLines(tmp_path / "kept.jsonl")
    with (tmp_path / "kept.jsonl").open("a") as file:
        file.write('{"key": "b", "val')

    with KeptLines(tmp_path / "kept.jsonl") as again:
        again.put("c", 1)
    with KeptLines(tmp_path / "kept.jsonl") as third:
        assert third.records == {"a": {"x": "ü"}, "c": 1}
    assert issubclass(Busy, UnderstudyError)


def test_a_scaffolds_own_servers_are_started_without_being_named(endpoint: Endpoint) -> None:
    endpoint.replies = ["2 + 2 = 4", "Answer: 4"]

    result = understudy("solve", "--local", endpoint.spec, "--scaffold", "Think()", "2 + 2?")

    assert (result.exit_code, result.stdout) == (0, "4\n"), result.output


@pytest.mark.slow
def test_a_killed_run_goes_on_and_pays_only_the_call_in_flight_again(project: Path, endpoint: Endpoint) -> None:
    second, killed = threading.Event(), threading.Event()

    def reply(_: str) -> str:
        if len(endpoint.asked) == 2:
            second.set()
            killed.wait(30)
        return WRONG if len(endpoint.asked) < 4 else FIXED

    endpoint.replies = reply
    command = ["solve", "--project", project, "--tests", "tests/test_ops.py", "--local", endpoint.spec]
    process = subprocess.Popen(
        [sys.executable, "-m", "understudy_harness", *map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert second.wait(60)
    process.kill()
    process.communicate()
    killed.set()

    result = on(project, endpoint, "--scaffold", "Retry(tries=8)")

    assert result.exit_code == 0, result.output
    assert "going on with 1 kept replies" in result.stderr
    assert "1 from an earlier run" in result.stderr
