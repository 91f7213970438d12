"""Connections to MCP servers: an object in memory, a command over stdio, or a URL over HTTP.

A command gets none of our keys (`reach`). Each connection is owned by one task, which makes it and, when it is lost,
makes it again for the next call. Calls may come from any task and run concurrently, so thousands of problems can share
one server.
"""

import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, TextIO, cast

import anyio
import httpx2
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CONNECTION_CLOSED, REQUEST_TIMEOUT, CallToolResult, TextContent

from understudy.context import Server, ToolResult
from understudy.errors import ServerError, ServerLost
from understudy.problem import Tool
from understudy.reach import Reach

START_S = 60.0
"""How long a server may take to answer for the first time; the first start of a docs server indexes."""
CALL_S = 600.0
"""How long one call may take before the server counts as lost; the servers' own limits are far below."""
AT_ONCE = 256
"""How many calls one connection has under way; the others wait here, since a server refuses what its queue cannot
hold."""
CONNECT_S = 30.0
"""How long a server with a URL may take to take a connection or a request."""
STOP_S = 5.0
"""How long a server gets to end by itself."""
TOKEN_WANTED = "It wants a token: --server-token NAME=VARIABLE on the command line, Reach(url, token=…) in Python."
TOKEN_REFUSED = "It does not take this token."
ERROR_TAIL = 800  # characters of a server's error output that are worth showing


@asynccontextmanager
async def connect(servers: Mapping[str, Any]) -> AsyncIterator[dict[str, Server]]:
    """Connect to servers by name and yield them; every connection ends with the block.

    Args:
        servers: Name -> an MCP server object, a command line, an http(s) URL, or a `Reach` with variables or a token.

    Raises:
        ServerError: One cannot be started or reached; the message says why.
    """
    connections = {name: Connection(name, target) for name, target in servers.items()}
    failure: list[Exception] = []
    async with anyio.create_task_group() as group:
        try:
            for connection in connections.values():
                group.start_soon(connection.own)
                connection.want()
            for connection in connections.values():
                await connection.ready()
            yield dict(connections)
        except Exception as error:  # whatever the block raises; it is raised below, since a task group would wrap it
            failure.append(error)
        finally:
            # A server that is cancelled cannot tidy up, so each gets a moment to end by itself, cancelled or not.
            with anyio.move_on_after(STOP_S, shield=True):
                for connection in connections.values():
                    connection.release()
                for connection in connections.values():
                    await connection.ended.wait()
            for connection in connections.values():
                connection.cut()
    if failure:
        raise failure[0]


class Connection:
    """A server that is connected when it is wanted. Made by `connect`."""

    def __init__(self, name: str, target: Any) -> None:
        self.name, self._target = name, target
        self.known_workspaces: set[str] = set()
        """Ids that the server has; empty again whenever the connection is made anew."""
        self._client: Client | None = None
        self._failure = "it ended at once"
        self._tools: tuple[Tool, ...] | None = None
        self._places = anyio.CapacityLimiter(AT_ONCE)
        self._wanted = anyio.Event()  # somebody waits for a connection
        self._settled = anyio.Event()  # the owner has answered them: connected, or failed
        self._over = anyio.Event()  # the present connection is of no more use
        self._ending = False
        self.ended = anyio.Event()
        self._scope = anyio.CancelScope(shield=True)

    async def own(self) -> None:
        """Hold the connection while it lasts and make it anew when it is wanted, until `release` or `cut`."""
        # Shielded: a server whose block is cancelled still ends in order, within the time that `connect` gives it.
        with self._scope:
            await self._wanted.wait()
            while not self._ending:
                await self._hold_once()
                if not self._ending:
                    await self._wanted.wait()
            self.ended.set()

    async def _hold_once(self) -> None:
        settled = self._settled
        await self._hold(settled)
        self._client = None
        if not settled.is_set():
            self._wanted = anyio.Event()
            settled.set()
        elif settled is self._settled:  # it ended by itself and nobody has noticed
            self._wanted = anyio.Event()

    def cut(self) -> None:
        """Let go of the connection at once."""
        self._scope.cancel()

    def release(self) -> None:
        """Let the connection end in order; `ended` is set when it is gone."""
        self._ending = True
        self._over.set()
        self._wanted.set()

    def want(self) -> None:
        """Ask the owner for a connection."""
        if not self._wanted.is_set():
            self._settled = anyio.Event()
            self._wanted.set()

    async def ready(self) -> Client:
        """Wait for the connection and return it.

        Raises:
            ServerError: It cannot be made.
        """
        if self._client is None:
            self.want()
            await self._settled.wait()
        if self._client is None:
            raise ServerError(f"The server {self.name!r} cannot be reached: {self._failure}", server=self.name)
        return self._client

    async def tools(self) -> tuple[Tool, ...]:
        """List what the server offers to a model.

        Raises:
            ServerError: The server failed.
        """
        if self._tools is None:
            client = await self.ready()
            try:
                listed = await client.list_tools()
            except Exception as error:  # whatever a transport raises when it ends
                raise self._lost(client, error) from error
            self._tools = tuple(
                Tool(name=tool.name, description=tool.description or "", parameters=dict(tool.input_schema))
                for tool in listed.tools
            )
        return self._tools

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Call a tool.

        Raises:
            ServerLost: The connection ended during the call.
            ServerError: The server refused the call as such.
        """
        client = await self.ready()
        try:
            async with self._places:
                result = await client.call_tool(
                    tool, dict(arguments), read_timeout_seconds=CALL_S, meta=cast("Any", meta and dict(meta))
                )
        except MCPError as error:
            if error.code in (CONNECTION_CLOSED, REQUEST_TIMEOUT):
                raise self._lost(client, error) from error
            raise ServerError(f"The server {self.name!r} refused {tool!r}: {error}", server=self.name) from error
        except Exception as error:  # whatever a transport raises when it ends
            raise self._lost(client, error) from error
        return _result(result)

    async def _hold(self, settled: anyio.Event) -> None:
        with TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
            try:
                await self._connected(settled, errors)
            except Exception as error:  # any failure to start or to go on is told to whoever calls next
                self._failure = _why(error, errors)

    async def _connected(self, settled: anyio.Event, errors: TextIO) -> None:
        with anyio.move_on_after(START_S) as starting:
            async with Client(_target(self._target, errors)) as client:
                starting.deadline = float("inf")
                self._client, self._over = client, anyio.Event()
                self.known_workspaces.clear()
                settled.set()
                if not self._ending:
                    await self._over.wait()
        if starting.cancelled_caught:
            raise TimeoutError(f"it did not answer within {START_S:g} seconds")

    def _lost(self, client: Client, error: Exception) -> ServerError:
        if self._client is client:
            self._client, self._settled = None, anyio.Event()
            self._over.set()
        return ServerLost(
            f"The connection to the server {self.name!r} ended during a call ({type(error).__name__}: {error}).",
            server=self.name,
        )


def _target(target: Any, errors: TextIO) -> Any:
    if not isinstance(target, str | Reach):
        return target
    reach = Reach(target) if isinstance(target, str) else target
    if reach.is_url:
        return _over_http(reach, errors)
    if not reach.target.strip():
        raise ValueError("its command is empty. Write a command line such as 'understudy serve testing', or a URL")
    command, *arguments = shlex.split(reach.target)
    return stdio_client(
        StdioServerParameters(command=_program(command), args=arguments, env=reach.variables()), errlog=errors
    )


@asynccontextmanager
async def _over_http(reach: Reach, errors: TextIO) -> AsyncIterator[Any]:
    """Reach a URL, with its token; the transport keeps redirects within the origin, and so the token."""

    async def note(response: httpx2.Response) -> None:
        if response.status_code in (401, 403) and not errors.tell():  # which the SDK does not pass on
            errors.write(f"HTTP {response.status_code}. {TOKEN_WANTED if reach.token is None else TOKEN_REFUSED}\n")

    async with (
        httpx2.AsyncClient(
            headers={"Authorization": f"Bearer {reach.token}"} if reach.token is not None else {},
            timeout=httpx2.Timeout(CONNECT_S, read=CALL_S),
            event_hooks={"response": [note]},
        ) as client,
        streamable_http_client(reach.target, http_client=client) as streams,
    ):
        yield streams


def _program(command: str) -> str:
    """Find a program on the path, or beside the running Python, where `understudy` is in any environment."""
    beside = Path(sys.executable).parent / command
    found = shutil.which(command) or (str(beside) if beside.is_file() else None)
    if found is None:
        raise FileNotFoundError(f"there is no program {command!r} on the path")
    return found


def _why(error: BaseException, errors: TextIO) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    errors.seek(0)
    said = errors.read().strip()[-ERROR_TAIL:]
    return f"{type(error).__name__}: {error}" + (f"\nIt wrote: {said}" if said else "")


def _result(result: CallToolResult) -> ToolResult:
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))
    return ToolResult(text=text, data=result.structured_content, is_error=bool(result.is_error))
