"""Where a page's `sh` blocks are typed for real: every provider on loopback, small data, an empty home.

The commands are the page's own. What a test cannot have is replaced openly, by `REPLACED` and by the providers'
documented environment variables; what it cannot do at all is in `NOT_TYPED`, with the reason.
"""

import gzip
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PROVIDERS = ("OPENAI", "ANTHROPIC", "DEEPSEEK", "ZAI", "MINIMAX", "OPENROUTER")
ENDLESS = re.compile(r"understudy (serve |proxy |test watch|think watch)")
REPLACED = (
    (r"--http (\[?[0-9.:]*:)?8765", r"--http \g<1>0"),  # a free port
    (r"understudy proxy ", "understudy proxy --listen 0 "),
    (r"understudy gap (run|thinking) (?!.*--limit)", r"understudy gap \1 --limit 2 "),  # short
    (r"--limit 300", "--limit 2"),
)
NOT_TYPED = (
    (
        r"make |.*\bpip (un)?install|python3 -m venv|npm |opencode |rm -r ~/.understudy|~/.understudy/bin",
        "CI, tests/clients/test_newcomer.py",
    ),
    (r"understudy gap benchmarks fetch", "downloads; tests/harness/benchmarks/test_fetching.py serves it on loopback"),
    (r".*libraries:click=old,new", "needs two versions from a package index; test_libraries.py makes them"),
    (r".*--dask tcp://", "needs a cluster; tests/harness/test_gap_dask.py starts one"),
    (r".*--batch", "waits for minutes by design; tests/scaffolds/models/test_batch.py"),
    (r".*@python,rust", "needs cargo; tests/harness/benchmarks grades it where that is"),
    (r".*gguf:model.gguf", "needs a real model: the bundled ones refuse to answer noise"),
    (r"inspect view", "another project's program"),
)


def text_for(asked: dict[str, Any]) -> str:
    """One answer that every reply rule can read."""
    return "The answer is 42.\n\n```python\ndef f():\n    return 42\n```\n\n#### 42"


def answer(path: str, asked: dict[str, Any]) -> dict[str, Any]:
    """What a provider of this path's dialect answers."""
    said = text_for(asked)
    if path == "/api/chat":
        message = {"role": "assistant", "content": said}
        counts = {"prompt_eval_count": len(json.dumps(asked["messages"])) // 3, "eval_count": 9}
        return {"model": asked["model"], "message": message, "done": True, "done_reason": "stop", **counts}
    if path == "/api/show":
        return {"model_info": {"general.architecture": "q", "q.context_length": 32768}, "capabilities": ["completion"]}
    if path.endswith("/messages"):
        content = [{"type": "text", "text": said}]
        head = {"id": "m", "type": "message", "role": "assistant", "model": asked["model"], "stop_reason": "end_turn"}
        return {**head, "content": content, "usage": {"input_tokens": 12, "output_tokens": 9}}
    choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 200, "completion_tokens": 9, "total_tokens": 209}
    return {"id": "c", "object": "chat.completion", "model": asked["model"], "choices": [choice], "usage": usage}


@contextmanager
def providers() -> Generator[dict[str, str]]:
    """Serve every dialect on loopback; gives the environment that points there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            listed = {"models": [], "data": [{"id": "qwen3:4b"}]} if "/api/ps" not in self.path else {"models": []}
            self.reply(listed)

        def do_POST(self) -> None:
            self.reply(answer(self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))

        def reply(self, body: dict[str, Any]) -> None:
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        keys = {f"{name}_API_KEY": "scripted" for name in PROVIDERS}
        yield {"OLLAMA_HOST": url, **keys, **{f"{name}_BASE_URL": f"{url}/v1" for name in PROVIDERS}}
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def furnish(folder: Path) -> None:
    """Write the small files that the pages' commands name."""
    shared = Path(tempfile.gettempdir()).resolve()
    for place in (folder, *folder.parents):  # tests never run as root, so another user has to reach them
        if place != shared and place.is_relative_to(shared):
            place.chmod(0o755)
    task = {
        "task_id": "HumanEval/0",
        "prompt": 'def f():\n    """Give 42.\n\n    >>> f()\n    42\n    """\n',
        "entry_point": "f",
    }
    task |= {"canonical_solution": "    return 42\n", "test": "def check(candidate):\n    assert candidate() == 42\n"}
    for name in ("HumanEval.jsonl", "HumanEval.jsonl.gz", "HumanEvalPlus-OriginFmt.jsonl.gz"):
        lines(folder / name, [{**task, "task_id": f"HumanEval/{number}"} for number in range(1000, 1012)])
    mbpp: dict[str, Any] = {
        "text": "Write f() that gives 42.",
        "prompt": "Write f() that gives 42.",
        "code": "def f():\n    return 42\n",
    }
    mbpp |= {"test_list": ["assert f() == 42"], "test_setup_code": "", "test_imports": [], "challenge_test_list": []}
    mbpp |= {"test": "for value in [42]:\n    assert f() == value\n", "entry_point": "f"}
    lines(folder / "MbppPlus-OriginFmt.jsonl.gz", [{**mbpp, "task_id": 5000 + number} for number in range(12)])
    sums = [{"question": f"What is {number} + {42 - number}?", "answer": "So #### 42"} for number in range(12)]
    lines(folder / "test.jsonl", sums)
    lines(
        folder / "my-questions.jsonl",
        [{"id": str(n), "prompt": one["question"], "number": 42} for n, one in enumerate(sums)],
    )
    data = folder / "gorilla/berkeley-function-call-leaderboard/bfcl_eval/data"
    calls, truth = [], []
    for n in range(12):  # clusters are what functions are offered, so each has its own
        function = {"name": f"f{n}", "description": "", "parameters": {"type": "dict", "properties": {}}}
        calls.append({"id": str(n), "question": [[{"role": "user", "content": "Call it."}]], "function": [function]})
        truth.append({"id": str(n), "ground_truth": [{f"f{n}": {}}]})
    lines(data / "BFCL_v4_simple_python.json", calls)
    lines(data / "possible_answer/BFCL_v4_simple_python.json", truth)
    for number in range(12):
        exercise(folder / f"polyglot-benchmark/python/exercises/practice/f-{number}")
    lines(folder / "prompts.jsonl", [{"id": "a", "prompt": "What is 40 + 2?"}])
    rows = [f"{number},{number},{number % 2},{int(number > 0)},{number % 2},{int(number > 0)}" for number in range(7)]
    (folder / "outcomes.csv").write_text("\n".join(["id,question,mixtral,gpt4,small,large", *rows]) + "\n")
    (folder / "tasks").mkdir()
    (folder / "tasks/capitals.py").write_text(
        "from inspect_ai import Task, task\nfrom inspect_ai.dataset import Sample\n"
        "from inspect_ai.scorer import includes\n\n\n@task\ndef capitals():\n"
        "    samples = [Sample(input=f'{n} + {42 - n}?', target='42', id=str(n)) for n in range(12)]\n"
        "    return Task(dataset=samples, scorer=includes())\n"
    )
    (folder / "tests").mkdir()
    (folder / "tests/test_f.py").write_text("from f import f\n\n\ndef test_f():\n    assert f() == 42\n")
    (folder / "f.py").write_text("def f():\n    return 41\n")
    (folder / "chain.json").write_text(
        json.dumps({"thoughts": [{"thought": "one", "thoughtNumber": 1, "totalThoughts": 1}]})
    )


def exercise(folder: Path) -> None:
    """Write one exercise as Exercism lays it out."""
    name = folder.name.replace("-", "_")
    (folder / ".meta").mkdir(parents=True)
    (folder / ".docs").mkdir()
    files = {"solution": [f"{name}.py"], "test": [f"{name}_test.py"], "example": [".meta/example.py"]}
    (folder / ".meta/config.json").write_text(json.dumps({"files": files}))
    (folder / ".meta/example.py").write_text("def f():\n    return 42\n")
    (folder / ".docs/instructions.md").write_text("Write f() that gives 42.\n")
    (folder / f"{name}.py").write_text("def f():\n    pass\n")
    (folder / f"{name}_test.py").write_text(
        f"import unittest\nfrom {name} import f\n\n\nclass T(unittest.TestCase):\n"
        "    def test_f(self):\n        self.assertEqual(f(), 42)\n"
    )


def lines(path: Path, items: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = "".join(json.dumps(item) + "\n" for item in items).encode()
    path.write_bytes(gzip.compress(raw) if path.suffix == ".gz" else raw)


def why_not_typed(command: str) -> str | None:
    return next((why for pattern, why in NOT_TYPED if re.match(pattern, command)), None)


def typed_for_real(command: str, folder: Path, environment: dict[str, str]) -> tuple[int, str]:
    """Type one command in bash; one that serves or watches is interrupted once it runs. Gives exit code and words."""
    for pattern, replacement in REPLACED:
        command = re.sub(pattern, replacement, command)
    env = {name: value for name, value in os.environ.items() if name.startswith(("PATH", "LANG", "COVERAGE"))}
    env |= {"PATH": f"{Path(sys.executable).parent}:{env['PATH']}", "HOME": str(folder / "home"), **environment}
    env |= {"NO_COLOR": "1", "COLUMNS": "100"}
    with subprocess.Popen(
        ["bash", "-uc", command], cwd=folder, env=env, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL if not ENDLESS.search(command) else subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        watched = ENDLESS.search(command)
        if watched and ("http" in command or "serve" not in command):
            assert process.stdout is not None
            ready = select.select([process.stdout], [], [], 60)[0]
            first = process.stdout.readline() if ready else "(said nothing for a minute) "
            os.killpg(process.pid, signal.SIGINT)
            return _ended(process, first)
        return _ended(process, "")


def _ended(process: "subprocess.Popen[str]", first: str) -> tuple[int, str]:
    try:
        rest, _ = process.communicate(timeout=100)  # closes standard input, at which a stdio server ends
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
        return 124, first + rest
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # what it left in the background, where no interrupt arrives
    return process.returncode, first + rest
