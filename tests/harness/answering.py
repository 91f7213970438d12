"""A model server for tests: the chat-completions wire over real HTTP on a loopback port, with known answers.

`small` and `large` solve sums "What is 12 + 30?"; whether they are right follows from the question and the seed. What
was asked is kept, so that a test can count calls that were paid for.
"""

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

SKILL = {"small": 0.45, "large": 0.85}


class AnsweringServer:
    """Answers sums, and remembers who asked what how often."""

    def __init__(self, port: int = 0) -> None:
        self.asked: Counter[str] = Counter()
        self.failing = 0
        """How many of the next calls answer 500."""
        self.broken = ""
        """Questions with these words are answered 400."""
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                status, answer = owner.answer(body)
                raw = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def do_GET(self) -> None:
                raw = json.dumps({"data": [{"id": name} for name in SKILL]}).encode()
                found = self.path.endswith("/models")
                self.send_response(200 if found else 404)
                self.send_header("content-length", str(len(raw) if found else 0))
                self.end_headers()
                self.wfile.write(raw if found else b"")

            def log_message(self, *parts: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def spec(self, model: str) -> str:
        """The model's spec."""
        return f"{self.url}#{model}"

    def answer(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer one request."""
        with self.lock:
            if self.broken and self.broken in json.dumps(body):
                return 400, {"error": {"message": "this question is refused"}}
            if self.failing:
                self.failing -= 1
                return 500, {"error": {"message": "out of luck"}}
            if body["model"] not in SKILL:
                return 404, {"error": {"message": f"model {body['model']!r} not found"}}
            self.asked[json.dumps(body, sort_keys=True)] += 1
        question = body["messages"][-1]["content"]
        numbers = [int(word.strip("?.")) for word in question.split() if word.strip("?.").isdigit()]
        right = chance(body["model"], question, body.get("seed")) < SKILL[body["model"]]
        text = f"The answer is {sum(numbers) + (0 if right else 1)}"
        usage = {"prompt_tokens": 20 + len(question) // 4, "completion_tokens": 6, "total_tokens": 40}
        return 200, {
            "id": "x",
            "model": body["model"],
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": usage,
        }


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from what it is about."""
    return int.from_bytes(hashlib.sha256("/".join(map(str, parts)).encode()).digest()[:4], "big") / 2**32


@contextmanager
def answering(port: int = 0) -> Iterator[AnsweringServer]:
    """Serve until the block ends."""
    server = AnsweringServer(port)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()


def write_sums(path: Path, count: int, *, clusters: int = 20) -> Path:
    """Write a benchmark of sums as JSON lines."""
    rows = [
        {
            "id": f"sum-{number}",
            "prompt": f"What is {number} + {number * 7 % 31}?",
            "number": str(number + number * 7 % 31),
            "cluster": f"group-{number % clusters}",
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
