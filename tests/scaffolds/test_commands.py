"""`understudy solve`, `trace` and `usage`, driven as a user does, against an endpoint on a real socket."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from understudy.errors import UnderstudyError
from understudy.project import ProjectError, apply_changes, matches, read_project
from understudy.remember import Busy, KeptLines
from understudy_harness.cli import understudy as command_line

FIXED = "```python path=calc/ops.py\ndef add(a, b):\n    return a + b\n```"
WRONG = "```python path=calc/ops.py\ndef add(a, b):\n    return a * b\n```"


class Endpoint:
    """A chat-completions endpoint that answers from a list, or by a function of the last message."""

    def __init__(self) -> None:
        self.replies: list[str] | Callable[[str], str] = []
        self.asked: list[dict[str, Any]] = []
        self.spec = ""

    def reply(self, body: dict[str, Any]) -> str:
        self.asked.append(body)
        if callable(self.replies):
            return self.replies(body["messages"][-1]["content"])
        return self.replies[len(self.asked) - 1]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.answer({"data": [{"id": "m"}]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            choice = {
                "index": 0,
                "message": {"role": "assistant", "content": made.reply(body)},
                "finish_reason": "stop",
            }
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            self.answer({"id": "1", "model": "m", "choices": [choice], "usage": usage})

        def answer(self, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.spec = f"http://127.0.0.1:{server.server_port}/v1#m"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


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


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def understudy(*arguments: str | Path, text: str | None = None) -> Result:
    return CliRunner().invoke(command_line, [str(argument) for argument in arguments], input=text)


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


def test_a_question_is_answered_and_its_trace_and_usage_can_be_looked_at(endpoint: Endpoint, tmp_path: Path) -> None:
    endpoint.replies = ["Paris <script>alert(1)</script>"]

    answer = understudy("solve", "--local", endpoint.spec, "--save-trace", tmp_path / "t.jsonl", "-", text="Capital?")
    shown = understudy("trace", "show", tmp_path / "t.jsonl")
    page = understudy("trace", "show", tmp_path / "t.jsonl", "--html", tmp_path / "t.html")
    used = understudy("usage", "--by", "model", "--json")

    assert answer.stdout == "Paris <script>alert(1)</script>\n"
    assert "[100+10 tokens" in shown.stdout
    assert page.exit_code == 0
    html = (tmp_path / "t.html").read_text()
    assert "<script>" not in html
    assert "Paris &lt;script&gt;" in html
    assert "://" not in html.replace(endpoint.spec, "")
    totals = json.loads(used.stdout)[endpoint.spec]
    assert (totals["calls"], totals["input_tokens"], totals["output_tokens"]) == (1, 100, 10)


def test_a_trace_that_is_none_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("{}")

    for name in ("x", "missing"):
        result = understudy("trace", "show", tmp_path / name)
        assert result.exit_code == 2
        assert "Traceback" not in result.output


def test_prompts_in_bulk_are_answered_once_and_failures_are_tried_again(endpoint: Endpoint, tmp_path: Path) -> None:
    lines: list[Any] = ["What is 1 + 1?", {"id": "b", "prompt": "2 + 2?", "reply": {"kind": "value"}}]
    lines.append({"id": "c", "messages": [{"role": "user", "content": "3 + 3?"}], "max_tokens": 7})
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    endpoint.replies = lambda text: f"It is {text[0]}."
    arguments = ("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--local", endpoint.spec)

    first = understudy(*arguments)
    with (tmp_path / "out.jsonl").open("a") as file:
        file.write('{"id": "cut off')
    second = understudy(*arguments)

    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())}
    assert first.exit_code == 0, first.output
    assert "3 answered, 0 from before, 0 failed" in first.stdout
    assert "0 answered, 3 from before" in second.stdout
    assert len(endpoint.asked) == len(rows) == 3
    assert rows["b"]["value"] == "2"
    assert {asked["max_tokens"] for asked in endpoint.asked} == {4096, 7}


def test_a_budget_in_bulk_is_for_all_prompts_together(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text("".join(f'"question {number}"\n' for number in range(5)))
    endpoint.replies = lambda _: "yes"
    arguments = ("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out.jsonl", "--local", endpoint.spec)

    short = understudy(*arguments, "--budget-calls", "2", "--jobs", "1")
    rest = understudy(*arguments)

    assert short.exit_code == 4
    assert rest.exit_code == 0
    assert len(endpoint.asked) == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("{oops", "line 2", id="no JSON"),
        pytest.param('{"promt": "x"}', "'promt', which means nothing", id="misspelled key"),
        pytest.param('{"prompt": 3}', "no text", id="no text"),
        pytest.param('{"messages": [{"role": "wizard"}]}', "'wizard' is unknown", id="unknown role"),
        pytest.param('{"messages": []}', "no user message", id="no message"),
        pytest.param('{"id": "a", "prompt": "again"}', "used before", id="an id twice"),
    ],
)
def test_a_broken_line_is_named_and_nothing_is_asked(tmp_path: Path, line: str, words: str) -> None:
    (tmp_path / "in.jsonl").write_text(f'{{"id": "a", "prompt": "fine"}}\n{line}\n')

    result = understudy(
        "solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", "http://127.0.0.1:9/v1#m"
    )

    assert result.exit_code == 2
    assert words in result.output
    assert not (tmp_path / "out").exists()


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


def test_usage_reads_ledgers_too_and_counts_unpriced_calls_apart(tmp_path: Path) -> None:
    rows = [
        {
            "kind": "row",
            "arm": "a1",
            "score": 1.0,
            "time": "2026-11-22T01:02:03",
            "spend": {"local": {"model": "m", "calls": 3}},
        },
        {
            "kind": "proxy",
            "time": "2026-11-22T01:02:03",
            "calls": [{"model": "m", "input": 5, "output": 2, "usd": None}],
        },
        {"kind": "proxy", "time": "2026-11-22T01:02:03", "calls": [{"model": "m", "error": True}]},
    ]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"cut')

    totals = json.loads(understudy("usage", "--json", tmp_path / "l.jsonl").stdout)["m"]
    table = understudy("usage", "--by", "day", tmp_path / "l.jsonl")
    missing = understudy("usage", tmp_path / "none")

    assert (totals["runs"], totals["solved"], totals["calls"]) == (3, 1, 5)
    assert (totals["input_tokens"], totals["errors"], totals["unpriced"]) == (5, 1, 1)
    assert "2026-11-22" in table.stdout
    assert missing.exit_code == 2


def test_a_scaffolds_own_servers_are_started_without_being_named(endpoint: Endpoint) -> None:
    endpoint.replies = ["2 + 2 = 4", "Answer: 4"]

    result = understudy("solve", "--local", endpoint.spec, "--scaffold", "Think()", "2 + 2?")

    assert (result.exit_code, result.stdout) == (0, "4\n"), result.output


def test_what_no_prompt_in_bulk_can_do_is_one_sentence(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('"a"\n"b"\n')

    result = understudy(
        "solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", endpoint.spec, "--scaffold", "Retry()"
    )

    assert result.exit_code == 2
    assert "Retry needs a check" in result.output
    assert endpoint.asked == []


def test_a_trace_of_prompts_in_bulk_is_a_tree_by_their_ids(endpoint: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"id": "a/1", "prompt": "x"}\n{"id": "b", "prompt": "y"}\n')
    endpoint.replies = lambda text: f"said {text}"

    understudy(
        *("solve", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out", "--local", endpoint.spec),
        *("--save-trace", tmp_path / "t.jsonl", "--scaffold", "Vote(n=2)"),
    )
    shown = understudy("trace", "show", tmp_path / "t.jsonl").stdout

    assert "\na_1\n  vote\n    0\n" in shown
    assert "said y" in shown


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
