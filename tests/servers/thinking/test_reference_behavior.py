"""The reference server's own tests (`lib.test.ts` and its successors on the main branch), ported to the public door."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextContent

from understudy_servers.thinking.server import Surface, build_server
from understudy_servers.thinking.shelf import Shelf

ONE = {"thought": "First", "thoughtNumber": 1, "totalThoughts": 3, "nextThoughtNeeded": True}


@pytest.fixture(params=["ours", "compat"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    shelf = Shelf(clock=lambda: 1_000.0, rollover=False)
    server = build_server(shelf, Surface(compat=request.param == "compat"))
    async with Client(server, mode="legacy") as client:
        yield client


async def think(client: Client, **fields: Any) -> dict[str, Any]:
    result = await client.call_tool("sequentialthinking", ONE | fields)
    assert not result.is_error
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def test_accepts_a_valid_basic_thought(client: Client) -> None:
    fields = await think(client)
    assert fields["thoughtNumber"] == 1
    assert fields["totalThoughts"] == 3
    assert fields["nextThoughtNeeded"] is True
    assert fields["thoughtHistoryLength"] == 1


async def test_accepts_a_thought_with_every_optional_field(client: Client) -> None:
    fields = await think(client, isRevision=True, revisesThought=1, needsMoreThoughts=False, thoughtNumber=2)
    assert fields["thoughtNumber"] == 2
    assert fields["thoughtHistoryLength"] == 1


async def test_counts_every_accepted_thought_even_repeats_gaps_and_restarts(client: Client) -> None:
    numbers = [1, 1, 7, 2, 1]
    lengths = [(await think(client, thoughtNumber=number))["thoughtHistoryLength"] for number in numbers]
    assert lengths == [1, 2, 3, 4, 5]


async def test_raises_the_total_to_the_number_and_lets_a_later_call_lower_it_again(client: Client) -> None:
    assert (await think(client, thoughtNumber=5, totalThoughts=3))["totalThoughts"] == 5
    assert (await think(client, thoughtNumber=3, totalThoughts=3))["totalThoughts"] == 3
    assert (await think(client, thoughtNumber=2, totalThoughts=9))["totalThoughts"] == 9
    assert (await think(client, thoughtNumber=2, totalThoughts=4))["totalThoughts"] == 4


async def test_a_single_thought_may_be_the_last(client: Client) -> None:
    fields = await think(client, totalThoughts=1, nextThoughtNeeded=False)
    assert fields["nextThoughtNeeded"] is False
    assert fields["totalThoughts"] == 1


async def test_lists_each_branch_once_in_the_order_first_seen(client: Client) -> None:
    for branch in ("alternative", "b", "alternative"):
        fields = await think(client, branchFromThought=1, branchId=branch)
    assert fields["branches"] == ["alternative", "b"]
    assert fields["thoughtHistoryLength"] == 3


@pytest.mark.parametrize(
    "half", [{"branchId": "a"}, {"branchFromThought": 1}, {"branchFromThought": 1, "branchId": ""}]
)
async def test_half_a_branch_is_no_branch(client: Client, half: dict[str, Any]) -> None:
    assert (await think(client, **half))["branches"] == []


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "toString", "hasOwnProperty", "two words", "über", "a/b#c?"]
)
async def test_any_name_is_an_ordinary_branch(client: Client, name: str) -> None:
    await think(client, branchFromThought=1, branchId="plain")
    fields = await think(client, branchFromThought=1, branchId=name)
    assert fields["branches"] == ["plain", name]
    assert fields["thoughtHistoryLength"] == 2


async def test_targets_of_revisions_and_branches_need_not_exist(client: Client) -> None:
    assert (await think(client, isRevision=True, revisesThought=42))["thoughtHistoryLength"] == 1
    assert (await think(client, branchFromThought=42, branchId="x"))["branches"] == ["x"]


async def test_a_revision_may_be_half_said_and_more_thoughts_may_be_asked_for(client: Client) -> None:
    await think(client, isRevision=True)
    await think(client, revisesThought=1)
    fields = await think(client, needsMoreThoughts=True)
    assert fields["totalThoughts"] == 3
    assert fields["thoughtHistoryLength"] == 3


async def test_the_text_is_the_structured_content_as_json(client: Client) -> None:
    result = await client.call_tool("sequentialthinking", ONE)
    assert isinstance(result.content[0], TextContent)
    assert json.loads(result.content[0].text) == result.structured_content


async def test_long_odd_and_empty_thoughts_are_accepted(client: Client) -> None:
    for thought in ("", "x" * 100_000, "line\nline", "\u0000\u001b[31m", "思考🙂"):
        assert (await think(client, thought=thought))["thoughtNumber"] == 1


async def test_unknown_arguments_are_ignored(client: Client) -> None:
    assert (await think(client, extra={"a": 1}))["thoughtHistoryLength"] == 1


async def test_a_refused_call_leaves_the_history_as_it_was(client: Client) -> None:
    await think(client)
    refused = await client.call_tool(
        "sequentialthinking", {"thoughtNumber": 2, "branchFromThought": 1, "branchId": "b"}
    )
    assert refused.is_error
    assert refused.structured_content is None
    fields = await think(client)
    assert fields["thoughtHistoryLength"] == 2
    assert fields["branches"] == []


async def test_two_servers_share_nothing() -> None:
    for _ in range(2):
        async with Client(build_server(), mode="legacy") as client:
            assert (await think(client))["thoughtHistoryLength"] == 1


async def test_compat_gives_exactly_the_five_keys_pretty_printed() -> None:
    async with Client(build_server(surface=Surface(compat=True)), mode="legacy") as client:
        result = await client.call_tool("sequentialthinking", ONE)
        assert isinstance(result.content[0], TextContent)
        assert result.content[0].text == (
            '{\n  "thoughtNumber": 1,\n  "totalThoughts": 3,\n  "nextThoughtNeeded": true,\n  "branches": [],\n'
            '  "thoughtHistoryLength": 1\n}'
        )
        (tool,) = (await client.list_tools()).tools
        assert tool.description is not None
        assert len(tool.description) == 2_781
        refused = await client.call_tool("sequentialthinking", ONE | {"nextThoughtNeeded": "yes", "thoughtNumber": 0})
        assert isinstance(refused.content[0], TextContent)
        assert refused.content[0].text == (
            "MCP error -32602: Input validation error: Invalid arguments for tool sequentialthinking: "
            'Expected boolean or "true"/"false" string, received "yes" at nextThoughtNeeded\n'
            "Too small: expected number to be >=1 at thoughtNumber"
        )
