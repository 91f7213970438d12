"""The MCP surface: a short definition, replies that stand alone, resources, prompts, completions."""

import json
from typing import Any

import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from mcp.types import PromptReference, ResourceTemplateReference, TextContent, TextResourceContents

from understudy_servers.thinking.server import Surface, build_server
from understudy_servers.thinking.shelf import Shelf
from understudy_servers.thinking.store import Store
from understudy_servers.thinking.tool import DESCRIPTION, INPUT_SCHEMA

MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


async def think(client: Client, thought: str, **fields: Any) -> dict[str, Any]:
    result = await client.call_tool("sequentialthinking", {"thought": thought, **fields})
    assert not result.is_error
    assert isinstance(result.content[0], TextContent)
    assert json.loads(result.content[0].text) == result.structured_content
    assert isinstance(result.structured_content, dict)
    return result.structured_content


async def read(client: Client, uri: str) -> str:
    (contents,) = (await client.read_resource(uri)).contents
    assert isinstance(contents, TextResourceContents)
    return contents.text


def types_in(schema: Any) -> set[str]:
    """Every keyword and every type in a schema."""
    if isinstance(schema, dict):
        found = {
            key for key in schema if key in ("anyOf", "oneOf", "allOf", "pattern", "minimum", "maximum", "maxLength")
        }
        found |= {"union"} if isinstance(schema.get("type"), list) else set()
        return found.union(*(types_in(value) for value in schema.values()))
    return set()


@MODES
async def test_one_short_plainly_typed_tool_is_listed(mode: Any) -> None:
    async with Client(build_server(), mode=mode) as client:
        (tool,) = (await client.list_tools()).tools
    assert tool.name == "sequentialthinking"
    definition = json.dumps(tool.model_dump(by_alias=True, exclude_none=True, mode="json"), separators=(",", ":"))
    assert len(definition) / 4 <= 400
    assert len(DESCRIPTION) <= 1_024
    assert tool.input_schema["required"] == ["thought"]
    assert next(iter(tool.input_schema["properties"])) == "thought"
    assert types_in(tool.input_schema) == set()
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is True
    assert tool.annotations.idempotent_hint is False


async def test_with_a_store_the_tool_says_that_it_writes(tmp_path: Any) -> None:
    shelf = Shelf(clock=lambda: 1.0, store=Store(tmp_path).prepare())
    async with Client(build_server(shelf), mode="legacy") as client:
        (tool,) = (await client.list_tools()).tools
        await think(client, "Given 3 eggs.")
    assert tool.annotations is not None
    assert tool.annotations.read_only_hint is False
    assert len(list(tmp_path.iterdir())) == 1


@MODES
async def test_a_healthy_reply_is_at_most_sixty_tokens(mode: Any) -> None:
    async with Client(build_server(), mode=mode) as client:
        for number in range(1, 5):
            fields = await think(client, f"Item {number}{number} of the list.", totalThoughts=9)
            assert list(fields) == [
                "thoughtNumber",
                "totalThoughts",
                "nextThoughtNeeded",
                "branches",
                "thoughtHistoryLength",
                "next",
            ]
            assert len(json.dumps(fields, separators=(",", ":"))) / 4 <= 60


async def test_a_hint_has_words_for_the_model_and_a_kind_for_programs() -> None:
    async with Client(build_server(), mode="legacy") as client:
        await think(client, "Given 3 eggs.")
        fields = await think(client, "Given 3 eggs!")
    assert fields["hintKind"] == "repeat"
    assert fields["hint"] == "Same as thought 1. Do not restate it: do the next part, or finish."


async def test_without_advice_only_the_five_fields_come_back() -> None:
    async with Client(build_server(surface=Surface(advise=False)), mode="legacy") as client:
        assert len(await think(client, "Given 3 eggs.")) == 5


async def test_lite_lists_the_thought_alone_and_still_takes_every_argument() -> None:
    async with Client(build_server(surface=Surface(lite=True)), mode="legacy") as client:
        (tool,) = (await client.list_tools()).tools
        assert list(tool.input_schema["properties"]) == ["thought"]
        definition = json.dumps(tool.model_dump(by_alias=True, exclude_none=True, mode="json"), separators=(",", ":"))
        assert len(definition) / 4 <= 300
        assert (await think(client, "Given 3 eggs.", thought_number="2/7"))["totalThoughts"] == 7


async def test_a_thought_that_cannot_be_stored_is_refused_in_words_and_not_counted(tmp_path: Any) -> None:
    store = Store(tmp_path).prepare()
    store.path("s").symlink_to(tmp_path / "elsewhere")
    async with Client(build_server(Shelf(clock=lambda: 1.0, store=store)), mode="legacy") as client:
        result = await client.call_tool("sequentialthinking", {"thought": "Given 3 eggs.", "sessionId": "s"})
        assert result.is_error
        assert isinstance(result.content[0], TextContent)
        assert "so it was not kept" in result.content[0].text
        store.path("s").unlink()
        assert (await think(client, "Given 3 eggs.", sessionId="s"))["thoughtHistoryLength"] == 1


async def test_each_thought_is_one_short_line_of_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    for compat in (False, True):
        async with Client(build_server(surface=Surface(log=True, compat=compat)), mode="legacy") as client:
            fields = {"thoughtNumber": 1, "totalThoughts": 3, "nextThoughtNeeded": True}
            result = await client.call_tool("sequentialthinking", {"thought": "a\nb " * 10_000, **fields})
            assert not result.is_error
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith("1/3 a b a b")
        assert len(line) == 200


async def test_a_megabyte_is_stored_and_read_back() -> None:
    text = "x" * 1_000_000
    async with Client(build_server(), mode="legacy") as client:
        fields = await think(client, text, sessionId="big")
        assert fields["hintKind"] == "long"
        assert text in await read(client, "thinking://session/big")


@MODES
async def test_resources_show_the_session_in_three_ways(mode: Any) -> None:
    async with Client(build_server(), mode=mode) as client:
        assert "No thoughts yet." in await read(client, "thinking://current")
        await think(client, "Given 3 eggs.", sessionId="my chain")
        await think(client, 'So "12" | [x]', sessionId="my chain", branchFromThought=1, branchId="b")
        listed = [str(resource.uri) for resource in (await client.list_resources()).resources]
        assert listed == ["thinking://current", "thinking://sessions", "thinking://session/my%20chain"]
        assert "## 2/3, branch b from 1" in await read(client, "thinking://current")
        assert json.loads(await read(client, "thinking://sessions")) == [
            {"sessionId": "my chain", "thoughts": 2, "branches": ["b"], "ended": False}
        ]
        assert "Given 3 eggs." in await read(client, "thinking://session/my%20chain")
        exported = json.loads(await read(client, "thinking://session/my%20chain.json"))
        assert [thought["thoughtNumber"] for thought in exported["thoughts"]] == [1, 2]
        drawing = await read(client, "thinking://session/my%20chain.mermaid")
        assert 't1["2: So #quot;12#quot; #124; #91;x#93;"]' in drawing
        assert "t0 --> |b| t1" in drawing
        templates = (await client.list_resource_templates()).resource_templates
        assert [template.uri_template for template in templates] == [
            "thinking://session/{id}",
            "thinking://session/{id}.json",
            "thinking://session/{id}.mermaid",
        ]
        for uri in ("thinking://session/none", "thinking://other"):
            with pytest.raises(MCPError, match="Read thinking://sessions"):
                await read(client, uri)


@MODES
async def test_prompts_carry_the_problem_and_the_session(mode: Any) -> None:
    async with Client(build_server(), mode=mode) as client:
        await think(client, "Given 3\neggs.", sessionId="s")
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["think", "compare", "resume"]

        async def prompted(name: str, **arguments: str) -> str:
            (message,) = (await client.get_prompt(name, arguments)).messages
            assert isinstance(message.content, TextContent)
            return message.content.text

        assert (await prompted("think", problem="How many eggs?")).startswith("How many eggs?\n\nWork it out")
        assert "3 different ways, named A to C" in await prompted("compare", problem="Which?", ways="3")
        assert "1. Given 3 eggs.\n\nGo on from thought 2." in await prompted("resume", session="s")
        for name, arguments, reason in [
            ("think", {}, "needs the argument 'problem'"),
            ("compare", {"problem": "?", "ways": "9"}, "ways='9' is not a number from 2 to 5"),
            ("resume", {"session": "none"}, "No session 'none'"),
            ("other", {}, "There are: think, compare, resume"),
        ]:
            with pytest.raises(MCPError, match=reason):
                await client.get_prompt(name, arguments)


async def test_arguments_are_completed(tmp_path: Any) -> None:
    store = Store(tmp_path).prepare()
    async with Client(build_server(Shelf(clock=lambda: 1.0, store=store)), mode="legacy") as client:
        await think(client, "Given 3 eggs.", sessionId="stored-before")
    async with Client(build_server(Shelf(clock=lambda: 2.0, store=store)), mode="legacy") as client:
        await think(client, "Given 3 eggs.", sessionId="started-now")

        async def completed(ref: Any, name: str, value: str) -> list[str]:
            return (await client.complete(ref, {"name": name, "value": value})).completion.values

        resume = PromptReference(type="ref/prompt", name="resume")
        session = ResourceTemplateReference(type="ref/resource", uri="thinking://session/{id}")
        assert await completed(resume, "session", "st") == ["started-now", "stored-before"]
        assert await completed(session, "id", "st") == ["started-now"]
        assert await completed(PromptReference(type="ref/prompt", name="compare"), "ways", "") == ["2", "3", "4", "5"]
        assert await completed(resume, "other", "") == []


def test_every_argument_of_the_reference_is_an_argument_here() -> None:
    reference = (
        "thought nextThoughtNeeded thoughtNumber totalThoughts isRevision revisesThought branchFromThought branchId"
    )
    assert [*reference.split(), "needsMoreThoughts", "sessionId"] == list(INPUT_SCHEMA["properties"])
