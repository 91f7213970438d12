"""What small models really send: every call is understood or refused in a sentence, and no library is invented."""

from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import CallToolResult, TextContent

from understudy_servers.docs.catalog import satisfies
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.ids import LibraryRef, parse, symbol_name
from understudy_servers.docs.server import build_server

Install = Callable[..., Path]


@pytest.fixture
def lamps(install: Install, desk: Desk) -> Desk:
    install("Lamp_Shade", "2.11.3", {"lampshade.py": 'class Lamp:\n    def glow(self):\n        """Give light."""\n'})
    install("lamp", "1.0", {"lamp.py": 'def glow():\n    """Give light."""\n'}, url="https://github.com/acme/lamp")
    return desk


async def call(desk: Desk, tool: str, arguments: dict[str, Any]) -> CallToolResult:
    async with Client(build_server(desk)) as client:
        return await client.call_tool(tool, arguments)


async def calls(desk: Desk, asked: Iterable[tuple[str, dict[str, Any]]]) -> list[CallToolResult]:
    async with Client(build_server(desk)) as client:
        return [await client.call_tool(tool, arguments) for tool, arguments in asked]


def text_of(result: CallToolResult) -> str:
    (block,) = result.content
    assert isinstance(block, TextContent)
    return block.text


LAMP = [
    *("lamp", "LAMP", " lamp ", "`lamp`", '"lamp"', "lamp@1.0", "lamp@v1", "lamp==1.0", "lamp 1.0", "lamp (1.0)"),
    *("lamp@1.x", "lamp@^1.0", "lamp>=0.9,<2", "lamp ~= 1.0", "lamp@latest", "lamp version 1", "lamp@*"),
    *("pypi:lamp", "pip:lamp", "python:lamp", "/pypi/lamp", "/pypi/lamp/1.0", "/acme/lamp", "acme/lamp"),
    *("https://github.com/acme/lamp", "https://pypi.org/project/lamp/", "import lamp", "from lamp import glow"),
    *("lamp library", "the lamp package", "Lamp (Python)", "python lamp", "import lamp as l", "/packages/lamp"),
    *("/acme/lamp/v1.0", ["lamp"], {"name": "lamp", "version": "1.0"}, {"id": "lamp"}),
]
SHADE = ["lamp-shade", "lamp_shade", "Lamp.Shade", "LAMP--SHADE", "lampshade", "lamp shade"]
NONE = [
    *("lamps", "lam", "lamp2", "lamp-extra", "lamp.testing", "lampshades", "/npm/lamp", "npm:lamp", "/websites/lamp"),
    *("crates:lamp", "/other/lamp", "other/lamp", "npm:@acme/lamp@1", "@acme/lamp", "https://github.com/acme/lamps"),
    *("lamp\nlampshade", "lamp,lampshade", "a lamp for my desk", "lamp or lampshade", "lamp;lampshade", "x" * 400),
    *("*", "%", "lamp%", "l?mp", "../lamp", "lamp/../lamp", "true", 123, "null", "https://example.org/lamp"),
]
NO_VERSION = ["lamp@2", "lamp<1", "lamp>1.0", "lamp==1.1", "lamp@1.0.5", "lamp@^2", "/pypi/lamp/2.0", "lamp!=1.0"]


async def test_a_library_is_understood_however_it_is_written(lamps: Desk) -> None:
    wanted = [(one, "/pypi/lamp/1.0") for one in LAMP] + [(one, "/pypi/lamp-shade/2.11.3") for one in SHADE]

    results = await calls(lamps, [("query-docs", {"libraryId": one, "query": "glow"}) for one, _ in wanted])

    found = [
        (one, (result.structured_content or {}).get("library"))
        for (one, _), result in zip(wanted, results, strict=True)
    ]
    assert found == wanted


async def test_no_library_and_no_version_is_invented(lamps: Desk) -> None:
    asked = await calls(lamps, [("query-docs", {"libraryId": one, "query": "glow"}) for one in NONE + NO_VERSION])
    resolved = await calls(lamps, [("resolve-library-id", {"libraryName": one}) for one in NONE])

    assert all(result.is_error for result in asked)
    assert not any("Traceback" in text_of(result) or len(text_of(result)) > 900 for result in asked)
    assert not any((result.structured_content or {}).get("libraries") for result in resolved)


async def test_the_parameters_and_the_tool_have_many_names(lamps: Desk) -> None:
    tools = ["query-docs", "query_docs", "queryDocs", "mcp__understudy-docs__query-docs", "search-docs"]
    keys = ["libraryId", "library_id", "library", "package", "name", "context7CompatibleLibraryID"]
    questions = ["query", "question", "q", "topic", "search_query"]
    combined = list(product(tools, keys, questions))

    results = await calls(lamps, [(tool, {key: "lamp", question: "glow"}) for tool, key, question in combined])

    assert [one for one, result in zip(combined, results, strict=True) if "lamp.glow" not in text_of(result)] == []


@pytest.mark.parametrize(
    "arguments",
    [
        {"arguments": {"libraryId": "lamp", "query": "glow"}},
        {"input": '{"libraryId": "lamp", "query": "glow"}'},
        {"libraryId": "lamp", "query": "glow", "tokens": "2k", "page": "one"},
        {"libraryId": "lamp", "query": "glow", "tokens": -5, "page": 0, "mode": "code", "extra": None},
        {"libraryId": "lamp", "query": ["glow"]},
        {"libraryId": "lamp", "query": "\ud800 glow"},
    ],
)
async def test_wrapped_and_odd_arguments_are_understood(lamps: Desk, arguments: dict[str, Any]) -> None:
    assert "lamp.glow" in text_of(await call(lamps, "query-docs", arguments))


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("query-docs", {}, "libraryId is missing. Write the library's name"),
        ("query-docs", {"query": "how does lamp glow"}, "the question names lamp."),
        ("query-docs", {"query": "x", "libraryId": ""}, "`list-libraries` shows what there is"),
        ("query-docs", {"query": None, "libraryId": None}, "libraryId is missing"),
        ("query-docs", {"libraryId": "x" * 5_000, "query": "y"}, "at most 500"),
        ("resolve-library-id", {}, "names no library"),
        ("resolve-library-id", {"query": "lamp"}, "names no library"),
        ("get-symbol", {}, "name is missing"),
        ("get-symbol", {"name": "()"}, "name is missing"),
        ("get-symbol", {"name": "lamp.glov"}, "Nearest: lamp.glow"),
        ("get-symbol", {"name": "glow", "libraryId": "nosuch"}, "'nosuch' is not indexed"),
        ("get-symbol", {"name": "lamp.glow", "libraryId": "lamp@9"}, "there is 1.0"),
        ("add-docs", {}, "The source is missing"),
        ("add-docs", {"source": "  "}, "The source is missing"),
        ("add-docs", {"source": "/etc"}, "outside the project's folders"),
        ("add-docs", {"source": "https://example.org/"}, "the network, which is off"),
        ("add-docs", {"source": "pypi:lamp"}, "names no version"),
        ("add-docs", {"source": "nothing/here"}, "neither a folder or file here nor an address"),
        ("no-such-tool", {}, "Unknown tool"),
    ],
)
async def test_what_is_missing_or_wrong_is_said_in_a_sentence(
    lamps: Desk, tool: str, arguments: dict[str, Any], words: str
) -> None:
    result = await call(lamps, tool, arguments)

    assert result.is_error
    assert words in text_of(result)
    assert "validation error" not in text_of(result)
    assert len(text_of(result)) < 700


async def test_a_question_without_words_is_about_the_whole(lamps: Desk, install: Install) -> None:
    install("desk-lamp", "1.0", {"desklamp.py": "x = 1\n"}, readme="# Desk lamp\n\nOverview and getting started.\n")

    result = await call(lamps, "query-docs", {"libraryId": "desk-lamp"})

    assert "getting started" in text_of(result)


async def test_a_symbol_is_understood_however_it_is_written(lamps: Desk) -> None:
    names = [
        *("lamp.glow", "glow", "lamp.glow()", "`lamp.glow`", "lamp::glow", "@lamp.glow", "from lamp import glow"),
        *("def glow(watts)", "lamp.glow(watts=3)", "lamp.GLOW", " lamp.glow "),
    ]
    combined = list(product(["name", "symbol", "symbolName", "function", "query"], names))

    results = await calls(lamps, [("get-symbol", {key: name, "library": "lamp"}) for key, name in combined])

    assert [one for one, result in zip(combined, results, strict=True) if "### lamp.glow" not in text_of(result)] == []


async def test_the_filter_of_the_list_has_many_names(lamps: Desk) -> None:
    keys = ("filter", "query", "name", "library", "package", "search")

    results = await calls(lamps, [("list-libraries", {key: "shade"}) for key in keys])

    found = [[one["id"] for one in (result.structured_content or {})["libraries"]] for result in results]
    assert found == [["/pypi/lamp-shade"]] * len(keys)


async def test_a_folder_added_under_the_name_of_a_package_does_not_stand_in_for_it(lamps: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "project" / "docs"
    folder.mkdir()
    (folder / "page.md").write_text("# Glow\n\nPoisoned.\n")

    added = await call(lamps, "add-docs", {"source": str(folder), "libraryId": "lamp"})
    asked = await call(lamps, "query-docs", {"libraryId": "lamp", "query": "glow"})
    local = await call(lamps, "query-docs", {"libraryId": "/local/lamp", "query": "glow"})

    assert not added.is_error
    assert asked.structured_content is not None
    assert asked.structured_content["library"] == "/pypi/lamp/1.0"
    assert "Poisoned." in text_of(local)


async def test_a_source_that_could_not_be_added_leaves_nothing_behind(lamps: Desk, tmp_path: Path) -> None:
    (tmp_path / "project" / "empty").mkdir()

    refused = await call(lamps, "add-docs", {"source": "empty", "libraryId": "vacuum"})
    listed = await call(lamps, "list-libraries", {"filter": "vacuum"})

    assert refused.is_error
    assert "Nothing to index was found" in text_of(refused)
    assert listed.structured_content is not None
    assert listed.structured_content["libraries"] == []


@pytest.mark.parametrize(
    ("number", "wanted", "expected"),
    [
        ("2.11.3", ">=2,<3", True),
        ("2.11.3", "^2.1", True),
        ("2.11.3", "^3", False),
        ("2.11.3", "~2.11", True),
        ("2.11.3", "~2.10", False),
        ("2.11.3", "~=2.1", True),
        ("2.11.3", "~=2.10.1", False),
        ("2.11.3", "<2.12", True),
        ("2.9.0", "<2.12", True),
        ("2.11.3", "!=2.11.3", False),
        ("2.11.3", ">2.11.3", False),
        ("2.11.3", ">=", False),
        ("", ">=1", False),
    ],
)
def test_ranges_mean_what_pip_and_npm_mean(number: str, wanted: str, expected: bool) -> None:
    assert satisfies(number, wanted) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "https://www.npmjs.com/package/@types/node/v/20.1.0",
            LibraryRef(name="@types/node", ecosystem="npm", version="20.1.0"),
        ),
        ("https://crates.io/crates/serde", LibraryRef(name="serde", ecosystem="crates")),
        ("@types/node@^20", LibraryRef(name="@types/node", version="^20")),
        ("npm:react@>=18", LibraryRef(name="react", ecosystem="npm", version=">=18")),
        ("scikit-learn (1.5)", LibraryRef(name="scikit-learn", version="1.5")),
    ],
)
def test_pages_of_registries_and_ranges_name_a_library(text: str, expected: LibraryRef) -> None:
    assert parse(text) == expected


def test_a_symbol_is_taken_out_of_what_is_said_around_it() -> None:
    assert symbol_name("from pydantic.main import BaseModel as B") == "pydantic.main.BaseModel"
    assert symbol_name("class Foo(Bar):\n  pass") == "Foo"
    assert symbol_name("std::vec::Vec") == "std.vec.Vec"
