"""Whatever arrives, a server answers, keeps its state, and writes nothing but the protocol."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.servers.wire import SERVERS, Wire, connected

MANY, SOME = 10_000, 25
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
METHODS = "tools/call tools/list ping resources/read prompts/get completion/complete initialize nothing "
METHODS += "logging/setLevel notifications/cancelled notifications/progress server/discover"
methods = st.sampled_from([*METHODS.split(), ""])
messages = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"jsonrpc": st.sampled_from(["2.0", "1.0", 2]) | json_values, "method": methods | json_values},
        optional={"id": json_values, "params": json_values},
    ),
)
lines = st.one_of(
    messages.map(lambda message: json.dumps(message).encode()),
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
)
names = st.sampled_from(
    ["thought", "thoughtNumber", "files", "select", "libraryId", "query", "tokens", "page", "detail"]
)
arguments = st.dictionaries(names | st.text(max_size=10), json_values, max_size=5) | json_values


def hears(wire: Wire) -> None:
    """The server is alive, and everything it said since is JSON-RPC."""
    assert "result" in wire.ask("ping")
    for line in wire.said:
        assert json.loads(line)["jsonrpc"] == "2.0"
    wire.said.clear()


def survive_lines(server: str, folder: Path, examples: int) -> None:
    with connected(server, folder) as wire:
        wire.shake()

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(line=lines)
        def check(line: bytes) -> None:
            if b'"ours-' not in line:
                wire.send(line)
                hears(wire)

        check()


def survive_arguments(server: str, folder: Path, examples: int) -> None:
    with connected(server, folder) as wire:
        wire.shake()
        tools = [tool["name"] for tool in wire.ask("tools/list")["result"]["tools"]]

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(tool=st.sampled_from(tools), given_arguments=arguments)
        def check(tool: str, given_arguments: Any) -> None:
            answer = wire.ask("tools/call", {"name": tool, "arguments": given_arguments})
            assert "result" in answer, f"{tool}({given_arguments!r}) got a protocol error: {answer}"
            assert answer["result"]["content"], "an empty reply tells a model nothing"
            assert len(answer["result"]["content"][0]["text"]) < 20_000

        check()
        hears(wire)


@pytest.mark.parametrize("server", SERVERS)
def test_no_line_kills_a_server_or_makes_it_noisy(server: str, tmp_path: Path) -> None:
    survive_lines(server, tmp_path, SOME)


@pytest.mark.parametrize("server", SERVERS)
def test_no_arguments_crash_a_tool(server: str, tmp_path: Path) -> None:
    survive_arguments(server, tmp_path, SOME)


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
def test_ten_thousand_lines_kill_no_server(server: str, tmp_path: Path) -> None:
    survive_lines(server, tmp_path, MANY)


@pytest.mark.slow
@pytest.mark.parametrize("server", ["thinking", "docs", "testing"])
def test_ten_thousand_arguments_crash_no_tool(server: str, tmp_path: Path) -> None:
    survive_arguments(server, tmp_path, MANY)
