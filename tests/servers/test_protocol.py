"""What every server promises on the wire, whoever the client is."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.servers.wire import SERVERS, connected

TOKENS = {"thinking": 400, "docs": 900, "testing": 400, "all": 1700}
EXPLODING = {"anyOf", "oneOf", "allOf", "minimum", "maximum", "exclusiveMinimum", "minLength", "maxLength", "pattern"}


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value) | {key for item in value.values() for key in keys(item)}
    if isinstance(value, list):
        return {key for item in value for key in keys(item)}
    return set()


@pytest.mark.parametrize("server", SERVERS)
def test_the_oldest_handshake_is_answered_and_a_closed_pipe_ends_the_server(server: str, tmp_path: Path) -> None:
    with connected(server, tmp_path) as wire:
        answer = wire.shake("2024-11-05")
        assert answer["result"]["protocolVersion"] == "2024-11-05"
        assert "error" not in wire.ask("ping")

    assert wire.process.returncode == 0


@pytest.mark.parametrize("server", ["thinking", "all"])
@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_every_dated_revision_is_spoken(server: str, version: str, tmp_path: Path) -> None:
    with connected(server, tmp_path) as wire:
        assert wire.shake(version)["result"]["protocolVersion"] == version


@pytest.mark.parametrize("server", SERVERS)
def test_definitions_are_short_plain_annotated_and_unique(server: str, tmp_path: Path) -> None:
    with connected(server, tmp_path) as wire:
        wire.shake()
        tools = wire.ask("tools/list")["result"]["tools"]

    shown = [{key: tool[key] for key in ("name", "description", "inputSchema")} for tool in tools]
    assert len(json.dumps(shown, separators=(",", ":"))) / 4 <= TOKENS[server]
    names = [tool["name"] for tool in tools]
    assert len(names) == len(set(names))
    for tool in tools:
        assert tool["annotations"]["readOnlyHint"] in (True, False)
        assert tool["description"]
        assert not keys(tool["inputSchema"]) & EXPLODING
        assert len(f"mcp__understudy-{server}__{tool['name']}") <= 64


def test_all_offers_what_the_three_offer(tmp_path: Path) -> None:
    names = {}
    for server in SERVERS:
        with connected(server, tmp_path) as wire:
            wire.shake()
            names[server] = {tool["name"] for tool in wire.ask("tools/list")["result"]["tools"]}
            resources = wire.ask("resources/list")
            assert "result" in resources

    assert names["all"] == names["thinking"] | names["docs"] | names["testing"]


def test_all_dispatches_each_call_to_the_server_that_has_the_tool(tmp_path: Path) -> None:
    with connected("all", tmp_path) as wire:
        wire.shake()
        thought = wire.ask("tools/call", {"name": "sequentialthinking", "arguments": {"content": "look", "next": "no"}})
        status = wire.ask("tools/call", {"name": "test_status", "arguments": {}})
        missing = wire.ask("tools/call", {"name": "query-docs", "arguments": {"libraryId": "no-such", "query": "x"}})
        unknown = wire.ask("tools/call", {"name": "rm -rf", "arguments": {}})
        hidden = wire.ask("tools/call", {"name": "get-library-docs", "arguments": {"topic": "x"}})
        current = wire.ask("resources/read", {"uri": "thinking://current"})

    assert thought["result"]["structuredContent"]["thoughtNumber"] == 1
    assert "result" in status
    assert missing["result"]["isError"]
    assert "no-such" in missing["result"]["content"][0]["text"]
    assert unknown["result"]["isError"]
    assert hidden["result"]["isError"]
    assert "look" in current["result"]["contents"][0]["text"]


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_that_cannot_find_a_prompt_or_resource_says_so_in_the_protocol(server: str, tmp_path: Path) -> None:
    with connected(server, tmp_path) as wire:
        wire.shake()
        resource = wire.ask("resources/read", {"uri": "nowhere://at/all"})
        prompt = wire.ask("prompts/get", {"name": "no such prompt"})

    assert "error" in resource
    assert "error" in prompt


# What the function-calling interfaces of OpenAI, Anthropic and Google all take; more is refused or dropped.
UNDERSTOOD = {"type", "description", "properties", "required", "items", "enum", "default", "additionalProperties"}
CALLS = {
    "sequentialthinking": {"thought": "one", "nextThoughtNeeded": False},
    "resolve-library-id": {"libraryName": "no such library"},
    "list-libraries": {},
}


def keywords(schema: dict[str, Any]) -> set[str]:
    """The keywords of a schema, and of the schemas inside it; names of properties are no keywords."""
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return set(schema).union(*(keywords(one) for one in inner if isinstance(one, dict)))


def test_strict_validators_accept_every_definition_and_what_it_returns(tmp_path: Path) -> None:
    with connected("all", tmp_path) as wire:
        wire.shake("2025-11-25")
        tools = wire.ask("tools/list")["result"]["tools"]
        answers = {name: wire.ask("tools/call", {"name": name, "arguments": CALLS[name]})["result"] for name in CALLS}

    for tool in tools:
        assert re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", tool["name"])
        schema = tool["inputSchema"]
        assert schema["type"] == "object"
        assert keywords(schema) <= UNDERSTOOD
        assert set(schema.get("required", ())) <= set(schema["properties"])
        assert all(re.fullmatch(r"[a-zA-Z0-9_]{1,64}", name) for name in schema["properties"])
        for written in (schema, tool.get("outputSchema", {})):
            Draft202012Validator.check_schema(written)

    described = {tool["name"]: tool["outputSchema"] for tool in tools if "outputSchema" in tool}
    for name, answer in answers.items():
        Draft202012Validator(described[name]).validate(answer["structuredContent"])
