"""The proxy on a socket: opened before anything is promised, closed on a signal."""

import signal
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, cast

import anyio

GRACE_S = 0.2
"""Seconds that open streams get when a signal comes."""


class CannotListen(Exception):
    """The address is taken or is not this machine's."""


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def listening(host: str, port: int) -> Generator[socket.socket]:
    """Open the listening socket; port 0 takes a free one.

    Raises:
        CannotListen: Another program has it, or the address is not this machine's.
    """
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise _cannot(host, port, error) from error
    with sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
        except OSError as error:
            raise _cannot(host, port, error) from error
        yield sock


def _cannot(host: str, port: int, error: OSError) -> CannotListen:
    return CannotListen(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --listen.")


async def serve(app: Any, sock: socket.socket, *, started: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGINT or SIGTERM, or until cancelled."""
    # uvicorn comes with mcp; only a serving proxy needs it.
    import uvicorn  # noqa: PLC0415

    class Server(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None]:  # ours end the process with 0 and do not raise the signal again
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=cast("int", GRACE_S),  # asyncio.wait_for takes the fraction
    )
    server = Server(config)

    async def watch() -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                server.should_exit = True
                return

    async with anyio.create_task_group() as group:
        group.start_soon(watch)
        try:
            await server.serve(sockets=[sock])
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):  # else the loop goes on accepting on a closed socket's number
                await server.shutdown(sockets=[sock])
            raise
        group.cancel_scope.cancel()
