"""A bare JSON-RPC client over a child's pipes: sees exactly what is on the wire, and can pipeline."""

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.clients.installed import MODULES

OURS = [sys.executable, "-m", "understudy_harness", "serve", "thinking"]
REFERENCE = "@modelcontextprotocol/server-sequential-thinking/dist/index.js"
HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


class Wire:
    """One server process and the requests sent to it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.process, self.stdin, self.stdout = process, process.stdin, process.stdout
        self.sent = 0

    def send(self, method: str, params: Any) -> int:
        self.sent += 1
        self.stdin.write(
            json.dumps({"jsonrpc": "2.0", "id": self.sent, "method": method, "params": params}).encode() + b"\n"
        )
        return self.sent

    def receive(self) -> dict[str, Any]:
        self.stdin.flush()
        line = self.stdout.readline()
        assert line, "the server closed its output"
        reply: dict[str, Any] = json.loads(line)
        return reply

    def ask(self, method: str, params: Any) -> dict[str, Any]:
        wanted = self.send(method, params)
        reply = self.receive()
        assert reply["id"] == wanted
        return reply

    def call(self, arguments: Any, name: str = "sequentialthinking") -> dict[str, Any]:
        """Call the tool and give the result, or the whole reply where it is a protocol error."""
        reply = self.ask("tools/call", {"name": name, "arguments": arguments})
        result: dict[str, Any] = reply.get("result", reply)
        return result

    def calls(self, many: Iterable[Any], window: int = 16) -> list[dict[str, Any]]:
        """Call the tool many times, `window` at once; give the results in the order of the calls."""
        replies: dict[int, dict[str, Any]] = {}
        first, waiting = self.sent + 1, 0
        for arguments in many:
            self.send("tools/call", {"name": "sequentialthinking", "arguments": arguments})
            waiting += 1
            if waiting == window:
                self._gather(replies, 1)
                waiting -= 1
        self._gather(replies, waiting)
        return [replies[number].get("result", replies[number]) for number in range(first, self.sent + 1)]

    def _gather(self, replies: dict[int, dict[str, Any]], count: int) -> None:
        for _ in range(count):
            reply = self.receive()
            replies[reply["id"]] = reply


@contextmanager
def served(command: list[str], **environment: str) -> Generator[Wire]:
    """Start a server, shake hands, and stop it at the end."""
    env = {**os.environ, "DISABLE_THOUGHT_LOGGING": "true", **environment}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        wire = Wire(process)
        try:
            wire.ask("initialize", HELLO)
            wire.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
            yield wire
        finally:
            process.kill()


def reference_command() -> list[str]:
    """Say how the npm reference is started; skips, loudly, where it is not installed."""
    script = Path(os.environ.get("UNDERSTUDY_REFERENCE_THINKING", MODULES / REFERENCE))
    pinned = MODULES / "node" / "bin" / "node"
    if not script.exists():
        pytest.skip(f"{script} is not there; `make test-clients` installs the reference server (needs Node and npm)")
    return [str(pinned) if pinned.exists() else "node", str(script)]
