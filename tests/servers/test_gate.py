"""Who gets through the gate: attacks first, then the clients that must."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx2
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from understudy_servers.gate import gated

Ask = Callable[..., Awaitable[httpx2.Response]]


async def inside(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("inside")(scope, receive, send)


def asking(**options: Any) -> Ask:
    """Give a way to send requests through a gate with these options."""
    app = gated(inside, identity={"server": "demo", "version": "1"}, **({"loopback": True} | options))

    async def ask(path: str = "/mcp", method: str = "POST", **headers: str) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            sent = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
            return await client.request(method, path, headers=sent)  # type: ignore[arg-type]

    return ask


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", "[x]"]
)
async def test_a_rebound_name_is_refused(host: str) -> None:
    answer = await asking()(host=host)
    assert answer.status_code == 421
    assert "--allow-host" in answer.text


async def test_a_rebound_name_cannot_even_ask_for_health() -> None:
    assert (await asking()("/health", "GET", host="evil.example")).status_code == 421


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "http://localhost.evil.example", "http://127.0.0.1.evil.example", "file://", "x"],
)
async def test_a_foreign_page_is_refused(origin: str) -> None:
    answer = await asking()(origin=origin)
    assert answer.status_code == 403
    preflight = await asking()("/mcp", "OPTIONS", origin=origin, access_control_request_method="POST")
    assert preflight.status_code == 403
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer x", "Basic c2VjcmV0", "secret", "Bearer secre", "Bearer sécret"]
)
async def test_without_the_token_nothing_but_health_answers(authorization: str | None) -> None:
    ask = asking(token="secret")
    headers = {} if authorization is None else {"authorization": authorization}
    answer = await ask(**headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert (await ask("/health", "GET")).status_code == 200


@pytest.mark.parametrize("authorization", ["Bearer secret", "bearer secret", "Bearer  secret "])
async def test_the_token_opens(authorization: str) -> None:
    assert (await asking(token="secret")(authorization=authorization)).text == "inside"


async def test_health_says_who_answers() -> None:
    answer = await asking()("/health", "GET")
    assert answer.json() == {"status": "ok", "server": "demo", "version": "1"}
    assert (await asking()("/health", "POST")).text == "inside"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1:9", "localhost", "LOCALHOST:8000", "[::1]:8000", "192.168.0.7:1"]
)
async def test_addresses_and_localhost_are_served(host: str) -> None:
    assert (await asking()(host=host)).text == "inside"


async def test_allowed_names_and_pages_are_served() -> None:
    ask = asking(loopback=False, hosts=("Box.example",), origins=("https://app.example/",))
    assert (await ask(host="box.example:443", origin="https://app.example")).text == "inside"
    assert (await ask(origin="http://localhost:3000")).status_code == 403, "loopback pages are for loopback servers"
    assert (await ask(host="other.example")).status_code == 421


async def test_a_loopback_page_may_read_the_session_header() -> None:
    ask = asking(token="secret")
    preflight = await ask(
        "/mcp",
        "OPTIONS",
        origin="http://localhost:8080",
        access_control_request_method="POST",
        access_control_request_headers="authorization,mcp-session-id",
    )
    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == "http://localhost:8080"
    answer = await ask(origin="http://localhost:8080", authorization="Bearer secret")
    assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]
