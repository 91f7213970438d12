"""The wiring every server shares: stdio by default, or streamable HTTP behind a gate, and a prompt, clean end.

A server's `serve` command takes `@transport_options` and hands the parsed `Transport` to `launch`. Standard output
carries nothing but the protocol. HTTP binds to loopback; any other address needs a bearer token, and is refused in
words before a socket opens. Both protocol eras (handshake, up to 2025-11-25, and modern, 2026-07-28) are served by the
SDK at once, without a setting.
"""

import logging
import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import anyio
import click

from understudy_servers.lean_start import lean_start
from understudy_servers.oauth import ResourceServer

if TYPE_CHECKING:
    from mcp.server.transport_security import TransportSecuritySettings
    from starlette.applications import Starlette

DEFAULT_MAX_REQUEST = 4 * 1024 * 1024
DEFAULT_MAX_SESSIONS = 1_000
DEFAULT_SESSION_IDLE = 30 * 60.0
BACKLOG = 128
GRACE_SECONDS = (
    0.1  # for requests in flight when a signal comes; with uvicorn's 0.1 s ticks the whole end stays under 0.5 s
)

Command = TypeVar("Command", bound=Callable[..., Any])


class CannotListen(click.ClickException):
    """The address is taken or is not this machine's; exit code 3, since the environment lacks it."""

    exit_code = 3


class Address(click.ParamType[tuple[str, int]]):
    """A `[HOST:]PORT`: 127.0.0.1 when the host is left out, IPv6 in brackets, and port 0 takes a free one."""

    name = "[HOST:]PORT"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        if isinstance(value, tuple):
            return cast("tuple[str, int]", value)
        host, _, port = str(value).rpartition(":")
        host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
        if not port.isdecimal() or int(port) > 65_535:
            self.fail(
                f"{value!r} has no port from 0 to 65535. Write 8765, or 127.0.0.1:8765, or [::1]:8765.", param, ctx
            )
        return host, int(port)


@dataclass(frozen=True, kw_only=True)
class Transport:
    """How a server is reached. `address` None means stdio; every other field is about HTTP.

    Sizes are bytes, times are seconds. `hosts` and `origins` are allowed beyond the default ones of `gate.gated`.
    """

    address: tuple[str, int] | None = None
    token: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    max_request: int = DEFAULT_MAX_REQUEST
    max_sessions: int = DEFAULT_MAX_SESSIONS
    session_idle: float = DEFAULT_SESSION_IDLE
    oauth: ResourceServer | None = None

    def __post_init__(self) -> None:
        if self.oauth is not None and self.token is not None:
            raise ValueError(
                "Both a bearer token and OAuth were given. Keep one: unset UNDERSTUDY_TOKEN, or --oauth-…."
            )
        guarded = self.token is not None or self.oauth is not None
        if self.address is not None and not guarded and not is_loopback(self.address[0]):
            raise ValueError(
                f"{self.address[0]!r} can be reached from other machines, so a token is needed. "
                "Pass --token-file FILE or set UNDERSTUDY_TOKEN, or bind to 127.0.0.1."
            )


class MCPApplication(Protocol):
    """What `launch` needs of a server: the SDK's `MCPServer` and its low-level `Server` both have it."""

    @property
    def name(self) -> str: ...
    @property
    def version(self) -> str: ...
    def streamable_http_app(
        self,
        *,
        host: str = ...,
        transport_security: "TransportSecuritySettings | None" = ...,
        max_request_body_size: int = ...,
        session_idle_timeout: float | None = ...,
        max_sessions: int | None = ...,
    ) -> "Starlette": ...


def is_loopback(host: str) -> bool:
    """Say whether `host` names this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def transport_options(command: Command) -> Command:
    """Add the transport options to a click command; the command receives them as one argument, `transport`."""

    @wraps(command)
    def wrapper(
        *args: Any,
        http: tuple[str, int] | None,
        token_file: Path | None,
        allow_host: tuple[str, ...],
        allow_origin: tuple[str, ...],
        max_request: int,
        max_sessions: int,
        session_idle: float,
        oauth_issuer: str | None,
        oauth_resource: str | None,
        oauth_introspection: str | None,
        oauth_scope: tuple[str, ...],
        **kwargs: Any,
    ) -> Any:
        try:
            transport = Transport(
                address=http,
                token=read_token(token_file),
                hosts=allow_host,
                origins=allow_origin,
                max_request=max_request,
                max_sessions=max_sessions,
                session_idle=session_idle,
                oauth=read_oauth(oauth_issuer, oauth_resource, oauth_introspection, oauth_scope),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
        return command(*args, transport=transport, **kwargs)

    decorated: Any = wrapper
    for option in reversed(TRANSPORT_OPTIONS):
        decorated = option(decorated)
    return cast("Command", decorated)


TRANSPORT_OPTIONS = (
    click.option("--http", type=Address(), help="Serve streamable HTTP here, at /mcp, instead of stdio."),
    click.option(
        "--token-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with the bearer token HTTP clients must send; else UNDERSTUDY_TOKEN.",
    ),
    click.option("--allow-host", multiple=True, metavar="NAME", help="Also accept this Host header. Repeatable."),
    click.option(
        "--allow-origin", multiple=True, metavar="URL", help="Also accept web pages of this origin. Repeatable."
    ),
    click.option(
        "--max-request",
        type=click.IntRange(min=1),
        default=DEFAULT_MAX_REQUEST,
        show_default=True,
        help="Largest HTTP request, bytes.",
    ),
    click.option(
        "--max-sessions",
        type=click.IntRange(min=1),
        default=DEFAULT_MAX_SESSIONS,
        show_default=True,
        help="Most HTTP sessions open at once.",
    ),
    click.option(
        "--session-idle",
        type=click.FloatRange(min=0, min_open=True),
        default=DEFAULT_SESSION_IDLE,
        show_default=True,
        help="Seconds after which an idle HTTP session is closed.",
    ),
    click.option("--oauth-issuer", metavar="URL", help="Accept tokens of this OAuth authorization server."),
    click.option("--oauth-resource", metavar="URL", help="This server's own URL, for which tokens are issued."),
    click.option("--oauth-introspection", metavar="URL", help="The issuer's endpoint that says if a token is active."),
    click.option("--oauth-scope", multiple=True, metavar="NAME", help="Scope a token must hold. Repeatable."),
)


def read_oauth(
    issuer: str | None, resource: str | None, introspection: str | None, scopes: tuple[str, ...]
) -> ResourceServer | None:
    """Make the resource-server settings of the options: all three addresses, or none.

    Raises:
        ValueError: some are missing, or would send tokens in the clear.
    """
    if issuer is None and resource is None and introspection is None:
        return None
    if issuer is None or resource is None or introspection is None:
        raise ValueError("OAuth needs --oauth-issuer, --oauth-resource and --oauth-introspection together.")
    return ResourceServer(issuer=issuer, resource=resource, introspection=introspection, scopes=scopes)


def read_token(path: Path | None) -> str | None:
    """Read the bearer token from `path`, else from UNDERSTUDY_TOKEN.

    Raises:
        ValueError: the file holds no token, or something that cannot travel in a header.
    """
    source = "UNDERSTUDY_TOKEN" if path is None else repr(str(path))
    token = os.environ.get("UNDERSTUDY_TOKEN", "") if path is None else path.read_text("utf-8", "replace")
    token = token.strip()
    if not token and path is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(f"{source} holds no usable token. Put one line of printable ASCII without spaces in it.")
    return token


def launch(build: Callable[[], MCPApplication], transport: Transport) -> None:
    """Build the server and serve it until its client leaves or a signal comes; then end within half a second.

    A server that imports the SDK in `build`, and not before, starts a fourth sooner: see `lean_start`.
    """
    logging.getLogger("mcp").setLevel(logging.WARNING)  # the SDK reports every session it opens
    with lean_start():
        # Needs the SDK, which commands that only print help do without.
        from understudy_servers.stdio import serve_stdio  # noqa: PLC0415

        server = build()
    if transport.address is None:
        serve_stdio(server)
        return
    with listening(transport.address) as sock:
        anyio.run(serve_http, server, transport, sock)


@contextmanager
def listening(address: tuple[str, int]) -> Generator[socket.socket]:
    """Open the listening socket here, so that a busy port or a foreign address is a sentence and not a log line."""
    host, port = address
    try:
        family, kind, proto, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        sock = socket.socket(family, kind, proto)
    except OSError as error:
        raise _cannot(host, port, error) from error
    with sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(where)
            sock.listen(BACKLOG)  # whoever reads the line that says where may connect at once
        except OSError as error:
            raise _cannot(host, port, error) from error
        yield sock


def _cannot(host: str, port: int, error: OSError) -> CannotListen:
    return CannotListen(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another with --http.")


async def serve_http(server: MCPApplication, transport: Transport, sock: socket.socket) -> None:
    """Serve streamable HTTP on `sock` until a signal comes, then close open streams after a short grace."""
    # Needed over HTTP only; stdio clients wait for every import.
    import uvicorn  # noqa: PLC0415
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415  as above

    from understudy_servers.gate import gated  # noqa: PLC0415  as above
    from understudy_servers.introspection import Introspection, auth_settings  # noqa: PLC0415  as above
    from understudy_servers.stdio import stop_on_signal  # noqa: PLC0415  as above

    class Serving(uvicorn.Server):
        @contextmanager
        def capture_signals(self) -> Generator[None]:  # ours end the process with 0 and do not raise the signal again
            yield

    host, port = sock.getsockname()[:2]
    # `MCPServer` takes OAuth settings in its constructor only; the server inside it takes them here.
    low_level: Any = getattr(server, "_lowlevel_server", server)
    app: Starlette = low_level.streamable_http_app(
        host=host,
        auth=auth_settings(transport.oauth) if transport.oauth else None,
        token_verifier=Introspection(transport.oauth) if transport.oauth else None,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the gate does it
        max_request_body_size=transport.max_request,
        session_idle_timeout=transport.session_idle,
        max_sessions=transport.max_sessions,
    )
    config = uvicorn.Config(
        gated(
            app,
            identity={"server": server.name, "version": server.version},
            loopback=is_loopback(host),
            token=transport.token,
            hosts=transport.hosts,
            origins=transport.origins,
        ),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=cast("int", GRACE_SECONDS),  # asyncio.wait_for takes the fraction
    )
    # A stream cut off at the end is what the grace is for, not an error to report.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    serving = Serving(config)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"{server.name} listens on http://{shown}:{port}/mcp", err=True)

    def stop() -> None:
        serving.should_exit = True

    async with anyio.create_task_group() as group:
        group.start_soon(stop_on_signal, stop)
        await serving.serve(sockets=[sock])
        group.cancel_scope.cancel()
