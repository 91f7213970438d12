"""Which tests must fail when their assertions are turned, and what the turned ones look like."""

import ast

import pytest

from understudy_servers.testing.verdict import canary, control
from understudy_servers.testing.verdict.near import near, near_literal

STEP, FAR = 11, 1 << 60


def must_fail(source: str) -> list[str]:
    return [name.partition("::")[2] for name in canary.turn(source, "t.py").must_fail]


@pytest.mark.parametrize(
    ("body", "certain"),
    [
        pytest.param("assert f() == 1", True, id="an assertion"),
        pytest.param("if x:\n        assert f() == 1", False, id="under a condition"),
        pytest.param("return\n    assert f() == 1", False, id="after a return"),
        pytest.param("for x in [1, 2]:\n        assert f(x) == 1", True, id="in a loop over a list"),
        pytest.param("for x in []:\n        assert f(x) == 1", False, id="in an empty loop"),
        pytest.param("for x in range(3):\n        assert f(x) == 1", True, id="in a loop over a range"),
        pytest.param("for x in CASES:\n        assert f(x) == 1", True, id="in a loop over a table"),
        pytest.param("for x, y in TABLE.items():\n        assert f(x) == y", True, id="in a loop over a mapping"),
        pytest.param("for x in load():\n        assert f(x) == 1", False, id="in a loop over who knows what"),
        pytest.param("try:\n        assert f() == 1\n    except AssertionError:\n        pass", False, id="caught"),
        pytest.param("try:\n        assert f() == 1\n    finally:\n        close()", True, id="not caught"),
        pytest.param("with pytest.raises(ValueError):\n        f()", True, id="an exception is expected"),
        pytest.param("with raises(ValueError, match='x'):\n        f()", True, id="by another name"),
        pytest.param("pytest.raises(ValueError, f, 1)", True, id="by a call"),
        pytest.param("with suppress(AssertionError):\n        assert f() == 1", False, id="suppressed"),
        pytest.param("check(f())", True, id="in a function of the file"),
        pytest.param("np.testing.assert_allclose(f(), 1.0)", True, id="by numpy"),
        pytest.param("assert_frame_equal(f(), wanted)", True, id="by pandas"),
        pytest.param("yield\n    assert f() == 1", False, id="in a generator"),
        pytest.param("with open(p) as s:\n        assert f(s) == 1", True, id="in a file"),
        pytest.param(
            "with TemporaryDirectory() as d, patch('x'):\n        assert f(d) == 1", True, id="in two contexts"
        ),
        pytest.param("with timer():\n        assert f() == 1", False, id="in a context that may swallow"),
        pytest.param("if x:\n        assert f()\n    else:\n        assert g()", True, id="in both branches"),
        pytest.param(
            "try:\n        f()\n    except E:\n        assert x\n    else:\n        assert y", True, id="both ways"
        ),
        pytest.param(
            "try:\n        f()\n        assert False\n    except E as e:\n        assert e.x", True, id="must raise"
        ),
        pytest.param("try:\n        f()\n    except E as e:\n        assert e.x", False, id="may raise"),
        pytest.param(
            "async def go():\n        assert f()\n    asyncio.run(go())", True, id="in a coroutine that is run"
        ),
        pytest.param("async def go():\n        assert f()\n    go()", False, id="in a coroutine that is not run"),
        pytest.param("def go():\n        assert f()\n    go()", True, id="in an inner function"),
        pytest.param("def go():\n        assert f()\n    Thread(target=go).start()", False, id="in a thread"),
        pytest.param("m.assert_called_once_with(f())", True, id="by a mock"),
        pytest.param("def inner():\n        return 1\n    assert inner() == f()", True, id="after a function in it"),
        pytest.param("print(f())", False, id="nothing asserted"),
    ],
)
def test_a_test_is_certain_to_fail_only_where_it_must_assert(body: str, certain: bool) -> None:
    head = "import pytest\nfrom pytest import raises\nfrom pandas.testing import assert_frame_equal\n"
    head += "CASES = [1, 2]\nTABLE = {1: 2}\n\ndef check(value):\n    assert value == 1\n\n"
    assert must_fail(f"{head}def test_it():\n    {body}\n") == (["test_it"] if certain else [])


@pytest.mark.parametrize(
    ("decorator", "certain"),
    [
        ("@pytest.mark.parametrize('x', [1])", True),
        ("@given(st.integers())", True),
        ("@settings(max_examples=1)", True),
        ("@swallow", False),
        ("@tools.retry(3)", False),
    ],
)
def test_a_decorator_that_may_swallow_failures_makes_nothing_certain(decorator: str, certain: bool) -> None:
    assert bool(must_fail(f"import pytest\n{decorator}\ndef test_it(x=1):\n    assert f(x) == 1\n")) is certain


@pytest.mark.parametrize(
    ("assertion", "turned"),
    [
        ("assert f(2) == 5", "assert f(2) == 18"),
        ("assert 5 == f(2)", "assert 18 == f(2)"),
        ("assert f() == 'a'", "assert f() == 'ak'"),
        ("assert f() == [1, {'b': None}]", f"assert f() == [12, {{'b': {FAR}, {FAR}: {FAR}}}]"),
        ("assert f() == []", "assert f() == [11]"),
        ("assert f() is True", "assert f() is False"),
        ("assert f() is None", "assert not f() is None"),
        ("assert not f()", "assert f()"),
        ("assert f()", "assert not f()"),
        ("assert f() != 1", "assert not f() != 1"),
        ("assert f() < 1", "assert f() < float('-inf')"),
        ("assert 0 <= f() <= 1", "assert 0 < float('-inf')"),
        ("assert f() > 1 and g()", "assert f() > float('inf')"),
        ("assert f() in [1, 2]", "assert f() in [13]"),
        ("assert 'a' in f()", f"assert 'never {FAR}' in f()"),
        ("assert 1 in f()", f"assert {FAR} in f()"),
        ("assert f() == 1 or f() == 2", "assert f() == 12 or f() == 14"),
        ("m.assert_called_once_with(1, a=2)", "m.assert_not_called()"),
        ("m.assert_not_called()", "m.assert_called()"),
        ("m.assert_awaited()", "m.assert_not_awaited()"),
        ("assert f().startswith('a')", f"assert f().startswith('never {FAR}')"),
        ("self.assertIn(1, f())", f"self.assertIn({FAR}, f())"),
        ("assert isinstance(f(), int)", "assert isinstance(f(), type('Never', (), {}))"),
        ("assert all((x for x in f()))", "assert all([*(x for x in f()), False])"),
        ("assert any(f())", "assert any([])"),
        ("assert math.isclose(f(), 0.5)", f"assert math.isclose(f(), {float(FAR)!r})"),
        ("self.assertEqual(f(), 5)", "self.assertEqual(f(), 18)"),
        ("self.assertTrue(f() == 5)", "self.assertTrue(f() == 18)"),
        ("self.assertFalse(f())", "self.assertTrue(f())"),
        ("self.assertGreaterEqual(f(), 5)", "self.assertGreater(f(), float('inf'))"),
        ("self.assertIsNone(f())", "self.assertIsNotNone(f())"),
        ("self.assertIsInstance(f(), int)", "self.assertIsInstance(f(), type('Never', (), {}))"),
        ("self.assertIn(f(), [1])", "self.assertIn(f(), [12])"),
        ("self.assertRaises(ValueError, f)", "self.assertRaises(type('Never', (BaseException,), {}), f)"),
    ],
)
def test_a_turned_assertion_expects_something_near_that_an_honest_candidate_cannot_give(
    assertion: str, turned: str
) -> None:
    draw = canary.Draw(1)
    draw.step, draw.far = STEP, FAR
    found = canary.turn(f"def test_it(self):\n    {assertion}\n", "t.py", None, draw).source
    assert ast.unparse(ast.parse(turned)) in found


@pytest.mark.parametrize(
    ("assertion", "turned"),
    [
        ("assert f() == P(3, name='a')", "assert f() == P(15, name='ak')"),
        ("assert f() == approx(0.5, abs=0.1)", "assert f() == approx(11.75, abs=0.1)"),
        ("assert P(1) == P(2)", None),
        ("assert f() == P(x)", None),
        ("assert 'x' == f('y')", None),
        ("m.assert_called_with(1)", f"m.assert_called_with(1, {FAR})"),
        ("with pytest.raises(E, match='x'):\n        f()", f"with pytest.raises(E, match='never {FAR}'):\n        f()"),
        ("self.assertEqual(f(), P(3))", "self.assertEqual(f(), P(15))"),
        ("self.assertRaisesRegex(E, 'x', f)", f"self.assertRaisesRegex(E, 'never {FAR}', f)"),
    ],
)
def test_what_is_expected_can_also_stay_of_its_kind(assertion: str, turned: str | None) -> None:
    source = f"import pytest\ndef test_it(self):\n    {assertion}\n"
    draw = canary.Draw(1)
    draw.step, draw.far = STEP, FAR
    assert canary.turn(source, "t.py", None, draw).other_ways is (turned is not None)
    found = canary.turn(source, "t.py", None, draw, alike=True).source
    wanted = ast.unparse(ast.parse(f"def test_it(self):\n    {turned}\n"))
    assert turned is None or wanted in found


def test_a_member_becomes_another_member_that_the_tests_name() -> None:
    source = "def test_it():\n    assert f(1) is C.RED\n\ndef test_other():\n    assert f(2) is C.BLUE\n"
    assert "assert f(1) is C.BLUE" in canary.turn(source, "t.py", alike=True).source
    compared = source + "    assert C.RED is C.BLUE\n"
    assert "assert f(1) is C.RED" in canary.turn(compared, "t.py", alike=True).source


def test_a_control_takes_back_the_names_that_a_star_import_brings() -> None:
    source = "import math\nfrom s import *\n\ndef test_it():\n    assert abs(f(1) - math.pi) < 1\n"
    shaped = control.control(source, "t.py", canary.Draw(1)).source
    assert "from s import *\nimport math\nabs = __import__('builtins').abs\n" in shaped


def test_a_control_holds_its_own_tables_and_knows_its_cases() -> None:
    source = (
        "import pytest\nCASES = [(1, 2), (3, 4)]\n@pytest.mark.parametrize('a,b', CASES)\ndef test_it(a, b):\n"
        "    assert f(a) == b\n\ndef test_all():\n    for a, b in CASES:\n        assert f(a) == b\n"
    )
    shaped = control.control(source, "t.py", canary.Draw(1))
    assert shaped.cases == {"t.py::test_it": 2}
    assert "assert (a, b) in [(1, 2), (3, 4)]" in shaped.source
    assert "for a, b in [(1, 2), (3, 4)]:" in shaped.source


def test_a_name_that_is_only_expected_is_changed_where_it_gets_its_value() -> None:
    source = "@pytest.mark.parametrize('a,c', [(1, 2)])\ndef test_it(a, c):\n    assert f(a) == c, (a, c)\n"
    draw = canary.Draw(1)
    turned = canary.turn(source, "t.py", None, draw).source
    assert f"    c = {draw.name}(c)\n    assert f(a) == c" in turned
    used = canary.turn(source.replace("f(a)", "f(a, c)"), "t.py", None, draw).source
    assert f"assert f(a, c) == {draw.name}(c)" in used


def test_one_assertion_at_a_time_leaves_the_others_as_they_are() -> None:
    source = "def test_it():\n    assert f() == 1\n    assert g() == 'a'\n    with pytest.raises(E):\n        h()\n"
    draw = canary.Draw(3)
    rounds = [canary.turn_one(source, "t.py", number, draw) for number in range(3)]
    assert {one.must_fail for one in rounds} == {("t.py::test_it",)}
    assert len({one.source for one in rounds}) == 3
    assert all(sum(line in one.source for line in source.splitlines()) >= 3 for one in rounds)
    assert canary.most_assertions(source, "t.py") == 3


def test_helpers_are_turned_and_their_checks_are_known_by_import() -> None:
    helper = "import pytest\n\ndef same(a, b):\n    assert a == b\n\nassert True\n"
    assert canary.checkers(helper, "tests/tools.py") == {"same"}
    assert canary.checkers("def (", "tests/tools.py") is None
    turned = canary.turn_helper(helper, "tests/tools.py", canary.Draw(1))
    assert "assert a == b" not in turned
    assert "assert True" in turned
    known = {"tests/tools.py": {"same"}}
    for line, call in (
        ("from tools import same", "same(f(), 1)"),
        ("from .tools import same as equal", "equal(f(), 1)"),
        ("import tools", "tools.same(f(), 1)"),
        ("from tests import tools as t", "t.same(f(), 1)"),
    ):
        found = canary.turn(f"{line}\n\ndef test_it():\n    {call}\n", "tests/test_it.py", known)
        assert found.must_fail == ("tests/test_it.py::test_it",), line


@pytest.mark.parametrize(
    "value",
    [
        0,
        -3,
        10**30,
        True,
        1.5,
        float("inf"),
        float("nan"),
        1j,
        "",
        "a",
        b"",
        [],
        (),
        {},
        {1},
        frozenset(),
        None,
        pytest.param(object(), id="object()"),
    ],
    ids=repr,
)
def test_a_near_value_never_equals_the_value(value: object) -> None:
    assert near(value, STEP, FAR) != value
    assert near([value], STEP, FAR) != [value]


def test_only_literals_are_changed_in_the_source() -> None:
    for text in ("f()", "x", "None", "1e999", "x + 1"):
        assert near_literal(ast.parse(text, mode="eval").body, STEP, FAR) is None or text == "1e999"
