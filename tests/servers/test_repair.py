"""Repair of tool calls, for any tool: what fits passes untouched, what does not is read, nothing is invented."""

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import Client
from mcp.server.mcpserver import MCPServer

from understudy_servers.repair import Shape, Spelling, folded, meant, repair, repairing

SCHEMA = {
    "type": "object",
    "properties": {
        "query": {"type": "string"},
        "pageNumber": {"type": "integer"},
        "ratio": {"type": "number"},
        "exact": {"type": "boolean"},
        "names": {"type": "array", "items": {"type": "string"}},
        "files": {"type": "object", "additionalProperties": {"type": "string"}},
        "mode": {"anyOf": [{"enum": ["code", "info"], "type": "string"}, {"type": "null"}]},
        "either": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
    },
    "required": ["query"],
}
SPELLING = Spelling(
    main="query",
    names=("search",),
    aliases={"q": ["query"], "text": ["query"], "page": ["pageNumber"], "at": ["pageNumber", "mode"]},
    opposites={"fuzzy": "exact"},
    counted=("pageNumber",),
)
SHAPE = Shape("find_it", SCHEMA, SPELLING)

NOTHING = ("", "null", "none", "undefined")
text = st.text(max_size=12).filter(lambda value: value.casefold() not in NOTHING)
# A query that begins like an object may be a pasted call; everything else is a query.
query = st.text(max_size=30).filter(lambda value: value.lstrip()[:1] != "{")
well_formed = st.fixed_dictionaries(
    {"query": query},
    optional={
        "pageNumber": st.integers(min_value=1),
        "ratio": st.floats(allow_nan=False, allow_infinity=False),
        "exact": st.booleans(),
        "names": st.lists(text, max_size=3),
        "files": st.dictionaries(text, st.text(max_size=5), max_size=3),
        "mode": st.sampled_from(["code", "info"]),
        "either": st.one_of(text, st.integers()),
    },
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "query Query q text page page_number PAGE-NUMBER at fuzzy exact names files mode input arguments name other find_it"
    " ratio either"
)
keys = st.sampled_from(KEYS.split())
anything = st.one_of(json_values, st.dictionaries(keys, json_values, max_size=5), well_formed)


@given(well_formed)
def test_a_well_formed_call_passes_unchanged(call: dict[str, Any]) -> None:
    before = json.dumps(call)
    assert repair(SHAPE, call) == call
    assert json.dumps(call) == before


@given(anything)
def test_any_arguments_become_an_object_and_repairing_again_changes_nothing(sent: Any) -> None:
    once = repair(SHAPE, sent)
    assert repair(SHAPE, once) == once


@given(well_formed, st.dictionaries(keys, json_values, max_size=4))
def test_an_alias_never_overrides_an_exact_key(call: dict[str, Any], extra: dict[str, Any]) -> None:
    others = {key: value for key, value in extra.items() if key not in SHAPE.kinds}
    repaired = repair(SHAPE, others | call)
    assert {key: repaired[key] for key in call} == call


@given(well_formed, st.sampled_from(["input", "arguments", "params", "find_it"]))
def test_a_wrapped_call_is_the_call(call: dict[str, Any], wrapper: str) -> None:
    assert repair(SHAPE, {wrapper: call}) == call
    assert repair(SHAPE, {wrapper: json.dumps(call)}) == call
    assert repair(SHAPE, json.dumps(call)) == call
    assert repair(SHAPE, [call]) == call


@given(st.text(max_size=200))
def test_reading_never_fails_on_any_text(text: str) -> None:
    for key in SHAPE.kinds:
        repair(SHAPE, {key: text})
    repair(SHAPE, text)


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        pytest.param({"q": "a", "page": "5,000"}, {"query": "a", "pageNumber": 5000}, id="grouped digits"),
        pytest.param({"q": "a", "page": "10k"}, {"query": "a", "pageNumber": 10_000}, id="thousands"),
        pytest.param({"query": "a", "pageNumber": "5000 tokens"}, {"query": "a", "pageNumber": 5000}, id="a unit"),
        pytest.param({"query": "a", "fuzzy": "no"}, {"query": "a", "exact": True}, id="an opposite"),
        pytest.param({"query": "a", "mode": "CODE"}, {"query": "a", "mode": "code"}, id="a choice in another case"),
        pytest.param({"query": "a", "names": "b"}, {"query": "a", "names": ["b"]}, id="one for a list"),
        pytest.param({"query": "a", "names": '["b", "c"]'}, {"query": "a", "names": ["b", "c"]}, id="a list as text"),
        pytest.param(
            {"query": "a", "files": [{"path": "x.py", "content": "1"}]},
            {"query": "a", "files": {"x.py": "1"}},
            id="files as a list",
        ),
        pytest.param({"query": "a", "files": '{"x": "1"}'}, {"query": "a", "files": {"x": "1"}}, id="files as text"),
        pytest.param({"query": "a", "ratio": "25%"}, {"query": "a", "ratio": 0.25}, id="per cent"),
        pytest.param({"query": None, "q": "a"}, {"query": "a"}, id="an alias for a null"),
        pytest.param({"query": "a", "q": "b"}, {"query": "a", "q": "b"}, id="an alias beside its key"),
        pytest.param({"query": "a", "at": "code"}, {"query": "a", "mode": "code"}, id="the alias that can be read"),
        pytest.param({"query": "a", "at": "4"}, {"query": "a", "pageNumber": 4}, id="the first that can be read"),
        pytest.param({"query": "a", "pageNumber": "soon"}, {"query": "a", "pageNumber": "soon"}, id="unreadable"),
        pytest.param({"query": "a", "other": 1}, {"query": "a", "other": 1}, id="unknown keys stay"),
        pytest.param({"query": "", "exact": "null"}, {"query": ""}, id="an empty main field is something"),
        pytest.param({"query": '{"a": 1}'}, {"query": '{"a": 1}'}, id="JSON that is no call"),
    ],
)
def test_what_was_sent_is_what_was_meant(sent: Any, meant: dict[str, Any]) -> None:
    assert repair(SHAPE, sent) == meant


def test_deeply_nested_text_is_left_alone() -> None:
    assert repair(SHAPE, {"query": "[" * 100_000}) == {"query": "[" * 100_000}
    assert repair(SHAPE, "{" * 100_000) == {"query": "{" * 100_000}
    assert repair(SHAPE, '{"input": ' * 900 + '"x"' + "}" * 900) == {"query": "x"}
    assert repair(SHAPE, '{"query": ' * 900 + '"x"' + "}" * 900) == {"query": "x"}
    assert repair(SHAPE, '{"query": ' + "[" * 900 + "]" * 900 + "}") == {"query": "…"}
    assert repair(SHAPE, '{"pageNumber": ' + "[" * 900 + "3" + "]" * 900 + "}") == {"pageNumber": 3}


def test_a_tool_is_found_by_any_spelling_but_only_when_it_is_the_only_one() -> None:
    shapes = {name: Shape(name, SCHEMA, Spelling(names=["look"])) for name in ("find_it", "find_all")}
    assert meant("findIt", shapes) is shapes["find_it"]
    assert meant("mcp__docs__find-all", shapes) is shapes["find_all"]
    assert meant("look", shapes) is None
    assert meant(None, shapes) is None
    assert folded("Find-It ") == "findit"


async def test_a_server_behind_the_middleware_takes_a_misspelled_call() -> None:
    server = MCPServer("demo")

    @server.tool()
    def count_letters(word: str, letter: str = "e", times: int = 1) -> int:
        """Count a letter."""
        return word.count(letter) * times

    spelling = Spelling(main="word", aliases={"character": ["letter"]})
    server.middleware.append(repairing(server.list_tools, {"count_letters": spelling}))
    async with Client(server, mode="legacy") as client:
        result = await client.call_tool("count-letters", {"params": {"Word": "eel", "character": "e", "times": "two"}})
        assert result.structured_content == {"result": 4}
        unknown = await client.call_tool("other", {})
        assert unknown.is_error


def test_a_schema_reads_as_plain_types() -> None:
    kinds: Sequence[str] = [SHAPE.kinds["mode"], SHAPE.kinds["either"], SHAPE.kinds["files"]]
    assert kinds == ["string", "any", "object"]
    assert SHAPE.choices["mode"] == ["code", "info"]
