"""What a tool server gets of our environment: what programs need, what was named, and never a key."""

import json
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import click
import pytest

from understudy import Reach, Tools, solve
from understudy.errors import ServerError
from understudy.reach import harmless
from understudy.server_options import named_servers
from understudy.servers import connect
from understudy.testing import ScriptedModel

SHOWING = '''
import json, os
from mcp.server.mcpserver import MCPServer

server = MCPServer("showing")

@server.tool()
def environment() -> str:
    """All that this process was given."""
    return json.dumps(dict(os.environ))

server.run()
'''

SECRETS = {
    "OPENAI_API_KEY": "sk-1",
    "ANTHROPIC_API_KEY": "sk-2",
    "AWS_SECRET_ACCESS_KEY": "sk-3",
    "GITHUB_TOKEN": "sk-4",
    "UNDERSTUDY_TOKEN": "sk-5",
    "DATABASE_URL": "postgres://user:sk-6@host/db",
    "HTTPS_PROXY": "http://user:sk-7@proxy:1",
    "UNDERSTUDY_EMBEDDINGS_KEY": "sk-8",
    "PYTHON_KEYRING_PASSWORD": "sk-9",
}


@pytest.fixture
def showing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    script = tmp_path / "showing_server.py"
    script.write_text(SHOWING)
    return f"{sys.executable} {script}"


async def seen_by(server: str | Reach) -> dict[str, str]:
    with anyio.fail_after(60):
        async with connect({"showing": server}) as servers:
            seen: dict[str, str] = json.loads((await servers["showing"].call("environment", {})).text)
    return seen


async def test_a_command_sees_no_key_of_ours(showing: str, tmp_path: Path) -> None:
    seen = await seen_by(showing)

    assert not SECRETS.keys() & seen.keys()
    assert "sk-" not in json.dumps(seen)
    assert seen["PATH"] == os.environ["PATH"]
    assert seen["XDG_CACHE_HOME"] == str(tmp_path)


async def test_a_command_gets_the_variables_that_were_named_and_no_others(showing: str) -> None:
    seen = await seen_by(Reach(showing, inherit=("GITHUB_TOKEN",), environment={"MODE": "read-only", "TZ": "UTC"}))

    assert (seen["GITHUB_TOKEN"], seen["MODE"], seen["TZ"]) == ("sk-4", "read-only", "UTC")
    assert {name for name in SECRETS if name in seen} == {"GITHUB_TOKEN"}


async def test_a_scaffold_reaches_a_server_with_its_variables(showing: str) -> None:
    answer = await solve(
        Tools(),
        "?",
        models=ScriptedModel(['{"name": "environment", "arguments": {}}', "done"]),
        servers={"showing": Reach(showing, environment={"A": "b"})},
    )

    assert answer.text == "done"


@pytest.mark.parametrize(
    ("name", "passed"),
    [
        pytest.param("LC_ALL", True, id="language"),
        pytest.param("UNDERSTUDY_DOCS_HOME", True, id="a setting of ours"),
        pytest.param("UNDERSTUDY_TOKEN", False, id="a secret of ours"),
        pytest.param("PYTHONPATH", True, id="where Python looks"),
        pytest.param("XDG_SESSION_COOKIE", False, id="a cookie"),
        pytest.param("LD_PRELOAD", False, id="a library to load"),
        pytest.param("SSH_AUTH_SOCK", False, id="the agent of ssh"),
        pytest.param("OPENAI_BASE_URL", False, id="an address of a provider"),
    ],
)
def test_variables_pass_by_name(name: str, passed: bool) -> None:
    assert harmless(name) is passed


@asynccontextmanager
async def guarded_server(token: str) -> AsyncIterator[str]:
    """Our thinking server over HTTP, which asks for a token."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "understudy_harness", "serve", "thinking", "--http", str(port)]
    process = await anyio.open_process(command, env={**os.environ, "UNDERSTUDY_TOKEN": token}, stderr=-1)
    assert process.stderr is not None
    try:
        await process.stderr.receive()  # the line that says where
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        await process.aclose()


async def test_a_server_with_a_token_is_reached_with_it_and_says_so_without() -> None:
    with anyio.fail_after(60):
        async with guarded_server("open-sesame") as url:
            async with connect({"thinking": Reach(url, token="open-sesame")}) as servers:
                assert [tool.name for tool in await servers["thinking"].tools()] == ["sequentialthinking"]
            for target, words in ((url, "It wants a token"), (Reach(url, token="guess"), "does not take this token")):
                with pytest.raises(ServerError, match=f"HTTP 401.*{words}") as raised:
                    async with connect({"thinking": target}):
                        pass
                assert "guess" not in str(raised.value)


def test_a_token_is_never_shown() -> None:
    assert repr(Reach("http://h/mcp", token="secret")) == "Reach(target='http://h/mcp', inherit=())"
    assert "secret" not in repr(Reach("serve", environment={"KEY": "secret"}))


@pytest.mark.parametrize(
    ("made", "words"),
    [
        pytest.param(lambda: Reach("http://h/mcp", inherit=("HOME",)), "gets a token, not an env", id="url and env"),
        pytest.param(lambda: Reach("serve", token="x"), "gets an environment, not a token", id="command and token"),
        pytest.param(lambda: Reach("serve", inherit=("NOT_SET_AT_ALL",)), "'NOT_SET_AT_ALL'", id="not set"),
        pytest.param(lambda: Reach("http://h/mcp", token="a\nb"), "cannot travel", id="two lines"),
    ],
)
def test_what_cannot_be_meant_is_refused(made: object, words: str) -> None:
    assert callable(made)
    with pytest.raises(ValueError, match=words):
        made()


def test_the_command_line_names_variables_and_tokens_by_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GH", "g")
    monkeypatch.setenv("DOCS_TOKEN", "t")
    servers = named_servers(
        {
            "named": ("gh=npx server", "docs=https://h/mcp"),
            "server_env": ("gh:GH", "gh:MODE=a=b"),
            "server_token": ("docs=DOCS_TOKEN",),
        }
    )

    assert servers == {
        "gh": Reach("npx server", environment={"MODE": "a=b"}, inherit=("GH",)),
        "docs": Reach("https://h/mcp", token="t"),
    }


@pytest.mark.parametrize(
    ("named", "env", "token", "words"),
    [
        pytest.param(("gh",), (), (), "is not NAME=VALUE", id="no name"),
        pytest.param(("a=x", "a=y"), (), (), "names 'a' twice", id="a name twice"),
        pytest.param(("a=x",), ("HOME",), (), "is not NAME:VARIABLE", id="no server"),
        pytest.param(("a=x",), ("b:HOME",), (), "There is no server 'b'", id="another server"),
        pytest.param(("a=x",), ("a:NOT_SET_AT_ALL",), (), "'NOT_SET_AT_ALL'", id="not set"),
        pytest.param(("a=http://h",), (), ("a=NOT_SET_AT_ALL",), "holds no token", id="no token"),
        pytest.param(("a=x",), (), ("a=HOME",), "not a token", id="a command gets no token"),
    ],
)
def test_wrong_options_are_refused_in_words(
    named: tuple[str, ...], env: tuple[str, ...], token: tuple[str, ...], words: str
) -> None:
    with pytest.raises(click.UsageError) as raised:
        named_servers({"named": named, "server_env": env, "server_token": token})

    assert words in str(raised.value)
