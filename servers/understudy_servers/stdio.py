"""Serve MCP over standard input and output, on asyncio pipes where the platform has them.

The SDK's own stdio transport reads in a worker thread, which costs a thread hop per message and cannot be interrupted:
a signal would wait for the next line. Pipes and sockets are read and written by the event loop instead; a terminal or a
file falls back to the SDK's transport. While serving, descriptor 0 reads end of file and descriptor 1 is standard
error, so that a stray print, here or in a child, cannot break the protocol.
"""

import asyncio
import fcntl
import os
import signal
import stat
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server

from understudy_servers.reading import mended

if TYPE_CHECKING:
    from understudy_servers.launch import MCPApplication

PIPE_SIZE: int | None = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux only
LARGE_PIPE = 1024 * 1024  # bytes; a large thought then crosses in one switch between the processes, not in sixteen
LINE_LIMIT = 64 * 1024 * 1024  # bytes of one message; a longer line is dropped whole


def serve_stdio(server: "MCPApplication") -> None:
    """Serve one client until it closes its end or a signal comes."""
    anyio.run(_serve, server)


async def stop_on_signal(stop: Callable[[], None]) -> None:
    """Call `stop` at the first SIGINT or SIGTERM."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            stop()
            return


async def _serve(server: "MCPApplication") -> None:
    # The public `run_stdio_async` takes no streams.
    low_level: Any = getattr(server, "_lowlevel_server", server)
    async with anyio.create_task_group() as group:
        group.start_soon(stop_on_signal, group.cancel_scope.cancel)
        async with _streams() as (stdin, stdout), stdio_server(stdin, stdout) as (read, write):
            await low_level.run(read, write, low_level.create_initialization_options())
        group.cancel_scope.cancel()


@asynccontextmanager
async def _streams() -> AsyncGenerator[tuple[Any, Any]]:
    """Claim descriptors 0 and 1 as event-loop pipes, or yield (None, None), which lets the SDK claim them its way."""
    if not _evented():
        yield None, None
        return
    wire_in, wire_out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if PIPE_SIZE is not None:
        for wire in (wire_in, wire_out):
            with suppress(OSError):  # a socket has no pipe size, and a system may cap it
                fcntl.fcntl(wire, PIPE_SIZE, LARGE_PIPE)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    read_pipe, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(wire_in, "rb", buffering=0)
    )
    write_pipe, flow = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(wire_out, "wb", buffering=0)
    )
    try:
        yield Lines(reader), Output(asyncio.StreamWriter(write_pipe, flow, reader, loop))
    finally:
        read_pipe.close()
        write_pipe.close()


def _evented() -> bool:
    """Say whether both descriptors can be polled, and are two: non-blocking mode is shared by all who hold one."""
    try:
        kinds = [os.fstat(0), os.fstat(1)]
    except OSError:
        return False
    pipes = all(stat.S_ISFIFO(kind.st_mode) or stat.S_ISSOCK(kind.st_mode) for kind in kinds)
    return pipes and (kinds[0].st_dev, kinds[0].st_ino) != (kinds[1].st_dev, kinds[1].st_ino)


class Lines:
    """The reading half, shaped as the text file the SDK iterates over."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self.reader = reader

    async def __aiter__(self) -> AsyncIterator[str]:
        skipping = False
        while True:
            try:
                line = await self.reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as overrun:
                await self.reader.readexactly(overrun.consumed)
                skipping = True
                continue
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line:
                    return
            if not skipping:
                yield mended(line.decode("utf-8", "replace"))
            skipping = False


class Output:
    """The writing half, shaped as the text file the SDK writes to."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer

    async def write(self, text: str) -> None:
        self.writer.write(text.encode())

    async def flush(self) -> None:
        await self.writer.drain()
