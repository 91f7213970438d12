"""Who may speak to the proxy, over a real socket; attacks first."""

from typing import Any

import httpx2
import pytest
from tests.scaffolds.proxy.serving import client_of, service_of, serving

from understudy import Direct
from understudy.proxy.exchange import MOST_BODY
from understudy.proxy.gate import Gate
from understudy.testing import ScriptedModel

ASKED: Any = {"model": "x", "messages": [{"role": "user", "content": "?"}]}


async def status(gate: Gate, **headers: str) -> int:
    async with serving(service_of(Direct(), ScriptedModel(["42"] * 5)), gate) as url, httpx2.AsyncClient() as http:
        response = await http.post(f"{url}/chat/completions", json=ASKED, headers=headers)
    return response.status_code


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8484", "127.0.0.1.evil.example", "", "localhost.evil:1"]
)
async def test_a_rebound_name_is_refused(host: str) -> None:
    assert await status(Gate(loopback=True), host=host) in (400, 421)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8484", "[::1]:8484", "192.168.1.7", "box.lan"])
async def test_addresses_and_known_names_are_served(host: str) -> None:
    assert await status(Gate(loopback=True, hosts=("box.lan",)), host=host) == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example", "file://"])
async def test_a_web_page_of_elsewhere_is_refused(origin: str) -> None:
    assert await status(Gate(loopback=True), origin=origin) == 403


async def test_a_web_page_of_this_machine_may_call_unless_the_socket_is_open_to_others() -> None:
    assert await status(Gate(loopback=True), origin="http://localhost:3000") == 200
    assert (
        await status(Gate(loopback=False, token="t"), origin="http://localhost:3000", authorization="Bearer t") == 403
    )
    page = "https://app.example"
    assert await status(Gate(loopback=False, token="t", origins=(page,)), origin=page, authorization="Bearer t") == 200


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer secret2", "bearer  x"]
)
async def test_without_the_right_key_nothing_is_served(given: str) -> None:
    assert await status(Gate(loopback=True, token="secret"), authorization=given) == 401


async def test_the_key_is_what_every_sdk_sends_as_its_api_key() -> None:
    service = service_of(Direct(), ScriptedModel(["42"]))
    async with client_of(service, key="secret", gate=Gate(loopback=True, token="secret")) as sdk:
        answer = await sdk.chat.completions.create(**ASKED)
    assert answer.choices[0].message.content == "42"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"{", 400, id="no JSON"),
        pytest.param(b"[]", 400, id="no object"),
        pytest.param(b"[" * 200_000, 400, id="a bomb of brackets"),
        pytest.param(b'{"messages": ["x"]}', 400, id="a message that is a text"),
        pytest.param(b'{"messages": [{"role": "user", "content": {"a": 1}}]}', 400, id="content that is an object"),
        pytest.param(b" " * (MOST_BODY + 1), 413, id="too large"),
        pytest.param(b'{"input": "x", "messages": [{"role": "user"}], "temperature": Infinity}', 400, id="Infinity"),
        pytest.param(
            b'{"input": "x", "messages": [{"role": "user"}], "max_tokens": NaN, "temperature": NaN}',
            400,
            id="NaN",
        ),
    ],
)
async def test_a_hostile_body_is_refused_and_the_next_request_is_served(body: bytes, expected: int) -> None:
    async with serving(service_of(Direct(), ScriptedModel(["42"]))) as url, httpx2.AsyncClient() as http:
        for path in ("chat/completions", "responses"):
            refused = await http.post(f"{url}/{path}", content=body)
            assert refused.status_code == expected
            assert refused.json()["error"]["message"]
        served = await http.post(f"{url}/chat/completions", json=ASKED)
    assert served.status_code == 200


@pytest.mark.parametrize("id", ['["a"]', '{"a": 1}', "7", '"nope"'])
async def test_whatever_is_sent_as_the_id_of_a_response_is_answered(id: str) -> None:
    body = f'{{"input": "x", "previous_response_id": {id}}}'
    async with serving(service_of(Direct(), ScriptedModel([]))) as url, httpx2.AsyncClient() as http:
        response = await http.post(f"{url}/responses", content=body)
    assert response.status_code == 404
    assert "Send the whole conversation" in response.json()["error"]["message"]


async def test_unknown_paths_are_answered_with_the_known_ones() -> None:
    async with serving(service_of(Direct(), ScriptedModel([]))) as url, httpx2.AsyncClient() as http:
        response = await http.get(f"{url}/embeddings")
        health = await http.get(url.removesuffix("/v1") + "/health")
    assert response.status_code == 404
    assert "POST /v1/chat/completions" in response.json()["error"]["message"]
    assert health.json()["status"] == "ok"


async def test_a_page_of_this_machine_gets_its_preflight_answered() -> None:
    async with serving(service_of(Direct(), ScriptedModel([]))) as url, httpx2.AsyncClient() as http:
        response = await http.options(f"{url}/chat/completions", headers={"origin": "http://localhost:3000"})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "http://localhost:3000"
