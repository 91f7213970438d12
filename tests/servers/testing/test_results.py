"""A result is short, clean and readable, whatever the code under test prints, raises or writes."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.result import MAX_BYTES, Result, bounded, from_judgement
from understudy_servers.testing.subjects import Loose
from understudy_servers.testing.verdict.judge import Judgement, Report, read_events
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.workspace import Workspace, address

NASTY = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=60),
    st.sampled_from(
        ["\x1b[2J\x1b]52;c;aGk=\x07", "\u202e\u2066", "\ud800", "\0", "𝔘" * 3000, '\\"' * 2000, "\n" * 500]
    ),
    st.text(st.sampled_from('é𝔘\\"\n'), max_size=4).map(lambda text: text * 900),
)
FACTS = st.dictionaries(
    st.sampled_from(["kind", "call", "expected", "actual", "where", "code", "message", "id"]), NASTY, min_size=3
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def verifier() -> AsyncGenerator[Verifier]:
    verifier = Verifier(Machine(limits=Limits(wall_s=15.0, cpu_s=15)), workers=2)
    yield verifier
    verifier.close()


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*map(str, value), *(text for item in value.values() for text in texts(item))]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


def assert_short_and_clean(result: Result) -> None:
    facts = result.as_json()
    assert len(json.dumps(facts, ensure_ascii=False).encode()) <= MAX_BYTES
    assert len(result.as_text().encode()) <= MAX_BYTES
    for text in [*texts(facts), result.as_text()]:
        assert all(character.isprintable() or character == "\n" for character in text)
    assert len(facts["failures"]) <= 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NASTY, FACTS), max_size=8), NASTY, st.lists(NASTY, max_size=6), NASTY)
def test_any_report_becomes_a_short_and_clean_result(
    failures: list[tuple[str, dict[str, str]]], reason: str, more: list[str], output: str
) -> None:
    report = Report(ids=[name for name, _ in failures])
    for name, facts in failures:
        report.outcomes[name] = "failed"
        report.facts[name] = {"kind": "exception", **facts}
    result = from_judgement(Judgement("failed", reason, report), 5)
    result.output, result.notes, result.changed_tests = output, more, more
    result.delta = {"fixed": more, "broke": [*more, *report.outcomes], "same_failure_count": 2}
    result.isolation, result.workspace = reason * 5, output
    assert_short_and_clean(result)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NASTY, st.one_of(NASTY, st.lists(NASTY, max_size=30), st.integers()), max_size=12))
def test_any_findings_about_a_suite_are_bounded(facts: dict[str, Any]) -> None:
    assert len(json.dumps(bounded(facts), ensure_ascii=False).encode()) <= MAX_BYTES


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.recursive(
                st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5)),
                lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            ).map(lambda value: json.dumps({"k": "mark", "n": 0, "e": "test", "id": value, "outcome": value}).encode()),
        ),
        max_size=4,
    )
)
def test_whatever_is_written_on_the_channel_is_read_or_a_sign_and_never_an_error(lines: list[bytes]) -> None:
    report = read_events(b"\n".join(lines), "mark")
    assert report.signs or report.end is None


HOSTILE = {
    "a message of ten megabytes": "raise AssertionError('m' * 10_000_000)",
    "a wide message": "raise ValueError('𝔘' * 100_000)",
    "terminal escapes": "raise ValueError('\\x1b[2J\\x1b]0;title\\x07\\x1b]52;c;aGk=\\x07 done')",
    "other directions": "raise ValueError('\\u202e\\u2066 abc \\u2069')",
    "lone surrogates": "raise ValueError('\\ud800\\udfff')",
    "every byte": "raise ValueError(bytes(range(256)).decode('latin-1'))",
    "text that raises": "raise type('E', (Exception,), {'__str__': lambda s: 1 / 0, '__repr__': lambda s: 1 / 0})()",
    "text that exits": "raise type('E', (Exception,), {'__str__': lambda s: exit(0)})()",
    "text without end": "raise type('E', (Exception,), {'__str__': lambda s: str(s)})()",
    "notes that raise": "e = ValueError('x')\n"
    "    e.__notes__ = [type('N', (), {'__str__': lambda s: 1 / 0})()]\n    raise e",
    "attributes that raise": "raise type('E', (AssertionError,), {'facts': property(lambda s: 1 / 0)})()",
    "facts of its own": "e = AssertionError()\n    e.facts = {'expected': 'x' * 10**7, 'call': (1, 2)}\n    raise e",
    "a value that raises": "return type('V', (), {'__repr__': lambda s: 1 / 0, '__eq__': lambda s, o: 1 / 0})()",
    "a huge value": "return [['x' * 100] * 1000] * 1000",
    "a value within itself": "x = []\n    x.append(x)\n    return x",
    "a very long name": "raise type('N' * 100_000, (Exception,), {})('x')",
    "a name with escapes": "raise type('\\x1b[31mN\\u202e', (Exception,), {})('x')",
    "a group": "raise ExceptionGroup('g' * 9000, [ValueError('v' * 9000)] * 500)",
    "a flood": "print('\\x1b[31m' + 'é' * 100_000)\n    return 0",
}
FORMS = {
    "plain": "from s import f\n\ndef test_f():\n    assert f(1) == 2\n\ndef test_g():\n    assert f(2) == 3\n",
    "pytest": "import pytest\nfrom s import f\n\ndef test_f():\n    assert f(1) == 2\n",
    "unittest": "import unittest\nfrom s import f\n\nclass T(unittest.TestCase):\n"
    "    def test_f(self):\n        self.assertEqual(f(1), 2)\n",
}


async def judged(verifier: Verifier, tests: str, body: str) -> Result:
    files = {"test_s.py": tests}
    subject = Loose(Workspace(address(files, files), files, frozenset(files)))
    return await verifier.verify(Request(subject=subject, candidate={"s.py": f"def f(x):\n    {body}\n"}))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_errors_and_values_fail_in_few_clean_words(verifier: Verifier, name: str, form: str) -> None:
    result = await judged(verifier, FORMS[form], HOSTILE[name])
    assert result.verdict == "failed", result
    assert_short_and_clean(result)
    assert result.failures


async def test_huge_ids_of_cases_are_cut(verifier: Verifier) -> None:
    tests = "import pytest\nfrom s import f\n\nNAMES = ['x' * 100_000 + str(n) + '\\x1b[2J' for n in range(20)]\n\n"
    tests += "@pytest.mark.parametrize('name', NAMES, ids=NAMES)\ndef test_f(name):\n    assert f(name) == 1\n"
    result = await judged(verifier, tests, "raise [ValueError, KeyError, OSError, TypeError][len(x) % 4](x)")
    assert (result.verdict, result.failed) == ("failed", 20)
    assert_short_and_clean(result)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param("return x + 1", "passed: 2 passed, 0 failed of 2 tests; proof: canary, split", id="right"),
        pytest.param("return x", "f(1): expected 2, got 1", id="a wrong value"),
        pytest.param("return x.missing", "in s.py:2 in f: return x.missing", id="an exception"),
        pytest.param("return (", "collection_error: the tests could not start", id="a syntax error"),
        pytest.param("while True: pass", "look for an endless loop", id="an endless loop"),
        pytest.param("import os; os._exit(0)", "must not call sys.exit, exit or os._exit", id="an early exit"),
        pytest.param("import unittest; raise unittest.SkipTest", "A skipped test is no pass", id="a skip"),
        pytest.param("import unittest.mock as m; return m.ANY", "that nothing right could pass", id="a forgery"),
    ],
)
async def test_the_text_says_what_to_do_next(verifier: Verifier, body: str, words: str) -> None:
    assert words in (await judged(verifier, FORMS["plain"], body)).as_text()
