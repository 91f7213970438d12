"""Who may speak to a server over HTTP: the Host and Origin checks, the bearer token, CORS, and `/health`.

A web page can make a browser send requests to loopback (DNS rebinding), so a Host header must be an IP address (which
cannot be rebound), this machine's name or an allowed name, and an Origin header must be a loopback page (for a loopback
server) or an allowed one. Not covered: TLS, which belongs to a reverse proxy.
"""

import hmac
import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK_ORIGIN = r"https?://(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?"
MCP_HEADERS = ["Mcp-Session-Id", "WWW-Authenticate"]


def gated(
    app: ASGIApp,
    *,
    identity: Mapping[str, str],
    loopback: bool,
    token: str | None = None,
    hosts: tuple[str, ...] = (),
    origins: tuple[str, ...] = (),
) -> ASGIApp:
    """Put the gate in front of `app`: Host, then Origin and CORS, then `/health`, then the token."""
    allowed = "|".join([LOOPBACK_ORIGIN] * loopback + [re.escape(origin.rstrip("/")) for origin in origins]) or r"(?!)"
    inner: ASGIApp = Token(app, token) if token is not None else app
    inner = Health(inner, identity)
    inner = CORSMiddleware(
        inner, allow_origin_regex=allowed, allow_methods=["*"], allow_headers=["*"], expose_headers=MCP_HEADERS
    )
    names = {"localhost", *(host.lower() for host in hosts)} | (set() if loopback else {socket.gethostname().lower()})
    return Addressed(inner, frozenset(names), re.compile(allowed))


class Addressed:
    """Refuse a request whose Host or Origin header is not an allowed one, before anything reads its body."""

    def __init__(self, app: ASGIApp, names: frozenset[str], origins: re.Pattern[str]) -> None:
        self.app, self.names, self.origins = app, names, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":  # httptools keeps the white space that RFC 9110 §5.5 excludes from a value
            scope = {**scope, "headers": [(name, value.strip(b" \t")) for name, value in scope["headers"]]}
        refusal = self.refusal(Headers(scope=scope)) if scope["type"] == "http" else None
        await (refusal or self.app)(scope, receive, send)

    def refusal(self, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not is_address(host_name(host)) and host_name(host) not in self.names:
            return PlainTextResponse(f"Host {host[:200]!r} is not served here. Start with --allow-host NAME.", 421)
        origin = headers.get("origin")
        if origin is not None and self.origins.fullmatch(origin) is None:
            return PlainTextResponse(f"Origin {origin[:200]!r} is not allowed. Start with --allow-origin URL.", 403)
        return None


class Health:
    """Answer `GET /health` with who this is; it needs no token, and says nothing that needs one."""

    def __init__(self, app: ASGIApp, identity: Mapping[str, str]) -> None:
        self.app, self.answer = app, JSONResponse({"status": "ok", **identity})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope["type"] == "http" and scope["path"] == "/health" and scope["method"] in ("GET", "HEAD")
        await (self.answer if asked else self.app)(scope, receive, send)


class Token:
    """Let a request through only with the right `Authorization: Bearer` header, compared in constant time."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app, self.expected = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.knows(Headers(scope=scope).get("authorization", "")):
            await self.app(scope, receive, send)
            return
        words = "This server needs a bearer token: send the header Authorization: Bearer TOKEN."
        await PlainTextResponse(words, 401, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def knows(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        return hmac.compare_digest(given.strip().encode(), self.expected) and scheme.lower() == "bearer"


def host_name(host: str) -> str:
    """Give the name in a Host header, without its port and without brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0].lower() if ":" in host else host.lower()


def is_address(name: str) -> bool:
    """Say whether `name` is an IP address literal."""
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
