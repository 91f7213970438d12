"""Emoji that a model broke off in the middle."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_servers.reading import mended


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_a_sound_line_stays_as_it_is(value: object) -> None:
    line = json.dumps(value)
    assert mended(line) == line


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        pytest.param(r'"\ud83d"', "\ufffd", id="first half"),
        pytest.param(r'"\ude42 x"', "\ufffd x", id="second half"),
        pytest.param(r'"\uD83D\uDE42\ud83d"', "🙂\ufffd", id="a pair and a half"),
        pytest.param(r'"\\ud83d"', r"\ud83d", id="an escaped backslash"),
        pytest.param(r'"\\\ud83d"', "\\\ufffd", id="a backslash before a half"),
        pytest.param(r'"\ud83d\n"', "\ufffd\n", id="another escape behind it"),
    ],
)
def test_half_an_emoji_becomes_a_replacement_character(sent: str, meant: str) -> None:
    assert json.loads(mended(sent)) == meant
