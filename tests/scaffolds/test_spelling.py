"""Between a scaffold and its spelling: round trips, refusals in words, fingerprints."""

from contextlib import suppress
from dataclasses import KW_ONLY
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy import Answer, Context, Direct, Escalate, On, Problem, Retry, Scaffold, Vote, fingerprint, parse
from understudy.errors import SpellingError
from understudy.scaffold import scaffold

leaves: st.SearchStrategy[Scaffold] = st.one_of(
    st.builds(Direct, temperature=st.none() | st.floats(0, 2), tools=st.sampled_from(["native", "prompt"]))
)


def nested(inner: st.SearchStrategy[Scaffold]) -> st.SearchStrategy[Scaffold]:
    return st.one_of(
        st.builds(Retry, inner, tries=st.integers(1, 99), show=st.sampled_from(["both", "nothing"])),
        st.builds(Vote, inner, n=st.integers(1, 9)),
        st.builds(On, st.text(min_size=1, max_size=8), inner),
        st.builds(Escalate, inner, inner, agreement=st.floats(0, 1)),
    )


scaffolds = st.recursive(leaves, nested, max_leaves=6)


@given(scaffolds)
def test_a_spelling_read_back_is_the_same_scaffold(value: Scaffold) -> None:
    again = parse(repr(value))

    assert again == value
    assert fingerprint(again) == fingerprint(value)


def test_a_spelling_leaves_defaults_out_and_puts_inner_scaffolds_first() -> None:
    cautious = Escalate(Retry(Vote(Direct(), n=3), tries=7), On("cloud", Direct()))

    assert repr(cautious) == "Escalate(Retry(Vote(n=3), tries=7), On('cloud', Direct()))"
    assert repr(Retry(Direct(), tries=5)) == "Retry()"


def test_inner_scaffolds_may_go_by_name_too() -> None:
    by_name = parse('Escalate(Retry(Direct(), tries=5), to=On("cloud", Direct()))')

    assert by_name == Escalate(Retry(), On("cloud", Direct()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Retri(Direct())", "no scaffold 'Retri'. Did you mean 'Retry'?", id="misspelled name"),
        pytest.param("retry(Direct())", "Did you mean 'Retry'?", id="wrong case"),
        pytest.param("Retry(Direct(), trys=3)", "no setting 'trys'. Did you mean 'tries'?", id="misspelled setting"),
        pytest.param(
            "Retry(Direct(), 3)", "by position, not 2. Its settings go by name: tries", id="positional setting"
        ),
        pytest.param("Retry(Direct(), tries='3')", "a whole number for 'tries', not '3'", id="text for a number"),
        pytest.param("Retry(Direct(), tries=True)", "a whole number for 'tries', not True", id="bool for a number"),
        pytest.param("Retry(Direct(), tries=0)", "at least 1 try, not 0", id="out of range"),
        pytest.param("Vote(7)", "a scaffold for 'inner', not 7", id="number for a scaffold"),
        pytest.param("On('cloud')", "On needs inner", id="missing inner scaffold"),
        pytest.param("Direct", "Write Direct()", id="no parentheses"),
        pytest.param("Retry(Direct()", "does not parse at character", id="open parenthesis"),
        pytest.param("Direct() or Retry()", "is no part of a spelling", id="expression"),
        pytest.param("__import__('os').system('true')", "is no part of a spelling", id="attack by attribute"),
        pytest.param("eval('1')", "no scaffold 'eval'", id="attack by builtin"),
        pytest.param("Direct(**{'temperature': 1})", "star", id="star"),
        pytest.param("Retry(Direct(), inner=Direct())", "twice", id="given twice"),
        pytest.param("3", "plain value", id="plain value"),
        pytest.param("", "does not parse", id="empty"),
        pytest.param("Direct(temperature=1e999)", "a number or None for 'temperature', not inf", id="infinite"),
        pytest.param("Vote(" * 3000 + "Direct()" + ")" * 3000, "limit", id="endless"),
        pytest.param("Vote(" * 900 + "Direct()" + ")" * 900, "", id="deep"),
        pytest.param("Direct(\0)", "", id="null byte"),
    ],
)
def test_a_spelling_that_means_nothing_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(SpellingError) as raised:
        parse(text)

    assert words in str(raised.value)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    with suppress(SpellingError):
        assert callable(parse(text))


def test_a_fingerprint_tells_settings_and_versions_apart() -> None:
    @scaffold
    class Own:
        inner: Scaffold = Direct()
        _: KW_ONLY
        depth: int = 1
        version: ClassVar[int] = 1

        async def __call__(self, problem: Problem, context: Context) -> Answer:
            return await self.inner(problem, context)

    before = fingerprint(Own(depth=2))
    Own.version = 2

    assert len({fingerprint(Own()), fingerprint(Own(depth=2)), before, fingerprint(Direct()), fingerprint(Vote())}) == 5
    assert fingerprint(Retry(Direct(), tries=5)) == fingerprint(Retry())


def test_a_scaffold_with_a_function_inside_has_no_fingerprint() -> None:
    @scaffold
    class Holding:
        what: object = len

        async def __call__(self, problem: Problem, context: Context) -> Answer:
            return Answer()

    with pytest.raises(ValueError, match="no stable value"):
        fingerprint(Holding())


def test_a_scaffold_refuses_wrong_settings_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="'both' or 'failures' or 'answer' or 'nothing' for 'show', not 'all'"):
        Retry(show="all")  # type: ignore[arg-type]
