"""Malformed calls are rescued, calls that are only talked about are not, and no argument is ever invented."""

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.scaffolds.rescue_corpus import LOST, MEANT, TALK, UNREAD, R, Shape
from tests.scaffolds.rescue_tools import TOOLS

from understudy.call_arguments import match_tool
from understudy.loose_json import Unreadable, loads, read
from understudy.problem import Tool, ToolCall
from understudy.rescue import mended_call, rescue, structure


def said(shape: Shape) -> tuple[tuple[str, Any], ...] | None:
    rescued = rescue(shape.text, shape.tools, calls=shape.calls, complete=shape.complete)
    return None if rescued is None else tuple((call.name, json.loads(call.arguments)) for call in rescued.calls)


@pytest.mark.parametrize("shape", UNREAD, ids=lambda shape: shape.name)
def test_what_is_not_read_is_not_misread(shape: Shape) -> None:
    assert not said(shape)


@pytest.mark.parametrize("shape", MEANT, ids=lambda shape: shape.name)
def test_a_malformed_call_is_rescued(shape: Shape) -> None:
    assert said(shape) == shape.expected


@pytest.mark.parametrize("shape", LOST, ids=lambda shape: shape.name)
def test_a_call_that_cannot_be_known_for_sure_is_not_made(shape: Shape) -> None:
    assert not said(shape)


@pytest.mark.parametrize("shape", TALK, ids=lambda shape: shape.name)
def test_what_is_no_call_is_not_made_one(shape: Shape) -> None:
    assert not said(shape)


def test_the_corpus_is_as_large_as_it_says_and_names_are_unique() -> None:
    assert len(MEANT) >= 800
    assert len(TALK) >= 170
    assert len(UNREAD) < 0.02 * len(MEANT)
    names = [shape.name for shape in (*MEANT, *LOST, *TALK, *UNREAD)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("shape", [s for s in MEANT if s.text], ids=lambda shape: shape.name)
def test_a_rescued_call_leaves_no_markup_in_the_text(shape: Shape) -> None:
    rescued = rescue(shape.text, shape.tools)
    assert rescued is not None
    assert not any(sign in rescued.text for sign in "<>{}[]`")


@pytest.mark.parametrize("shape", [s for s in MEANT if s.text], ids=lambda shape: shape.name)
def test_a_call_cut_off_anywhere_is_rescued_whole_or_not_at_all(shape: Shape) -> None:
    """Cut by the token limit after every character: whatever is taken must be one of the calls that were meant."""
    for end in range(0, len(shape.text), 2):
        rescued = rescue(shape.text[:end], shape.tools, complete=False)
        for call in rescued.calls if rescued else ():
            assert (call.name, json.loads(call.arguments)) in (shape.expected or ())


@pytest.mark.parametrize("shape", [s for s in MEANT if s.calls], ids=lambda shape: shape.name)
def test_native_arguments_cut_off_anywhere_are_read_whole_or_not_at_all(shape: Shape) -> None:
    (call,) = shape.calls
    ((_, meant),) = shape.expected or ()
    for end in range(1, len(call.arguments)):
        cut = mended_call(ToolCall(name=call.name, arguments=call.arguments[:end]), shape.tools, complete=False)
        if cut is not None:
            assert json.loads(cut.arguments) in (meant, {})
            assert json.loads(cut.arguments) == meant or call.arguments[:end].strip() in ("{}", "")


def test_a_well_formed_call_is_kept_to_the_letter() -> None:
    call = ToolCall(name="weather", arguments='{ "city":"R\\u00f6m" }', id="x")
    rescued = rescue("", TOOLS, calls=[call])
    assert rescued is not None
    assert rescued.calls == (call,)
    assert not rescued.mended


def test_words_around_a_rescued_call_are_kept() -> None:
    rescued = rescue(f"Looking it up.\n<tool_call>{R}</tool_call>", TOOLS)
    assert rescued is not None
    assert rescued.text == "Looking it up."
    assert rescued.calls[0].id == "call_0"


def test_without_tools_nothing_is_a_call() -> None:
    rescued = rescue(f"<tool_call>{R}</tool_call>", ())
    assert rescued is not None
    assert rescued.calls == ()


def test_a_name_that_two_tools_could_mean_means_none() -> None:
    tools = (Tool(name="a.read"), Tool(name="b.read"))
    assert match_tool("read", tools) is None
    assert match_tool("a.read", tools) == tools[0]


SOME = settings(max_examples=60, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@SOME
@given(JSON)
def test_plain_json_is_read_as_json(value: Any) -> None:
    assert loads(json.dumps(value)) == value
    assert loads(json.dumps(value, ensure_ascii=False, indent=1)) == value


@SOME
@given(st.dictionaries(st.text(min_size=1), JSON, max_size=4))
def test_a_trailing_comma_changes_nothing(value: dict[str, Any]) -> None:
    text = json.dumps(value)
    assert loads(text[:-1] + ",}") == value


@SOME
@given(st.dictionaries(st.text(min_size=1), JSON, min_size=1, max_size=4), st.data())
def test_an_object_that_was_cut_off_is_never_completed(value: dict[str, Any], data: Any) -> None:
    text = json.dumps(value)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(Unreadable):
        read(cut, whole=False)


@SOME
@given(st.text(alphabet="{}[]\"':,\\ntrue1.e-<>/|`ab \n", max_size=80))
def test_any_text_is_read_or_refused_and_never_crashes(text: str) -> None:
    with suppress(Unreadable):
        json.dumps(loads(text))
    rescue(text, TOOLS)


@pytest.mark.parametrize("value", ["2026-05-01", "nan", "[" * 5_000, "{a" * 50])
def test_what_is_toml_and_no_argument_is_no_call(value: str) -> None:
    rescued = rescue(f'[tool_call]\nname = "weather"\n[tool_call.arguments]\ncity = {value}\n', TOOLS)
    assert rescued is None or not rescued.calls


def test_a_bomb_of_brackets_is_refused() -> None:
    with pytest.raises(Unreadable):
        loads("[" * 100_000)
    rescue("<tool_call>" + '{"a":' * 20_000, TOOLS)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Action: x" + "\n" * 50_000, id="empty lines behind a label"),
        pytest.param("\n" * 50_000 + "Tool: weather", id="empty lines before a label"),
        pytest.param("never " * 8_000 + R, id="words that talk"),
        pytest.param("<a>" + "<b></b>" * 7_000, id="a tag that is never closed"),
        pytest.param("<function=weather>" + "<parameter=city>" * 3_000, id="parameters that are never closed"),
        pytest.param('{"a": "' + '" ' * 25_000, id="quotes"),
        pytest.param("{" + "/* " * 15_000, id="comments that are never closed"),
        pytest.param("a" * 50_000, id="one word"),
        pytest.param("Tool:" * 10_000, id="labels"),
    ],
)
def test_a_hostile_text_costs_no_more_than_its_length_deserves(text: str) -> None:
    """No timed assertion: a reader of quadratic cost would make this test take minutes."""
    assert not (rescue(text, TOOLS) or rescue("", TOOLS)).calls or text.endswith(R)  # type: ignore[union-attr]


PIECES = sorted(
    {piece for shape in (*MEANT, *TALK) for piece in re.findall(r"<[^<>\n]{1,40}>|\w+|\s|[^\w\s]", shape.text)}
)
BEGINNINGS = (
    "",
    "<tool_call>",
    "weather",
    "Action: weather\nAction Input: ",
    '{"name": "weather", "arguments": {"city": "',
)


@SOME
@given(st.sampled_from(BEGINNINGS), st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), st.integers(0, 200))
def test_pieces_of_calls_repeated_without_end_are_read_in_linear_time(begin: str, pieces: list[str], some: int) -> None:
    """As above: a pattern that looks back over what it has read would make these sixty texts take minutes."""
    piece = "".join(pieces)
    text = begin + piece * (10_000 // len(piece))
    rescue(text, TOOLS)
    rescue(text[:-some] + R, TOOLS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="alone"),
        pytest.param('Here:\n```json\n{"a": 1}\n```\nDone.', {"a": 1}, id="fenced"),
        pytest.param('Draft:\n```json\n{"a": 0}\n```\nFinal:\n```json\n{"a": 1}\n```', {"a": 1}, id="the last fence"),
        pytest.param('The result is {"a": 1}. I hope it helps.', {"a": 1}, id="between words"),
        pytest.param("<think>{}</think>{'a': True,}", {"a": True}, id="after thinking, in Python"),
        pytest.param("[1, 2, 3]", [1, 2, 3], id="a list"),
    ],
)
def test_structure_is_found_where_models_put_it(text: str, value: Any) -> None:
    assert structure(text) == value


@pytest.mark.parametrize("text", ["no JSON", '{"a": "cut', 'Either {"a": 1} or {"a": 2}.', ""])
def test_structure_that_is_not_there_or_not_one_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        structure(text)
