"""Whole numbers in the words of small models: read as meant, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_servers.numerals import read_integer
from understudy_servers.reading import read_boolean


@pytest.mark.parametrize(
    ("said", "number", "total"),
    [
        ("thought 2 out of approximately 4", 2, 4),
        ("step two of five", 2, 5),
        ("1-of-3", 1, 3),
        ("3.0/5.0", 3, 5),
        ("twenty-one", 21, None),
        ("thought-4", 4, None),
        ("five or so", 5, None),
        ("Thoughts: 4 (final)", 4, None),
        ("-3", -3, None),
        ("between 5 and 7", 7, None),
        ("2 of many", 2, None),
        ("10k", 10_000, None),
        ("1,000", 1_000, None),
    ],
)
def test_a_number_among_words_is_read(said: str, number: int, total: int | None) -> None:
    assert read_integer(said) == (number, total)


@pytest.mark.parametrize(
    "said",
    [
        "1.2",
        "2a",
        "1:3",
        "no 2nd one, but 3",
        "not thought 3",
        "/5",
        "a few",
        "add 3 eggs",
        "!" * 50 + "x3",
        "the next one",
        "3 eggs are left",
        "1 2 3",
        "x" * 80 + "3",
    ],
)
def test_what_could_mean_two_things_is_not_guessed(said: str) -> None:
    assert read_integer(said) is None


@pytest.mark.parametrize("said", ["true/false", "yes, no more doubts", "maybe", "not yet", "the answer is no", "2"])
def test_an_answer_that_takes_both_sides_is_none(said: str) -> None:
    assert read_boolean(said) is None


@given(st.integers(-(10**14), 10**14))
def test_a_written_number_is_that_number(number: int) -> None:
    assert read_integer(str(number)) == read_integer(number) == (number, None)


@given(st.text())
def test_any_text_is_read_without_a_crash(text: str) -> None:
    read = read_integer(text)
    assert read is None or isinstance(read[0], int)
    assert read_boolean(text) in (True, False, None)
