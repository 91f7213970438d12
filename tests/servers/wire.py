"""A raw MCP client over stdio: lines of JSON, the standard library, and no SDK that could hide a mistake of ours."""

import json
import os
import select
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SERVERS = ("thinking", "docs", "testing", "all")
PATIENCE_S = 60


class Wire:
    """One connection; `said` keeps everything the server wrote to standard output."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.said: list[bytes] = []
        self._number = 0
        self._rest = b""

    def send(self, message: Any) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def line(self) -> bytes:
        """The next line, or a failure in words."""
        assert self.process.stdout is not None
        descriptor = self.process.stdout.fileno()
        while b"\n" not in self._rest:
            assert select.select([descriptor], [], [], PATIENCE_S)[0], "the server says nothing"
            chunk = os.read(descriptor, 65536)
            assert chunk, f"the server ended with {self.process.poll()}"
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        self.said.append(line)
        return line

    def ask(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Send a request and return the whole response to it; what comes before it must be JSON-RPC too."""
        self._number += 1
        number = f"ours-{self._number}"
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params or {}})
        while True:
            message = json.loads(self.line())
            assert message["jsonrpc"] == "2.0"
            if message.get("id") == number:
                return dict(message)

    def shake(self, version: str = "2024-11-05") -> dict[str, Any]:
        """The opening handshake of a client of this revision."""
        hello = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
        answer = self.ask("initialize", hello)
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return answer


@contextmanager
def connected(server: str, folder: Path, *options: str) -> Generator[Wire]:
    """Start a server as a client would, in `folder`, which is its project and its home."""
    command = [sys.executable, "-m", "understudy_harness", "serve", server, *options]
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **measured}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=folder, env=env
    ) as process:
        try:
            yield Wire(process)
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
