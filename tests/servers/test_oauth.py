"""OAuth resource-server mode: an issuer's tokens open the server, everybody else's are refused and told where to go."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from understudy_servers.launch import Transport, read_oauth
from understudy_servers.oauth import ResourceServer

RESOURCE = "https://tools.example/mcp"


@contextmanager
def issuer(tokens: dict[str, dict[str, Any]]) -> Generator[str]:
    """An authorization server's introspection endpoint on loopback (RFC 7662)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            body = json.dumps(tokens.get(form["token"][0], {"active": False})).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: Any) -> None:
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def guarded(introspection: str, folder: Path) -> Generator[str]:
    options = ["--oauth-issuer", "https://login.example", "--oauth-resource", RESOURCE]
    options += ["--oauth-introspection", f"{introspection}/introspect", "--oauth-scope", "use"]
    command = [sys.executable, "-m", "understudy_harness", "serve", "thinking", "--http", "0", *options]
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder), **measured}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder, env=env) as process:
        assert process.stderr is not None
        found = re.search(r"http://\S+/mcp", process.stderr.readline())
        assert found
        try:
            yield found.group()
        finally:
            process.terminate()


def knock(url: str, token: str | None) -> tuple[int, dict[str, str]]:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}).encode()
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return answer.status, dict(answer.headers)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, dict(refusal.headers)


def test_only_an_active_token_for_this_server_with_the_scope_opens_it(tmp_path: Path) -> None:
    good = {"active": True, "client_id": "me", "scope": "use", "aud": RESOURCE, "iss": "https://login.example"}
    tokens = {
        "good": good,
        "listed": good | {"aud": ["https://other.example", RESOURCE]},
        "inactive": good | {"active": False},
        "another-resource": good | {"aud": "https://other.example"},
        "no-audience": {key: value for key, value in good.items() if key != "aud"},
        "another-issuer": good | {"iss": "https://evil.example"},
        "expired": good | {"exp": 1},
        "no-scope": good | {"scope": ""},
    }
    with issuer(tokens) as address, guarded(address, tmp_path) as url:
        codes = {name: knock(url, name)[0] for name in (*tokens, "unknown")}
        nobody, headers = knock(url, None)

    assert codes == {
        "good": 200,
        "listed": 200,
        "inactive": 401,
        "another-resource": 401,
        "no-audience": 401,
        "another-issuer": 401,
        "expired": 401,
        "no-scope": 403,
        "unknown": 401,
    }
    assert nobody == 401
    assert "resource_metadata=" in {key.lower(): value for key, value in headers.items()}["www-authenticate"]


def test_an_issuer_that_does_not_answer_lets_nobody_in(tmp_path: Path) -> None:
    with issuer({}) as address:
        pass

    with guarded(address, tmp_path) as url:
        assert knock(url, "good")[0] == 401


@pytest.mark.parametrize("field", ["issuer", "resource", "introspection"])
def test_an_address_that_would_send_tokens_in_the_clear_is_refused(field: str) -> None:
    given = dict.fromkeys(["issuer", "resource", "introspection"], "https://a.example") | {field: "http://a.example"}

    with pytest.raises(ValueError, match="in the clear"):
        ResourceServer(**given)  # type: ignore[arg-type]  # scopes is left out


def test_half_the_options_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="together"):
        read_oauth("https://a.example", None, None, ())


def test_a_token_and_an_issuer_at_once_are_refused_in_words() -> None:
    guard = ResourceServer(issuer="https://a", resource="https://b", introspection="https://c")

    with pytest.raises(ValueError, match="Keep one"):
        Transport(address=("127.0.0.1", 0), token="x", oauth=guard)


def test_an_issuer_allows_an_address_that_others_can_reach() -> None:
    guard = ResourceServer(issuer="https://a", resource="https://b", introspection="https://c")

    assert Transport(address=("0.0.0.0", 0), oauth=guard).token is None
