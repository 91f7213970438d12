"""The docs server through an MCP client: formats, names, caps, refusals."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.server import build_server
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.words import count_tokens

Install = Callable[..., Path]

SHELF = '''
"""Shelves for things."""


class Shelf:
    """A board that holds things.

    Use it when things need a place.
    """

    def put(self, thing: str, *, at: int = 0) -> None:
        """Put a thing on the shelf at a position counted from the left."""


def build_shelf(boards: int = 3) -> Shelf:
    """Build a shelf of several boards."""
'''


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


async def call(desk: Desk, tool: str, **arguments: Any) -> CallToolResult:
    async with Client(build_server(desk)) as client:
        return await client.call_tool(tool, arguments)


@pytest.fixture
def shelves(install: Install, desk: Desk) -> Desk:
    files = {"shelves/__init__.py": "from shelves._boards import *\n", "shelves/_boards.py": SHELF}
    install("shelves", "1.2.3", files, readme="# Shelves\n\nBoards for walls.\n", url="https://github.com/acme/shelves")
    return desk


async def test_an_installed_library_is_found_in_the_format_of_context7(shelves: Desk) -> None:
    result = await call(shelves, "resolve-library-id", libraryName="Shelves", query="how to build one")

    assert text_of(result) == (
        "Available Libraries:\n\n- Title: shelves\n- Context7-compatible library ID: /pypi/shelves\n"
        "- Description: About shelves\n- Source Reputation: High\n- Versions: 1.2.3\n- Source: installed"
    )
    assert result.structured_content is not None
    assert result.structured_content["libraries"][0]["versions"] == ["1.2.3"]


@pytest.mark.parametrize(
    "library",
    [
        "shelves",
        "shelves==1.2.3",
        "shelves@1.2",
        "pypi:shelves",
        "/pypi/shelves/1.2.3",
        "/acme/shelves",
        "/packages/shelves",
    ],
)
async def test_every_way_to_name_a_library_reaches_its_documentation(shelves: Desk, library: str) -> None:
    result = await call(shelves, "query-docs", libraryId=library, query="how do I build one")

    assert not result.is_error
    assert result.structured_content is not None
    assert result.structured_content["version"] == "1.2.3"
    assert result.structured_content["snippets"][0]["title"] == "shelves.build_shelf"
    assert "### shelves.build_shelf\n\nSource: shelves/_boards.py:15\n\n" in text_of(result)


@pytest.mark.parametrize("key", ["context7CompatibleLibraryID", "libraryID", "libraryName"])
async def test_the_parameter_names_of_other_context7_versions_are_understood(shelves: Desk, key: str) -> None:
    result = await call(shelves, "query-docs", **{key: "shelves", "question": "put a thing"})

    assert "shelves.Shelf.put" in text_of(result)


async def test_the_tool_of_context7_1_is_callable_but_not_listed(shelves: Desk) -> None:
    async with Client(build_server(shelves)) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        result = await client.call_tool(
            "get-library-docs", {"context7CompatibleLibraryID": "/pypi/shelves", "topic": "put", "tokens": 10000}
        )

    assert "get-library-docs" not in listed
    assert "shelves.Shelf.put" in text_of(result)


async def test_an_unknown_library_is_refused_with_the_nearest_name(shelves: Desk) -> None:
    found = await call(shelves, "resolve-library-id", libraryName="shelfes", query="x")
    asked = await call(shelves, "query-docs", libraryId="shelfes", query="x")

    assert text_of(found).startswith(
        "No libraries found matching the provided name. 'shelfes' is not indexed; nearest: shelves."
    )
    assert asked.is_error
    assert "nearest: shelves. Add it with add-docs" in text_of(asked)


async def test_an_unknown_version_is_refused_with_those_there_are(shelves: Desk) -> None:
    result = await call(shelves, "query-docs", libraryId="shelves@9", query="x")

    assert result.is_error
    assert "shelves 9 is not indexed; there is 1.2.3." in text_of(result)


async def test_a_folder_of_markdown_becomes_a_library(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "zorb").mkdir()
    (tmp_path / "zorb" / "guide.md").write_text("# Zorb\n\n## Spin it\n\nCall `spin(angle)`.\n")
    desk.added.append(folder_source(tmp_path / "zorb"))

    result = await call(desk, "query-docs", libraryId="zorb", query="how do I spin it")

    assert result.structured_content is not None
    assert result.structured_content["snippets"] == [
        {"title": "Zorb > Spin it", "text": "Call `spin(angle)`.", "source": "guide.md#spin-it", "warning": ""}
    ]


async def test_a_changed_folder_is_read_again(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_servers.docs.desk.FRESH_SECONDS", 0.0)
    (tmp_path / "zorb.md").write_text("# Zorb\n\nOld words.\n")
    desk.added.append(folder_source(tmp_path / "zorb.md"))
    before = await call(desk, "query-docs", libraryId="zorb", query="words")
    (tmp_path / "zorb.md").write_text("# Zorb\n\nEntirely new words.\n")

    after = await call(desk, "query-docs", libraryId="zorb", query="words")

    assert "Old words" in text_of(before)
    assert "Entirely new words" in text_of(after)


@pytest.mark.parametrize("tokens", [200, 350, 500, 2000])
async def test_no_reply_is_larger_than_asked_for(desk: Desk, tmp_path: Path, tokens: int) -> None:
    words, code = "word another thing " * 150, "call(x)\n" * 80
    pages = "\n".join(f"# Topic {n}\n\n{words}\n\n```python\n{code}```\n" for n in range(20))
    (tmp_path / "big.md").write_text(pages)
    desk.added.append(folder_source(tmp_path / "big.md"))

    result = await call(desk, "query-docs", libraryId="big", query="topic word thing call", tokens=tokens)

    assert count_tokens(text_of(result)) <= tokens
    assert count_tokens(json.dumps(result.structured_content, ensure_ascii=False)) <= tokens
    assert result.structured_content is not None
    assert result.structured_content["snippets"]
    assert all(snippet["text"].count("```") % 2 == 0 for snippet in result.structured_content["snippets"])


async def test_the_next_page_begins_where_the_last_ended(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "many.md").write_text("\n".join(f"# Item {n}\n\nWords about thing number {n}.\n" for n in range(12)))
    desk.added.append(folder_source(tmp_path / "many.md"))
    folder = tmp_path / "pages"
    folder.mkdir()
    for number in range(12):
        (folder / f"p{number}.md").write_text(f"# Item {number}\n\nWords about thing number {number}.\n")
    desk.added.append(folder_source(folder))

    replies = [
        await call(desk, "query-docs", libraryId="pages", query="words about a thing", page=n) for n in (1, 2, 3, 4)
    ]

    titles = [
        one["title"] for reply in replies if reply.structured_content for one in reply.structured_content["snippets"]
    ]
    assert len(titles) == 12
    assert len(set(titles)) == 12
    assert text_of(replies[-1]).startswith("pages: nothing more matches this query.")


async def test_snippets_stand_between_marks_that_their_author_cannot_know(shelves: Desk) -> None:
    result = await call(shelves, "query-docs", libraryId="shelves", query="shelf")
    again = await call(shelves, "query-docs", libraryId="shelves", query="shelf")

    mark = text_of(result).splitlines()[3]
    assert mark.startswith("[doc ")
    assert text_of(result).endswith(mark)
    assert text_of(result) == text_of(again)


async def test_definitions_are_short(desk: Desk) -> None:
    async with Client(build_server(desk)) as client:
        tools = (await client.list_tools()).tools

    wire = json.dumps([tool.model_dump(by_alias=True, exclude_none=True, mode="json") for tool in tools])
    assert len(wire) / 4 <= 900
    assert all(tool.annotations and tool.annotations.read_only_hint is not None for tool in tools)
