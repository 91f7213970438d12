"""Serving over stdio and HTTP with real processes: what the wire carries, what is refused, how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import click
import httpx2
import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from understudy_servers.launch import Transport, is_loopback, read_token, transport_options

THINKING = [sys.executable, "-m", "understudy_harness", "serve", "thinking"]
HELLO = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
JSON = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

# A server whose one tool prints, itself and from a child, and dawdles when told to.
PRINTING = """
import subprocess, sys, anyio, click
from understudy_servers.launch import launch, transport_options

def build():
    from mcp.server.mcpserver import MCPServer
    server = MCPServer("printing", version="3")

    @server.tool()
    async def noise(seconds: float = 0.0) -> str:
        "Print, and wait."
        print("stray", flush=True)
        subprocess.run(["echo", "stray from a child"], check=True)
        await anyio.sleep(seconds)
        return "done"

    return server

@click.command()
@transport_options
def serve(transport):
    launch(build, transport)

serve()
"""


@contextmanager
def running(command: list[str], **environment: str) -> Generator["subprocess.Popen[bytes]"]:
    env = {**os.environ, **environment}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def address(process: "subprocess.Popen[bytes]") -> str:
    """Wait for the line that says where the server listens."""
    assert process.stderr is not None
    line = process.stderr.readline().decode()
    assert "listens on http://127.0.0.1:" in line
    return line.split()[-1]


@pytest.fixture(scope="module")
def printing(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    script = tmp_path_factory.mktemp("printing") / "server.py"
    script.write_text(PRINTING)
    return [sys.executable, str(script)]


def parsed(*arguments: str, **environment: str) -> tuple[int, str]:
    """Parse transport options; give the exit code and what was said, or the transport."""

    @click.command()
    @transport_options
    def command(transport: Transport) -> None:
        click.echo(f"{transport!r} {transport.token}")

    result = CliRunner().invoke(command, list(arguments), env={"UNDERSTUDY_TOKEN": None, **environment})
    return result.exit_code, result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "[::]", "box.example", ""])
def test_an_address_others_can_reach_needs_a_token(host: str) -> None:
    code, said = parsed("--http", f"{host}:80")
    if host:
        assert code == 2
        assert "a token is needed" in said
        assert parsed("--http", f"{host}:80", UNDERSTUDY_TOKEN="s")[0] == 0
    else:
        assert code == 0


@pytest.mark.parametrize("port", ["", "x", "70000", "127.0.0.1", "-1", "80:"])
def test_an_address_without_a_port_is_a_sentence(port: str) -> None:
    code, said = parsed("--http", port)
    assert code == 2
    assert "Write 8765, or 127.0.0.1:8765, or [::1]:8765." in said


def test_the_token_comes_from_a_file_or_the_environment_and_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  from-the-file\n")
    assert read_token(file) == "from-the-file"
    code, said = parsed("--http", "8000", UNDERSTUDY_TOKEN="from-outside")
    assert code == 0
    assert said.count("from-outside") == 1, "only where the test prints it"
    for useless in ("", "two words", "tök", "a\nb"):
        file.write_text(useless)
        code, said = parsed("--token-file", str(file))
        assert code == 2
        assert "holds no usable token" in said


def test_loopback_is_told_from_the_world() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "example.com", "localhost.example"))


def test_stdout_carries_nothing_but_the_protocol(printing: list[str]) -> None:
    calls: list[dict[str, Any]] = [
        {"id": 1, "method": "initialize", "params": HELLO},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "noise", "arguments": {}}},
    ]
    lines = b"".join(json.dumps({"jsonrpc": "2.0", **call}).encode() + b"\r\n" for call in calls)
    with running(printing) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"not json\n\n" + lines)
        process.stdin.flush()
        seen = [json.loads(process.stdout.readline())]
        while seen[-1].get("id") != 2:
            seen.append(json.loads(process.stdout.readline()))
        process.stdin.close()
        assert process.stdout.read() == b""
        assert process.wait(10) == 0
        assert process.stderr is not None
        noise = process.stderr.read()
    assert b"stray\n" in noise
    assert b"stray from a child\n" in noise


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_stdio_server_that_waits_for_its_client(end: signal.Signals) -> None:
    with running(THINKING) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}).encode() + b"\n"
        )
        process.stdin.flush()
        assert b"sequential-thinking-server" in process.stdout.readline()
        process.send_signal(end)
        assert process.wait(10) == 0


def test_stdin_from_a_file_is_served_too(tmp_path: Path) -> None:
    file = tmp_path / "calls"
    file.write_text(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}) + "\n")
    with file.open("rb") as stdin:
        done = subprocess.run(THINKING, stdin=stdin, capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout)["result"]["serverInfo"]["name"] == "sequential-thinking-server"


@pytest.mark.parametrize("each", [4, pytest.param(50, marks=pytest.mark.slow)])
async def test_http_serves_both_eras_and_keeps_their_thoughts_apart(each: int) -> None:
    with running([*THINKING, "--http", "0"], DISABLE_THOUGHT_LOGGING="true") as process:
        url = address(process)
        seen: dict[str, list[dict[str, Any]]] = {}

        async def think(name: str, mode: Any) -> None:
            async with Client(url, mode=mode, read_timeout_seconds=120) as client:
                session: dict[str, str] = {}
                for turn in range(1, 4):
                    arguments = {"thought": f"{name} item {turn}{turn}", "thoughtNumber": turn, **session}
                    result = await client.call_tool("sequentialthinking", arguments)
                    assert isinstance(result.structured_content, dict)
                    seen.setdefault(name, []).append(result.structured_content)
                    if "sessionId" in result.structured_content:
                        session = {"sessionId": result.structured_content["sessionId"]}
                read = await client.read_resource(f"thinking://session/{session['sessionId']}.json")
                texts = [one["thought"] for one in json.loads(read.contents[0].text)["thoughts"]]  # type: ignore[union-attr]
                assert texts == [f"{name} item {turn}{turn}" for turn in range(1, 4)]
                listed = [str(resource.uri) for resource in (await client.list_resources()).resources]
                assert len(listed) == (3 if mode == "legacy" else 2), "nobody sees another's sessions"

        async with anyio.create_task_group() as group:
            for number in range(each):
                group.start_soon(think, f"old {number}", "legacy")
                group.start_soon(think, f"new {number}", "auto")
        assert all([one["thoughtHistoryLength"] for one in replies] == [1, 2, 3] for replies in seen.values())
        assert len({replies[0]["sessionId"] for replies in seen.values()}) == 2 * each


async def test_http_refuses_what_is_too_large_too_many_or_without_the_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    options = ["--http", "0", "--token-file", str(file), "--max-request", "2000", "--max-sessions", "2"]
    with running([*THINKING, *options]) as process:
        url = address(process)
        hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
        async with httpx2.AsyncClient(headers=JSON) as stranger:
            assert (await stranger.post(url, json=hello)).status_code == 401
        async with httpx2.AsyncClient(headers=JSON | {"authorization": "Bearer secret"}) as client:
            assert (await client.post(url, content=b"x" * 3_000)).status_code == 413
            codes = [(await client.post(url, json=hello)).status_code for _ in range(3)]
            assert codes == [200, 200, 503]
            known = await streamed(client, url)
            assert known == ["sequentialthinking"]
            health = await client.get(url.replace("/mcp", "/health"))
            assert health.json()["status"] == "ok"


async def streamed(client: httpx2.AsyncClient, url: str) -> list[str]:
    async with Client(streamable_http_client(url, http_client=client), mode="auto") as mcp:
        return [tool.name for tool in (await mcp.list_tools()).tools]


async def test_a_signal_ends_an_http_server_with_an_open_stream_and_a_call_in_flight(printing: list[str]) -> None:
    with running([*printing, "--http", "0"]) as process:
        url = address(process)
        async with httpx2.AsyncClient(headers=JSON, timeout=30) as client:
            hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
            session = (await client.post(url, json=hello)).headers["mcp-session-id"]
            headers = {"mcp-session-id": session, "mcp-protocol-version": "2025-06-18"}
            call = {"name": "noise", "arguments": {"seconds": 600}}
            request = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call}
            async with (
                client.stream("GET", url, headers=headers),
                client.stream("POST", url, json=request, headers=headers),
            ):
                process.send_signal(signal.SIGTERM)
                with anyio.fail_after(15):
                    assert await anyio.to_thread.run_sync(process.wait) == 0


def test_a_busy_port_is_a_sentence() -> None:
    with running([*THINKING, "--http", "0"]) as process:
        port = address(process).split(":")[2].partition("/")[0]
        done = subprocess.run([*THINKING, "--http", port], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 3
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use. Choose another with --http." in done.stderr
