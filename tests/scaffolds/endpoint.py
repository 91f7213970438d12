"""A chat-completions endpoint on a real socket, and the command line as a user types it."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from understudy_harness.cli import understudy as command_line


class Endpoint:
    """Answers from a list, or by a function of the last message."""

    def __init__(self) -> None:
        self.replies: list[str] | Callable[[str], str] = []
        self.asked: list[dict[str, Any]] = []
        self.spec = ""

    def answer(self, body: bytes) -> str:
        self.asked.append(json.loads(body))
        if callable(self.replies):
            return self.replies(self.asked[-1]["messages"][-1]["content"])
        return self.replies[len(self.asked) - 1]


@contextmanager
def served(answer: Callable[[bytes], str | None]) -> Iterator[str]:
    """Serve chat completions whose text `answer` makes of a request's body; gives the model's spec.

    None closes the connection without a word. Each costs 100 tokens in and 10 out.
    """

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.reply({"data": [{"id": "m"}]})

        def do_POST(self) -> None:
            text = answer(self.rfile.read(int(self.headers["content-length"])))
            if text is None:
                self.close_connection = True
                return
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 100, "completion_tokens": 10}
            self.reply({"id": "1", "model": "m", "choices": [choice], "usage": usage})

        def reply(self, value: dict[str, Any]) -> None:
            data = json.dumps(value).encode()
            try:
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:
                self.close_connection = True  # who asked was killed meanwhile

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1#m"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def understudy(*arguments: str | Path, text: str | None = None) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(command_line, [str(argument) for argument in arguments], input=text)
