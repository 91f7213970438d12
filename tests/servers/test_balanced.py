"""Two servers over one data folder behind a round-robin proxy: what a client of the modern era sees is one server."""

import json
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent
from tests.servers.test_launch import HELLO, JSON, address, running

PROVEN = "from sums import add\n\ndef test_add():\n    assert add(2, 3) == 5\n"


@contextmanager
def two_servers(folder: Path) -> Generator[list[str]]:
    """The addresses of two `serve all` that share their folders."""
    project = folder / "project"
    project.mkdir()
    (project / "sums.py").write_text("def add(a, b):\n    return a - b\n")
    (project / "test_sums.py").write_text(PROVEN)
    command = [sys.executable, "-m", "understudy_harness", "serve", "all", "--http", "0"]
    command += ["--store", str(folder / "thoughts"), "--root", str(project)]
    with ExitStack() as stack:
        started = [stack.enter_context(running(command, XDG_DATA_HOME=str(folder))) for _ in range(2)]
        yield [address(process) for process in started]
        for process in started:
            process.send_signal(signal.SIGTERM)
        assert [process.wait(10) for process in started] == [0, 0]


@asynccontextmanager
async def balanced(urls: list[str]) -> AsyncGenerator[tuple[str, list[int]]]:
    """A proxy that hands each new connection to the next server, and how many each of them got."""
    ports = [httpx2.URL(url).port or 0 for url in urls]
    taken = [0] * len(ports)

    async def pump(source: anyio.abc.ByteReceiveStream, sink: anyio.abc.ByteStream) -> None:
        try:
            async for data in source:
                await sink.send(data)
            await sink.send_eof()
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    async def connect(client: anyio.abc.SocketStream) -> None:
        index = sum(taken) % len(ports)
        taken[index] += 1
        async with (
            client,
            await anyio.connect_tcp("127.0.0.1", ports[index]) as server,
            anyio.create_task_group() as both,
        ):
            both.start_soon(pump, client, server)
            both.start_soon(pump, server, client)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, connect)
        yield f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/mcp", taken
        group.cancel_scope.cancel()


@asynccontextmanager
async def client_of(url: str) -> AsyncGenerator[Client]:
    """A client that opens a connection for every request, so that each may reach another server."""
    limits = httpx2.Limits(max_keepalive_connections=0)
    async with (
        httpx2.AsyncClient(limits=limits, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode="auto") as client,
    ):
        yield client


def data(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result
    assert isinstance(result.structured_content, dict)
    return result.structured_content


def text(result: CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_a_chain_of_thoughts_goes_on_whichever_server_answers(tmp_path: Path) -> None:
    with two_servers(tmp_path) as urls:
        async with balanced(urls) as (url, taken), client_of(url) as client:
            first = data(await client.call_tool("sequentialthinking", {"thought": "item 1"}))
            session = first["sessionId"]
            counts = []
            for number in range(2, 9):
                thought = {"thought": f"item {number}", "sessionId": session}
                counts.append(data(await client.call_tool("sequentialthinking", thought))["thoughtHistoryLength"])
            read = await client.read_resource(f"thinking://session/{session}.json")

    assert counts == list(range(2, 9))
    kept = json.loads(read.contents[0].text)["thoughts"]  # type: ignore[union-attr]
    assert [one["thought"] for one in kept] == [f"item {number}" for number in range(1, 9)]
    assert min(taken) >= 4, "both servers were asked"


@pytest.mark.slow
async def test_tests_and_documentation_are_the_same_whichever_server_answers(tmp_path: Path) -> None:
    with two_servers(tmp_path) as urls:
        async with balanced(urls) as (url, _), client_of(url) as client:
            names = [sorted(tool.name for tool in (await client.list_tools()).tools) for _ in range(2)]
            wrong = [text(await client.call_tool("run_tests", {})) for _ in range(2)]
            mended = {"files": {"sums.py": "def add(a, b):\n    return a + b\n"}}
            right = [text(await client.call_tool("run_tests", mended)) for _ in range(2)]
            digests = [data(await client.call_tool("list-libraries", {}))["digest"] for _ in range(2)]

    assert names[0] == names[1]
    assert all("failed" in told for told in wrong)
    assert all("passed" in told for told in right)
    assert digests[0] == digests[1]


async def test_a_connection_of_the_handshake_era_belongs_to_one_server_and_says_so(tmp_path: Path) -> None:
    with two_servers(tmp_path) as urls:
        async with balanced(urls) as (url, _), httpx2.AsyncClient(headers=JSON | {"connection": "close"}) as client:
            hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO}
            session = (await client.post(url, json=hello)).headers["mcp-session-id"]
            named = {"mcp-session-id": session, "mcp-protocol-version": "2025-06-18"}
            ping = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
            codes = [(await client.post(url, json=ping, headers=named)).status_code for _ in range(2)]

    assert sorted(codes) == [200, 404], "404 tells the client to begin again, as the specification has it"
