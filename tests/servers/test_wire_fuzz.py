"""Whatever arrives, a server answers, keeps its state, and writes nothing but the protocol."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.servers.wire import SERVERS, Wire, connected

MANY, SOME = 10_000, 25
TOOLS = {
    "thinking": ["sequentialthinking"],
    "docs": ["resolve-library-id", "query-docs", "get-symbol", "list-libraries", "add-docs", "get-library-docs"],
    "testing": ["run_tests", "explain_failure", "check_suite", "test_status"],
}
UNLISTED = {"get-library-docs"}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=10,
)
METHODS = "tools/call tools/list ping resources/read prompts/get completion/complete initialize nothing "
METHODS += "logging/setLevel notifications/cancelled notifications/progress server/discover"
methods = st.sampled_from([*METHODS.split(), ""])
MODERN = {"protocolVersion": "2026-07-28", "clientInfo": {"name": "raw", "version": "1"}, "clientCapabilities": {}}
META = {f"io.modelcontextprotocol/{name}": value for name, value in MODERN.items()}
modern_params = st.dictionaries(st.sampled_from(["name", "arguments", "uri", "ref", "argument"]), json_values).flatmap(
    lambda params: st.dictionaries(st.sampled_from(sorted(META)), json_values, max_size=1).map(
        lambda wrong: {**params, "_meta": {**META, **wrong}}
    )
)
messages = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {"jsonrpc": st.sampled_from(["2.0", "1.0", 2]) | json_values, "method": methods | json_values},
        optional={"id": json_values, "params": json_values | modern_params},
    ),
)
lines = st.one_of(
    messages.map(lambda message: json.dumps(message).encode()),
    st.binary(max_size=60).map(lambda raw: raw.replace(b"\n", b"").replace(b"\r", b"")),
)
texts = st.text(max_size=30) | st.sampled_from(
    ["{", "[]", "null", "../..", "/etc/passwd", "-1", "1 of 3", "\x00", "http://[", "%"]
)
typed: dict[str, st.SearchStrategy[Any]] = {
    "string": texts,
    "integer": st.integers(-2, 2**65) | st.floats() | texts,
    "boolean": st.booleans() | st.sampled_from(["true", "no", 0, ""]),
    "object": st.dictionaries(texts, texts, max_size=3),
}


def arguments_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Arguments that are nearly right, wrapped as models wrap them, or anything at all."""
    fields = {name: typed[one["type"]] | json_values for name, one in schema.get("properties", {}).items()}
    near = st.fixed_dictionaries({}, optional=fields)
    strange = st.dictionaries(
        st.sampled_from([*fields, "arguments", "input"]) | st.text(max_size=10), json_values, max_size=5
    )
    wrapped = st.one_of(near.map(json.dumps), near.map(lambda one: [one]), near.map(lambda one: {"arguments": one}))
    return near | wrapped | strange | json_values


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


def survive_arguments(server: str, tools: list[str], folder: Path, examples: int) -> None:
    with connected(server, folder) as wire:
        wire.shake()
        schemas = {one["name"]: one["inputSchema"] for one in wire.ask("tools/list")["result"]["tools"]}
        calls = st.sampled_from(tools).flatmap(
            lambda tool: st.tuples(st.just(tool), arguments_of(schemas.get(tool, {})))
        )

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(call=calls)
        def check(call: tuple[str, Any]) -> None:
            tool, arguments = call
            answer = wire.ask("tools/call", {"name": tool, "arguments": arguments})
            assert "result" in answer, f"{tool}({arguments!r}) got a protocol error: {answer}"
            assert answer["result"]["content"], "an empty reply tells a model nothing"
            text = answer["result"]["content"][0]["text"]
            assert len(text) < 20_000
            assert "Traceback" not in text
            wire.said.clear()

        check()
        hears(wire)


@pytest.mark.parametrize("server", SERVERS)
def test_no_line_kills_a_server_or_makes_it_noisy(server: str, tmp_path: Path) -> None:
    survive_lines(server, tmp_path, SOME)


@pytest.mark.parametrize("server", TOOLS)
def test_no_arguments_crash_a_tool(server: str, tmp_path: Path) -> None:
    survive_arguments(server, TOOLS[server], tmp_path, SOME)


def test_every_tool_is_fuzzed(tmp_path: Path) -> None:
    with connected("all", tmp_path) as wire:
        wire.shake()
        listed = {tool["name"] for tool in wire.ask("tools/list")["result"]["tools"]}

    assert listed | UNLISTED == {tool for tools in TOOLS.values() for tool in tools}


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS)
def test_ten_thousand_lines_kill_no_server(server: str, tmp_path: Path) -> None:
    survive_lines(server, tmp_path, MANY)


@pytest.mark.slow
@pytest.mark.parametrize(("server", "tool"), [(server, tool) for server, tools in TOOLS.items() for tool in tools])
def test_ten_thousand_arguments_crash_no_tool(server: str, tool: str, tmp_path: Path) -> None:
    survive_arguments(server, [tool], tmp_path, MANY)
