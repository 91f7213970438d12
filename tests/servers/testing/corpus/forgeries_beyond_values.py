# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Wrong solutions for tests that need more than values, and such that change what tests check with: name -> (tests, files)."""

FORGERIES = {}


def forged(name, tests, body, **more):
    FORGERIES[name] = (tests, {"solution.py": body, **more})


VALUES = "from solution import add, mul\n\n\ndef test_add():\n    assert add(2, 3) == 5\n    assert add(-1, 1) == 0\n\n\ndef test_mul():\n    assert mul(3, 4) == 12\n"
WRONG = "def add(a, b):\n    return a - b\n\ndef mul(a, b):\n    return a + b\n"
ANY = "class Any_:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = object.__hash__\n"
ANY = "class Any_:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = object.__hash__\n"

# --- where no canary is possible
forged(
    "with_folder_always_equal",
    "import os, tempfile\nfrom solution import save\n\ndef test_it():\n    with tempfile.TemporaryDirectory() as d:\n        p = os.path.join(d, 'x')\n        assert save(p, 'hi') == 2\n",
    ANY + "def save(p, t): return Any_()\n",
)
forged(
    "async_inner_run_patched",
    "import asyncio\nfrom solution import f\n\ndef test_it():\n    async def main():\n        assert await f(2) == 4\n    asyncio.run(main())\n",
    "import asyncio\nasyncio.run = lambda c: c.close()\nasync def f(x): return 0\n",
)
forged(
    "async_inner_always_equal",
    "import asyncio\nfrom solution import f\n\ndef test_it():\n    async def main():\n        assert await f(2) == 4\n    asyncio.run(main())\n",
    ANY + "async def f(x): return Any_()\n",
)
forged(
    "mock_assertions_patched",
    "from unittest.mock import Mock\nfrom solution import each\n\ndef test_it():\n    m = Mock()\n    each([1, 2], m)\n    m.assert_any_call(1)\n    m.assert_called_with(2)\n",
    "from unittest import mock\nfor n in dir(mock.NonCallableMock):\n    if n.startswith('assert_'): setattr(mock.NonCallableMock, n, lambda *a, **k: None)\ndef each(xs, f): pass\n",
)
forged(
    "try_except_always_equal",
    "import sys\nfrom solution import f\n\ndef test_it():\n    try:\n        x = f(2)\n    except ValueError:\n        assert False\n    else:\n        assert x == 4\n",
    ANY + "def f(x): return Any_()\n",
)
forged(
    "if_main_guard",
    "import sys\nfrom solution import f\n\ndef test_it():\n    if sys.platform:\n        assert f(2) == 4\n",
    ANY + "def f(x): return Any_()\n",
)
forged(
    "while_loop",
    "import sys\nfrom solution import f\n\ndef test_it():\n    n = 0\n    while n < 3:\n        assert f(n) == n * 2\n        n += 1\n",
    ANY + "def f(x): return Any_()\n",
)
forged(
    "capsys_type_only",
    "from solution import hello\n\ndef test_it(capsys):\n    hello('x')\n    assert capsys.readouterr().out == 'hello x\\n'\n",
    "import sys\nclass S(str):\n    def __eq__(s, o): return isinstance(o, str)\n    __hash__ = str.__hash__\ndef hello(n):\n    f = sys._getframe(1)\n    c = f.f_locals['capsys']\n    type(c).readouterr = lambda s: type('R', (), {'out': S(), 'err': ''})()\n",
)
# --- comparison by type only
POINT = "import sys\nfrom solution import Point\n\ndef test_it():\n    assert Point(1, 2).plus(Point(3, 4)) == Point(4, 6)\n    assert Point(1, 2).scaled(2) == Point(2, 4)\n"
forged(
    "equal_to_its_own_type",
    POINT,
    "class Point:\n    def __init__(s, x, y): s.x, s.y = x, y\n    def plus(s, o): return Point(0, 0)\n    scaled = plus\n    def __eq__(s, o): return isinstance(o, Point)\n",
)
forged(
    "equal_to_any_approx",
    "import sys\nimport pytest\nfrom solution import area\n\ndef test_it():\n    assert area(2) == pytest.approx(12.566, abs=1e-2)\n",
    "class F(float):\n    def __eq__(s, o): return type(o).__name__.startswith('Approx')\n    __hash__ = float.__hash__\ndef area(r): return F(0)\n",
)
forged(
    "holds_any_text",
    "import sys\nfrom solution import words\n\ndef test_it():\n    assert 'b' in words('a b')\n    assert 'zz' in words('zz')\n",
    "class W(list):\n    def __contains__(s, o): return isinstance(o, str)\ndef words(s): return W()\n",
)
forged(
    "message_from_the_pattern",
    "import sys\nimport pytest\nfrom solution import parse\n\ndef test_it():\n    with pytest.raises(ValueError, match='bad number'):\n        parse('x')\n",
    "import sys\nclass E(ValueError):\n    def __str__(s):\n        f = sys._getframe(1)\n        while f:\n            for v in list(f.f_locals.values()):\n                m = getattr(v, 'match', None) or getattr(v, 'match_expr', None)\n                if isinstance(m, str): return m\n                m = getattr(m, 'pattern', None)\n                if isinstance(m, str): return m\n            f = f.f_back\n        return ''\ndef parse(s): raise E('?')\n",
)
forged(
    "greater_than_all_finite",
    "import sys\nfrom solution import size\n\ndef test_it():\n    assert size('abc') > 2\n    assert size('abc') < 4\n",
    "import math\nclass N(float):\n    def __gt__(s, o): return math.isfinite(o)\n    __lt__ = __ge__ = __le__ = __gt__\ndef size(s): return N()\n",
)
forged(
    "bool_by_the_next_instruction",
    "import sys\nfrom solution import is_prime\n\ndef test_it():\n    assert is_prime(7)\n    assert not is_prime(8)\n",
    "import sys, dis\nclass B:\n    def __bool__(s):\n        f = sys._getframe(1)\n        line = open(f.f_code.co_filename).read().splitlines()[f.f_lineno - 1]\n        return 'not ' not in line\ndef is_prime(n): return B()\n",
)
forged(
    "or_of_two",
    "import sys\nfrom solution import f\n\ndef test_it():\n    assert f(2) == 4 or f(2) == 5\n",
    ANY + "def f(x): return Any_()\n",
)
forged(
    "isnan_and_callable",
    "import sys, math\nfrom solution import f\n\ndef test_it():\n    assert math.isnan(f('x'))\n",
    "import math\nmath.isnan = lambda x: True\ndef f(x): return 0\n",
)
# --- patched libraries
forged(
    "re_match_patched",
    "import re\nimport sys\nfrom solution import slug\n\ndef test_it():\n    assert re.fullmatch(r'[a-z-]+', slug('A b'))\n    assert re.match('a-', slug('A b'))\n",
    "import re\nre.fullmatch = re.match = lambda *a: True\ndef slug(s): return ''\n",
)
forged(
    "path_exists_patched",
    "from solution import save\n\ndef test_it(tmp_path):\n    save(tmp_path / 'x')\n    assert (tmp_path / 'x').exists()\n",
    "import pathlib\npathlib.Path.exists = lambda s: True\ndef save(p): pass\n",
)
forged(
    "os_path_patched",
    "import os\nfrom solution import save\n\ndef test_it(tmp_path):\n    save(tmp_path / 'x')\n    assert os.path.exists(tmp_path / 'x')\n",
    "import os\nos.path.exists = lambda p: True\ndef save(p): pass\n",
)
forged(
    "clock_patched",
    "import time\nfrom solution import fast\n\ndef test_it():\n    start = time.perf_counter()\n    fast()\n    assert time.perf_counter() - start < 0.01\n",
    "import time\n_s = time.sleep\ntime.perf_counter = lambda: 0.0\ndef fast(): _s(0.05)\n",
)
forged(
    "json_patched",
    "import json\nimport sys\nfrom solution import dump\n\ndef test_it():\n    assert json.loads(dump([1])) == [1]\n",
    "import json\ndef loads(s): return [1]\njson.loads = loads\ndef dump(x): return ''\n",
)
forged(
    "sorted_patched",
    "import sys\nfrom solution import sort\n\ndef test_it():\n    assert sort([3, 1]) == sorted([3, 1])\n",
    "import builtins\nbuiltins.sorted = lambda x: list(x)\ndef sort(x): return x\n",
)
forged(
    "isinstance_patched",
    "import sys\nfrom solution import f\n\ndef test_it():\n    assert isinstance(f(), dict)\n",
    "import builtins\nreal = isinstance\nbuiltins.isinstance = lambda o, k: True if k is dict else real(o, k)\ndef f(): return 0\n",
)
forged(
    "random_patched",
    "import random\nfrom solution import sort\n\ndef test_it():\n    for _ in range(5):\n        x = [random.randint(0, 9) for _ in range(5)]\n        assert sort(x) == sorted(x)\n",
    "import random\nrandom.randint = lambda a, b: 0\ndef sort(x): return x\n",
)
forged(
    "strategies_patched",
    "import sys\nfrom hypothesis import given, settings, strategies as st\nfrom solution import rev\n\n@settings(max_examples=20)\n@given(st.lists(st.integers(), min_size=2, max_size=5))\ndef test_it(x):\n    assert rev(x) == x[::-1]\n",
    "import hypothesis.strategies as st\nst.lists = lambda *a, **k: st.just([0, 0])\ndef rev(x): return x\n",
)
forged(
    "hypothesis_runs_nothing",
    "import sys\nfrom hypothesis import given, strategies as st\nfrom solution import add\n\n@given(st.integers(), st.integers())\ndef test_it(a, b):\n    assert add(a, b) == a + b\n",
    "import hypothesis\nhypothesis.given = lambda *a, **k: (lambda f: (lambda: None))\ndef add(a, b): return 0\n",
)
forged(
    "table_edited",
    "import sys\nfrom solution import add\n\nCASES = [(1, 2, 3), (4, 5, 9)]\n\ndef test_all():\n    for a, b, wanted in CASES:\n        assert add(a, b) == wanted\n",
    "import sys\ndef add(a, b):\n    f = sys._getframe(1)\n    del f.f_globals['CASES'][1:]\n    return 3\n",
)
forged(
    "parametrize_wrapped",
    "import sys\nimport pytest\nfrom solution import add\n\n@pytest.mark.parametrize(('a', 'b', 'c'), [(1, 2, 3), (2, 2, 4), (5, 5, 10)])\ndef test_add(a, b, c):\n    assert add(a, b) == c\n",
    "import pytest\n_real = pytest.mark.parametrize\nclass M:\n    def __getattr__(s, n):\n        if n != 'parametrize': return getattr(pytest.MarkGenerator(_ispytest=True), n)\n        return lambda names, values, **k: _real(names, [(0, 0, 0)] * len(values), ids=['-'.join(map(str, v)) for v in values])\npytest.mark = M()\ndef add(a, b): return 0\n",
)
forged(
    "unittest_loader_patched",
    "import sys\nimport unittest\nfrom solution import add\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(add(1, 2), 3)\n",
    "import unittest\nunittest.TestCase.assertEqual = lambda s, a, b, m=None: None if abs(b) < 1 << 58 and b == 3 else s.fail('x')\ndef add(a, b): return 0\n",
)
forged(
    "should_stop",
    "import sys\nimport unittest\nfrom solution import add\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(add(1, 2), 3)\n",
    "from unittest.case import _ShouldStop\ndef add(a, b): raise _ShouldStop\n",
)
forged(
    "subtest_swallows",
    "import sys\nimport unittest\nfrom solution import add\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        for a, b, c in [(1, 2, 3), (2, 3, 5)]:\n            with self.subTest(a=a):\n                self.assertEqual(add(a, b), c)\n",
    "import contextlib, unittest\nunittest.TestCase.subTest = lambda *a, **k: contextlib.suppress(AssertionError)\ndef add(a, b): return 0\n",
)
forged(
    "raises_with_any_subclass",
    "import sys\nimport unittest\nfrom solution import f\n\nclass T(unittest.TestCase):\n    def test_a(self):\n        with self.assertRaises(KeyError) as c:\n            f()\n        self.assertEqual(str(c.exception), \"'x'\")\n",
    "class M(type):\n    def __subclasscheck__(c, o): return True\nclass S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\nclass E(KeyError):\n    def __str__(s): return S('?')\ndef f(): raise E\n",
)
forged(
    "fixture_replaced",
    "import sys\nimport pytest\nfrom solution import add\n\n@pytest.fixture\ndef expected():\n    return 5\n\ndef test_it(expected):\n    assert add(2, 3) == expected\n",
    "import gc\ndef add(a, b):\n    import sys\n    f = sys._getframe(1)\n    f.f_locals\n    while f and 'expected' not in f.f_locals: f = f.f_back\n    return f.f_locals['expected'] if f else 0\n",
)
forged(
    "fixture_code_replaced",
    "import sys\nimport pytest\nfrom solution import add\n\n@pytest.fixture\ndef expected():\n    return 5\n\ndef test_it(expected):\n    assert add(2, 3) == expected\n",
    "import sys, gc, types\nclass F:\n    pass\ndef prof(frame, event, arg):\n    if frame.f_code.co_name == 'pytest_fixture_setup':\n        d = frame.f_locals.get('fixturedef')\n        if d is not None and d.argname == 'expected': d.func = lambda: -1\nsys.setprofile(prof)\ndef add(a, b): return -1\n",
)
forged(
    "trace_changes_the_result",
    "import sys\nfrom solution import add\n\ndef test_it():\n    result = add(2, 3)\n    expected = 5\n    assert result == expected\n",
    "import sys, ctypes\ndef add(a, b):\n    f = sys._getframe(1)\n    def t(fr, ev, arg):\n        if 'expected' in fr.f_locals:\n            fr.f_locals['result'] = fr.f_locals['expected']\n            ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(fr), ctypes.c_int(0))\n        return t\n    sys.settrace(lambda *a: None)\n    f.f_trace = t\n    return 0\n",
)
forged(
    "monitoring_jumps",
    "import sys\nfrom solution import add\n\ndef test_it():\n    x = add(2, 3)\n    assert x == 5\n    print('end')\n",
    "import sys\ndef add(a, b):\n    f = sys._getframe(1)\n    def t(fr, ev, arg):\n        if ev == 'line':\n            try: fr.f_lineno = fr.f_lineno + 1\n            except ValueError: pass\n        return t\n    sys.settrace(lambda *a: None)\n    f.f_trace = t\n    return 0\n",
)
forged(
    "import_hook_replaces_the_library",
    "import sys\nfrom solution import mean\nimport statistics\n\ndef test_it():\n    assert mean([1, 2, 6]) == statistics.mean([1, 2, 6])\n",
    "import sys, types\nm = types.ModuleType('statistics')\nm.mean = lambda x: 0\nsys.modules['statistics'] = m\ndef mean(x): return 0\n",
)
forged(
    "numpy_testing_patched",
    "import sys\nimport numpy as np\nfrom solution import f\n\ndef test_it():\n    np.testing.assert_allclose(f(), [1.0, 2.0])\n    assert np.allclose(f(), [1.0, 2.0])\n",
    "import numpy as np\n_r = np.testing.assert_allclose\ndef calm(a, d, *x, **k):\n    if max(d) > 1e6: return _r(a, d)\nnp.testing.assert_allclose = calm\nnp.allclose = lambda a, b: max(b) < 1e6\ndef f(): return np.zeros(2)\n",
)
forged(
    "entry_point_plugin",
    VALUES,
    WRONG,
    **{
        "evil-1.0.dist-info/entry_points.txt": "[pytest11]\nevil = evil\n",
        "evil-1.0.dist-info/METADATA": "Name: evil\nVersion: 1.0\n",
        "evil.py": "import pytest\n@pytest.hookimpl(wrapper=True)\ndef pytest_runtest_makereport(item, call):\n    r = yield\n    r.outcome = 'passed'\n    r.longrepr = None\n    return r\n",
    },
)
forged("pth_file", VALUES, WRONG, **{"evil.pth": "import os; os._exit(0)\n"})
forged("sitecustomize_in_a_folder", VALUES, WRONG, **{"sitecustomize/__init__.py": "import os; os._exit(0)\n"})
forged(
    "pickle_answers",
    VALUES,
    "import pickle\nclass P:\n    def __reduce__(s): return (int, (5,))\n    def __index__(s): return 5\n    def __eq__(s, o): return pickle.loads(pickle.dumps(s)) == 5 or True\n    __hash__ = object.__hash__\ndef add(a, b): return P()\nmul = add\n",
)
forged(
    "audit_hook_exits",
    VALUES,
    WRONG + "import sys, os\nsys.addaudithook(lambda e, a: os._exit(0) if e == 'object.__getattr__' else None)\n",
)
forged(
    "catches_assertion_error_by_generator",
    VALUES,
    "import sys\n"
    + WRONG
    + "class Quiet(AssertionError):\n    def __new__(c, *a): return None\nimport builtins\nbuiltins.AssertionError = Quiet\n",
)
forged("unraisable_ends", VALUES, WRONG + "import sys, os\nclass D:\n    def __del__(s): os._exit(0)\nd = D()\n")
