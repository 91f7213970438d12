"""Where other people's programs are, and how a scripted model answers them. `make test-clients` installs them."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"
UNDERSTUDY = str(Path(sys.executable).parent / "understudy")
SERVERS = ("thinking", "docs", "testing", "all")


def program(name: str) -> str:
    """The path of a program that npm installed here; skips, loudly, where it is not."""
    # A program in a package of its own for each system comes first: its wrapper wants a script that did not run.
    own = [*sorted(MODULES.glob(f"{name}-*-*/bin/{name}")), *sorted(MODULES.glob(f"@*/{name}-*-*-*/{name}"))]
    path = next(iter(own), MODULES / ".bin" / name)
    if not path.exists():
        pytest.skip(f"{name} is not installed; `make test-clients` installs it (needs Node and npm)")
    return str(path)


def working_python(*names: str) -> str | None:
    """The path of the first of these that starts: a version manager's names may lead nowhere."""
    for path in filter(None, map(shutil.which, names)):
        if subprocess.run([path, "-c", ""], capture_output=True, timeout=30).returncode == 0:
            return path
    return None


def environment(home: Path) -> dict[str, str]:
    """An environment whose home is empty, with the pinned Node first and nobody's keys."""
    node = MODULES / "node" / "bin"
    folders = [str(node)] if node.exists() else []
    env = {"PATH": ":".join([*folders, str(Path(sys.executable).parent), os.environ["PATH"]]), "HOME": str(home)}
    for name in ("CONFIG", "DATA", "CACHE", "STATE"):
        env[f"XDG_{name}_HOME"] = str(home / name.lower())
    return env | {"NO_COLOR": "1", "CI": "1", "MCP_INSPECTOR_SECRET_STORE": "memory"}


Script = Callable[[dict[str, Any]], dict[str, Any]]


@contextmanager
def scripted_endpoint(script: Script) -> Generator[tuple[str, list[dict[str, Any]]]]:
    """An OpenAI-compatible chat endpoint on loopback that answers by `script`, and the requests it got.

    `script` maps a request to a message: {"content": …} or {"tool_calls": [{"name": …, "arguments": {…}}]}.
    """
    requests: list[dict[str, Any]] = []

    class Handler(Scripted):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            requests.append(asked)
            message = _message(script(asked))
            finish = "tool_calls" if message.get("tool_calls") else "stop"
            usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
            head = {"id": "c1", "created": 0, "model": "scripted"}
            if not asked.get("stream"):
                choice = {"index": 0, "message": message, "finish_reason": finish}
                body = {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
                return self.reply(json.dumps(body), "application/json")
            chunk = {**head, "object": "chat.completion.chunk"}
            events = [
                {**chunk, "choices": [{"index": 0, "delta": message, "finish_reason": None}]},
                {**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]},
                {**chunk, "choices": [], "usage": usage},
            ]
            text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
            return self.reply(text, "text/event-stream")

    with served(Handler) as address:
        yield address, requests


class Scripted(BaseHTTPRequestHandler):
    """What the endpoints of scripted models have in common, whichever kind they are of."""

    def do_GET(self) -> None:
        models = {"object": "list", "data": [{"id": "scripted", "object": "model"}]}
        self.reply(json.dumps(models), "application/json")

    def reply(self, text: str, kind: str) -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: Any) -> None:
        """Stay silent."""


@contextmanager
def served(handler: type[Scripted]) -> Generator[str]:
    """The URL of an endpoint on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _message(answer: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.get("content")}
    calls = [
        {
            "index": index,
            "id": f"call_{index}",
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"])},
        }
        for index, call in enumerate(answer.get("tool_calls", ()))
    ]
    return message | ({"tool_calls": calls} if calls else {})
