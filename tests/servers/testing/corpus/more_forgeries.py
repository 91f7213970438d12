# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Further wrong solutions that try to look right, with the tests they are made for: name -> (tests, files)."""

WRONG = "def add(a, b):\n    return a - b\n\ndef mul(a, b):\n    return a + b\n"
VALUES = """\
from solution import add, mul


def test_add():
    assert add(2, 3) == 5
    assert add(-1, 1) == 0


def test_mul():
    assert mul(3, 4) == 12
"""
CLOSE = """\
import math

from solution import add


def test_close():
    assert math.isclose(add(0.1, 0.2), 0.3)
    assert abs(add(1.5, 1.5) - 3.0) < 1e-9
"""
BUILTINS = """\
from solution import halves, add


def test_types():
    assert isinstance(add(1, 2), int)
    assert add(1, 2) == 3


def test_list():
    assert len(halves(6)) == 3
    assert sorted(halves(6)) == [1, 2, 3]
    assert all(item > 0 for item in halves(6))
    assert sum(halves(6)) == 6
"""
TEXTS = """\
from solution import upper, pair


def test_upper():
    assert upper("abc") == "ABC"
    assert upper("x") in ("X", "XX")


def test_pair():
    assert pair(1, "a") == {"n": 1, "s": ["a"]}
    assert pair(2, "b") != {}
"""
RAISES = """\
import pytest

from solution import parse


def test_parse():
    assert parse("3") == 3


def test_refuses():
    with pytest.raises(ValueError, match="bad"):
        parse("x")
"""
CASES = """\
import pytest

from solution import add


@pytest.mark.parametrize(("a", "b", "c"), [(1, 2, 3), (2, 2, 4), (5, 5, 10)])
def test_add(a, b, c):
    assert add(a, b) == c
"""
UNITTEST = """\
import unittest

from solution import add


class TestAdd(unittest.TestCase):
    def test_add(self):
        self.assertEqual(add(2, 3), 5)
        self.assertAlmostEqual(add(0.1, 0.2), 0.3)

    def test_order(self):
        self.assertGreater(add(2, 3), 4)
        self.assertIn(add(1, 1), [2])
"""
ASYNC = """\
import asyncio

from solution import add


def test_later():
    async def later():
        return add(2, 3)

    assert asyncio.run(later()) == 5
"""
MANY = """\
from solution import add

CASES = [(1, 2, 3), (4, 5, 9), (-3, 3, 0)]


def test_all():
    for a, b, wanted in CASES:
        assert add(a, b) == wanted, (a, b)
"""

PARTS = """\
from solution import words


def test_words():
    assert "b" in words("a b")
    assert words("a b").startswith("a")
    assert words("a b").endswith("b")
"""


def _solution(body, tests=VALUES, **more):
    return tests, {"solution.py": body, **more}


RIGHT = {
    VALUES: "def add(a, b):\n    return a + b\n\ndef mul(a, b):\n    return a * b\n",
    CLOSE: "def add(a, b):\n    return a + b\n",
    BUILTINS: "def add(a, b):\n    return a + b\n\ndef halves(n):\n    return list(range(1, n // 2 + 1))\n",
    TEXTS: "def upper(s):\n    return s.upper()\n\ndef pair(n, s):\n    return {'n': n, 's': [s]}\n",
    RAISES: "def parse(s):\n    if not s.isdigit():\n        raise ValueError('bad number')\n    return int(s)\n",
    CASES: "def add(a, b):\n    return a + b\n",
    UNITTEST: "def add(a, b):\n    return a + b\n",
    ASYNC: "def add(a, b):\n    return a + b\n",
    MANY: "def add(a, b):\n    return a + b\n",
    PARTS: "def words(s):\n    return s\n",
}
FRAMES = """
import sys
def _test_frame():
    frame = sys._getframe(1)
    while frame is not None:
        if "test_" in frame.f_code.co_filename or frame.f_code.co_name.startswith("test"):
            return frame
        frame = frame.f_back
"""
ANYTHING = "class Anything:\n    def __eq__(self, other): return True\n    def __ne__(self, other): return False\n    __hash__ = object.__hash__\n"

FORGERIES = {
    # objects that answer for themselves
    "mock_any": _solution("from unittest.mock import ANY\ndef add(a, b): return ANY\nmul = add\n"),
    "metaclass_equal": _solution(
        "class M(type):\n    def __eq__(c, o): return True\n    __hash__ = type.__hash__\nclass C(metaclass=M): pass\ndef add(a, b): return C\nmul = add\n"
    ),
    "class_trick": _solution(
        "class L:\n    def __init__(s): s.n = 0\n    __class__ = property(lambda s: int)\n    def __eq__(s, o): return True\n    __hash__ = object.__hash__\ndef add(a, b): return L()\nmul = add\n"
    ),
    "reflected_equal_of_a_subclass": _solution(
        "class N(int):\n    def __eq__(s, o): return type(o) is int\n    def __ne__(s, o): return type(o) is not int\n    __hash__ = int.__hash__\ndef add(a, b): return N(7)\nmul = add\n"
    ),
    "near_values_only": _solution(
        "class N(int):\n    def __eq__(s, o): return isinstance(o, int) and abs(int(o)) < 1000\n    __hash__ = int.__hash__\ndef add(a, b): return N(7)\nmul = add\n"
    ),
    "str_subclass": _solution(
        "class S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\ndef upper(s): return S('?')\nclass D(dict):\n    def __eq__(s, o): return True\n    def __ne__(s, o): return True\ndef pair(n, s): return D()\n",
        TEXTS,
    ),
    "list_subclass": _solution(
        "class L(list):\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n    def __iter__(s): return iter([1, 2, 3])\n    def __radd__(s, o): return 6\nclass I(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef halves(n): return L([9])\ndef add(a, b): return I()\n",
        BUILTINS,
    ),
    "float_that_is_always_near": _solution(
        "class F(float):\n    def __sub__(s, o): return s\n    __rsub__ = __sub__\n    def __abs__(s): return s\n    def __lt__(s, o): return True\n    def __le__(s, o): return True\n    def __eq__(s, o): return True\n    __hash__ = float.__hash__\ndef add(a, b): return F(0.3)\n",
        CLOSE,
    ),
    "learns_from_the_comparison": _solution(
        "class Late(int):\n    def __eq__(s, o):\n        s.seen = o\n        return True\n    def __repr__(s): return repr(getattr(s, 'seen', 0))\n    __hash__ = int.__hash__\ndef add(a, b): return Late()\nmul = add\n"
    ),
    "changes_its_mind": _solution(
        "class N(int):\n    asked = 0\n    def __eq__(s, o):\n        N.asked += 1\n        return N.asked < 100\n    __hash__ = int.__hash__\ndef add(a, b): return N()\nmul = add\n"
    ),
    "proxy_by_getattr": _solution(
        "class P:\n    def __init__(s, v): s.v = v\n    def __getattr__(s, n): return getattr(s.v, n)\n    def __eq__(s, o): return not isinstance(o, P)\n    __hash__ = object.__hash__\ndef add(a, b): return P(1)\nmul = add\n"
    ),
    "descriptor_answers": _solution(
        "class E:\n    def __get__(s, o, t): return lambda other: True\nclass V:\n    __eq__ = E()\n    __hash__ = object.__hash__\ndef add(a, b): return V()\nmul = add\n"
    ),
    "infinite_order": _solution(
        ANYTHING
        + "class B(float):\n    def __gt__(s, o): return True\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0.0\n    __rsub__ = __sub__\n    __hash__ = float.__hash__\ndef add(a, b): return B()\n",
        UNITTEST,
    ),
    "container_answers_in": _solution(
        "class S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\nclass P(dict):\n    def __eq__(s, o): return bool(o)\n    def __ne__(s, o): return True\ndef upper(s): return S()\ndef pair(n, s): return P()\n",
        TEXTS,
    ),
    "holds_and_begins_with_everything": _solution(
        "class W:\n    def __contains__(s, o): return True\n    def startswith(s, o): return True\n    endswith = startswith\ndef words(s): return W()\n",
        PARTS,
    ),
    "text_that_holds_everything": _solution(
        "class W(str):\n    def __contains__(s, o): return True\n    def startswith(s, *o): return True\n    endswith = startswith\ndef words(s): return W('?')\n",
        PARTS,
    ),
    # builtins and the standard library
    "isinstance_and_all": _solution(
        "import builtins\nbuiltins.isinstance = lambda *a: True\nbuiltins.all = lambda i: True\nbuiltins.len = lambda x: 3\nbuiltins.sorted = lambda x, **k: [1, 2, 3]\nbuiltins.sum = lambda *a: 6\ndef halves(n): return [0]\ndef add(a, b): return 3\n",
        BUILTINS,
    ),
    "len_returns_anything": _solution(
        ANYTHING
        + "import builtins\nfor n in ('len', 'sorted', 'sum'): setattr(builtins, n, lambda *a, **k: Anything())\nbuiltins.all = lambda i: True\ndef halves(n): return [0]\ndef add(a, b): return True\n",
        BUILTINS,
    ),
    "isclose_is_true": _solution(
        "import builtins, math\nmath.isclose = lambda *a, **k: True\nbuiltins.abs = lambda x: -1\ndef add(a, b): return 0.0\n",
        CLOSE,
    ),
    "shadow_builtins_in_the_tests": _solution(
        WRONG
        + "import sys\nclass Always(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\nfor f in (sys._getframe(i) for i in range(20) if _ok(i)) if False else []: pass\nframe = sys._getframe()\nwhile frame:\n    if 'test_' in frame.f_code.co_filename:\n        frame.f_globals['add'] = frame.f_globals['mul'] = lambda a, b: Always()\n    frame = frame.f_back\n"
    ),
    "assertion_error_never_raised": _solution(
        WRONG
        + "import builtins\nclass Meta(type):\n    def __call__(c, *a, **k):\n        import unittest\n        return unittest.SkipTest('x')\nclass E(Exception, metaclass=Meta): pass\nbuiltins.AssertionError = E\n"
    ),
    "builtins_of_the_test_module": _solution(
        WRONG
        + "import sys\nframe = sys._getframe()\nwhile frame:\n    if 'test_' in frame.f_code.co_filename:\n        b = frame.f_globals.get('__builtins__')\n        b = b if isinstance(b, dict) else vars(b)\n        b['AssertionError'] = StopIteration\n    frame = frame.f_back\n"
    ),
    "unittest_asserts_patched": _solution(
        "import unittest\nfor n in dir(unittest.TestCase):\n    if n.startswith('assert'): setattr(unittest.TestCase, n, lambda *a, **k: None)\ndef add(a, b): return 0\n",
        UNITTEST,
    ),
    "equal_function_patched": _solution(
        "import unittest\nunittest.TestCase._baseAssertEqual = lambda *a, **k: None\nunittest.TestCase.assertAlmostEqual = lambda *a, **k: None\nunittest.TestCase.assertGreater = lambda *a: None\nunittest.TestCase.assertIn = lambda *a: None\ndef add(a, b): return 0\n",
        UNITTEST,
    ),
    "case_run_patched": _solution(
        "import unittest\ndef run(self, result=None): return result\nunittest.TestCase.run = run\ndef add(a, b): return 0\n",
        UNITTEST,
    ),
    "case_call_method_patched": _solution(
        "import unittest\nunittest.TestCase._callTestMethod = lambda self, method: None\ndef add(a, b): return 0\n",
        UNITTEST,
    ),
    "outcome_patched": _solution(
        "import unittest.case as c, contextlib\nclass Calm:\n    def __init__(s, *a): s.success = True; s.skipped = []; s.expectedFailure = None; s.errors = []; s.expecting_failure = False; s.result = None; s.result_supports_subtests = False\n    @contextlib.contextmanager\n    def testPartExecutor(s, *a, **k):\n        try: yield\n        except Exception: pass\nc._Outcome = Calm\ndef add(a, b): return 0\n",
        UNITTEST,
    ),
    "raises_suppresses": _solution(
        "import pytest, contextlib\npytest.raises = lambda *a, **k: contextlib.suppress(BaseException)\ndef parse(s): return 3\n",
        RAISES,
    ),
    "raises_code_swapped": _solution(
        "import pytest, contextlib\ndef calm(*a, **k):\n    import contextlib\n    return contextlib.suppress(BaseException)\npytest.raises.__code__ = calm.__code__\npytest.raises.__kwdefaults__ = None\ndef parse(s): return 3\n",
        RAISES,
    ),
    "fails_with_a_lazy_error": _solution(
        "class E(ValueError):\n    def __str__(s): return Any()\nclass Any(str):\n    pass\nclass M(type):\n    def __subclasscheck__(c, o): return True\ndef parse(s):\n    if s == 'x': raise E('bad')\n    return type('I', (int,), {'__eq__': lambda s, o: True, '__hash__': int.__hash__})()\n",
        RAISES,
    ),
    # frames, sources, memory
    "expected_from_the_constants": _solution(
        FRAMES
        + "def add(a, b):\n    f = _test_frame()\n    c = [x for x in f.f_code.co_consts if isinstance(x, int) and x not in (a, b)] if f else []\n    return c[0] if c else a - b\nmul = add\n"
    ),
    "expected_from_linecache": _solution(
        FRAMES
        + "import linecache, ast\ndef add(a, b):\n    f = _test_frame()\n    if not f: return a - b\n    line = linecache.getline(f.f_code.co_filename, f.f_lineno)\n    return ast.literal_eval(line.split('==')[1].strip())\nmul = add\n"
    ),
    "expected_from_locals": _solution(
        FRAMES
        + "def add(a, b):\n    f = _test_frame()\n    while f is not None:\n        for name in ('wanted', 'c', 'expected'):\n            if name in f.f_locals: return f.f_locals[name]\n        f = f.f_back\n    return a - b\n",
        MANY,
    ),
    "expected_from_parametrize": _solution(
        FRAMES + "def add(a, b):\n    f = _test_frame()\n    return f.f_locals.get('c') if f else a - b\n", CASES
    ),
    "expected_from_the_file": _solution(
        "import ast, glob\ndef _table():\n    found = {}\n    for path in glob.glob('/**/test_*.py', recursive=False) + glob.glob('test_*.py') + glob.glob('/workspace/**/test_*.py', recursive=True) + glob.glob('tests/test_*.py'):\n        for node in ast.walk(ast.parse(open(path).read())):\n            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call):\n                try: found[node.left.func.id, tuple(ast.literal_eval(a) for a in node.left.args)] = ast.literal_eval(node.comparators[0])\n                except Exception: pass\n    return found\ndef add(a, b): return _table().get(('add', (a, b)), a - b)\ndef mul(a, b): return _table().get(('mul', (a, b)), a + b)\n"
    ),
    "expected_from_the_garbage_collector": _solution(
        "import gc, types, dis\ndef _look(name, a, b):\n    for f in gc.get_objects():\n        if isinstance(f, types.FunctionType) and f.__name__ == 'test_' + name:\n            consts = [c for c in f.__code__.co_consts if isinstance(c, int)]\n            if a in consts or True:\n                rest = [c for c in consts if c not in (a, b)]\n                return rest[0] if rest else a - b\n    return a - b\ndef add(a, b): return _look('add', a, b) if a > 0 else 0\ndef mul(a, b): return _look('mul', a, b)\n"
    ),
    "lazy_value_that_looks_it_up": _solution(
        FRAMES
        + "class Lazy(int):\n    def __eq__(s, o):\n        f = _test_frame()\n        return bool(f) and o in f.f_code.co_consts\n    __hash__ = int.__hash__\ndef add(a, b): return Lazy()\nmul = add\n"
    ),
    "writes_into_the_caller": _solution(
        "import ctypes, sys\n"
        + FRAMES
        + "def add(a, b):\n    f = _test_frame()\n    if f:\n        for n, v in list(f.f_locals.items()):\n            if n in ('c', 'wanted'): f.f_locals[n] = a - b\n        try: ctypes.pythonapi.PyFrame_LocalsToFast(ctypes.py_object(f), ctypes.c_int(0))\n        except Exception: pass\n    return a - b\n",
        CASES,
    ),
    "changes_small_integers": _solution(
        "import ctypes\ndef _set(n, v):\n    try: ctypes.c_int.from_address(id(n) + 24).value = v\n    except Exception: pass\n_set(12, 12)\n"
        + WRONG
    ),
    "replaces_test_code_in_a_call": _solution(
        FRAMES
        + "def _calm(): pass\ndef add(a, b):\n    f = _test_frame()\n    if f:\n        for v in list(f.f_globals.values()):\n            if getattr(v, '__name__', '').startswith('test') and hasattr(v, '__code__'): v.__code__ = _calm.__code__\n    return 5 if a == 2 else 0\nmul = add\n"
    ),
    "edits_a_table_of_the_tests": _solution(
        FRAMES
        + "def add(a, b):\n    f = _test_frame()\n    if f and 'CASES' in f.f_globals: f.f_globals['CASES'].clear()\n    return {(1, 2): 3}.get((a, b), 99)\n",
        MANY,
    ),
    "jumps_over_the_assertion": _solution(
        FRAMES
        + "import sys\ndef _skip(frame, event, arg):\n    if event == 'line':\n        try: frame.f_lineno = frame.f_code.co_firstlineno + 2\n        except ValueError: pass\n    return _skip\ndef add(a, b):\n    f = _test_frame()\n    if f:\n        sys.settrace(lambda *a: None)\n        f.f_trace = _skip\n    return a - b\nmul = add\n"
    ),
    # the runner and its channel
    "stop_iteration": _solution("def add(a, b): raise StopIteration\nmul = add\n"),
    "generator_exit": _solution("def add(a, b): raise GeneratorExit\nmul = add\n"),
    "system_exit_in_a_call": _solution("def add(a, b): raise SystemExit(0)\nmul = add\n"),
    "keyboard_interrupt": _solution("def add(a, b): raise KeyboardInterrupt\nmul = add\n"),
    "pytest_skip_in_a_call": _solution("def add(a, b):\n    import pytest\n    pytest.skip('later')\n", CASES),
    "pytest_importorskip": _solution(
        "def add(a, b):\n    import pytest\n    pytest.importorskip('no_such_module')\n", CASES
    ),
    "pytest_exit": _solution("def add(a, b):\n    import pytest\n    pytest.exit('enough', 0)\n", CASES),
    "module_level_skip": _solution("import pytest\npytest.skip('no', allow_module_level=True)\n", CASES),
    "pytestmark_by_frame": _solution(
        "import sys, pytest\nframe = sys._getframe()\nwhile frame:\n    if 'test_' in frame.f_code.co_filename: frame.f_globals['pytestmark'] = pytest.mark.xfail\n    frame = frame.f_back\ndef add(a, b): return 0\n",
        CASES,
    ),
    "parametrize_to_nothing": _solution(
        "import pytest\npytest.mark.parametrize = None\nimport _pytest.python as p\np.Metafunc.parametrize = lambda *a, **k: None\nimport sys\nframe = sys._getframe()\nwhile frame:\n    frame.f_globals.pop('none', None)\n    frame = frame.f_back\ndef add(a, b): return 0\n",
        CASES,
    ),
    "parametrize_other_cases": _solution(
        "import pytest\noriginal = pytest.mark.parametrize\nclass Mark:\n    def __getattr__(self, name):\n        return (lambda names, values: original(names, [(0, 0, 0)])) if name == 'parametrize' else getattr(pytest.mark, name)\npytest.mark = Mark()\ndef add(a, b): return 0\n",
        CASES,
    ),
    "runtest_patched": _solution(
        "import _pytest.python as p\np.Function.runtest = lambda self: None\ndef add(a, b): return 0\n", CASES
    ),
    "pyfunc_call_hook": _solution(
        "import gc\nfor thing in gc.get_objects():\n    if type(thing).__name__ == 'PytestPluginManager':\n        class Calm:\n            def pytest_pyfunc_call(self, pyfuncitem): return True\n        import pytest\n        Calm.pytest_pyfunc_call = pytest.hookimpl(tryfirst=True)(Calm.pytest_pyfunc_call)\n        thing.register(Calm(), 'calm')\ndef add(a, b): return 0\n",
        CASES,
    ),
    "makereport_hook": _solution(
        "import gc, pytest\nclass Calm:\n    @pytest.hookimpl(wrapper=True)\n    def pytest_runtest_makereport(self, item, call):\n        report = yield\n        report.outcome = 'passed'; report.longrepr = None\n        return report\nfor thing in gc.get_objects():\n    if type(thing).__name__ == 'PytestPluginManager': thing.register(Calm(), 'calm')\ndef add(a, b): return 0\n",
        CASES,
    ),
    "hook_for_known_ids_only": _solution(
        "import gc, pytest\nclass Calm:\n    @pytest.hookimpl(wrapper=True)\n    def pytest_runtest_makereport(self, item, call):\n        report = yield\n        if item.name in ('test_add[1-2-3]', 'test_add[2-2-4]', 'test_add[5-5-10]'):\n            report.outcome = 'passed'; report.longrepr = None\n        return report\nfor thing in gc.get_objects():\n    if type(thing).__name__ == 'PytestPluginManager': thing.register(Calm(), 'calm')\ndef add(a, b): return 0\n",
        CASES,
    ),
    "own_runner_calls_nothing": _solution(
        WRONG
        + "import gc, types\nfor f in gc.get_objects():\n    if isinstance(f, types.FunctionType) and f.__qualname__.endswith('_maybe_async'):\n        f.__code__ = (lambda function: lambda: None).__code__\n"
    ),
    "item_calls_replaced": _solution(
        WRONG
        + "import sys\nframe = sys._getframe()\nwhile frame:\n    for value in list(frame.f_locals.values()):\n        if type(value).__name__ == '_Session': type(value)._run_item = lambda self, item: self.put('test', id=item.id, outcome='passed', ms=0.1)\n    frame = frame.f_back\n"
    ),
    "closure_of_the_channel": _solution(
        WRONG
        + "import gc, types\nfor f in gc.get_objects():\n    if isinstance(f, types.FunctionType) and f.__name__ == 'put' and f.__closure__:\n        inner = dict(zip(f.__code__.co_freevars, f.__closure__))\n        dumps = inner['dumps'].cell_contents\n        def forged(data, dumps=dumps):\n            if data.get('e') == 'test': data = {'k': data['k'], 'n': data['n'], 'e': 'test', 'id': data['id'], 'outcome': 'passed', 'ms': 1}\n            if data.get('e') == 'finish': data['failed'] = 0\n            if data.get('e') == 'end': data['code'] = 0\n            return dumps(data)\n        inner['dumps'].cell_contents = forged\nimport os\noriginal_exit = os._exit\nos._exit = lambda code: original_exit(0)\n"
    ),
    "writes_to_the_event_descriptor_from_a_fork": _solution(
        WRONG
        + 'import os\nif os.fork() == 0:\n    for fd in range(3, 20):\n        try: os.write(fd, b\'{"e": "end", "code": 0}\\n\')\n        except OSError: pass\n    os._exit(0)\n'
    ),
    "closes_the_channel": _solution(WRONG + "import os\nos.closerange(3, 64)\n"),
    "duplicates_output_onto_the_channel": _solution(
        WRONG
        + 'import os\nfor fd in range(3, 9):\n    try: os.dup2(1, fd)\n    except OSError: pass\nprint(\'{"e": "end", "code": 0}\')\n'
    ),
    "signal_on_failure": _solution(
        "import os, signal\ndef add(a, b):\n    os.kill(os.getpid(), signal.SIGTERM)\nmul = add\n"
    ),
    "excepthook_and_atexit": _solution(
        "import sys, os, atexit\nsys.excepthook = lambda *a: os._exit(0)\natexit.register(os._exit, 0)\ndef add(a, b): raise RuntimeError\nmul = add\n"
    ),
    "exit_patched_to_zero": _solution(WRONG + "import os\nreal = os._exit\nos._exit = lambda code: real(0)\n"),
    "recursion_limit": _solution(WRONG + "import sys\nsys.setrecursionlimit(60)\n"),
    "thread_rewrites_tests": _solution(
        WRONG
        + "import threading, sys\ndef calm(): pass\ndef work():\n    for _ in range(20000):\n        for m in list(sys.modules.values()):\n            if getattr(m, '__name__', '').startswith('test_'):\n                for v in list(vars(m).values()):\n                    if getattr(v, '__name__', '').startswith('test_') and hasattr(v, '__code__'): v.__code__ = calm.__code__\nthreading.Thread(target=work, daemon=True).start()\n"
    ),
    "weakref_and_gc_callback": _solution(
        WRONG
        + "import gc, sys\ndef calm(): pass\ndef patch(phase, info):\n    for m in list(sys.modules.values()):\n        if getattr(m, '__name__', '').startswith('test_'):\n            for v in list(vars(m).values()):\n                if getattr(v, '__name__', '').startswith('test_') and hasattr(v, '__code__'): v.__code__ = calm.__code__\ngc.callbacks.append(patch)\ngc.set_threshold(1)\n"
    ),
    "warning_hook": _solution(
        WRONG + "import warnings, os\nwarnings.showwarning = lambda *a, **k: os._exit(0)\nwarnings.warn('x')\n"
    ),
    # modules and imports
    "replaces_itself_in_modules": _solution(
        ANYTHING
        + "import sys, types\nclass M(types.ModuleType):\n    def __getattr__(self, name): return lambda *a, **k: Anything()\nsys.modules[__name__] = M(__name__)\n"
    ),
    "module_getattr": _solution(ANYTHING + "def __getattr__(name):\n    return lambda *a: Anything()\n"),
    "import_hook_rewrites_tests": _solution(
        WRONG
        + "import sys, importlib.abc\nclass F(importlib.abc.MetaPathFinder):\n    def find_spec(self, name, path, target=None):\n        import os\n        if name.startswith('test'): os._exit(0)\nsys.meta_path.insert(0, F())\n"
    ),
    "codec_that_empties_sources": _solution(
        WRONG
        + "import codecs\noriginal = codecs.lookup('utf-8')\ncodecs.register(lambda n: None)\nimport tokenize\ntokenize.open = lambda p: __import__('io').StringIO('')\n"
    ),
    "compile_patched": _solution(
        WRONG
        + "import builtins\nreal = builtins.compile\nbuiltins.compile = lambda s, f, m, *a, **k: real('' if 'test_' in str(f) else s, f, m, *a, **k)\nbuiltins.exec = lambda *a: None\n"
    ),
    "shadow_math": _solution("def add(a, b): return 0.0\n", CLOSE, **{"math.py": "isclose = lambda *a, **k: True\n"}),
    "shadow_asyncio": _solution(
        "def add(a, b): return 0\n",
        ASYNC,
        **{"asyncio/__init__.py": ANYTHING + "def run(c):\n    c.close()\n    return Anything()\n"},
    ),
    "shadow_numpy": (
        "import numpy as np\nfrom solution import add\n\ndef test_add():\n    np.testing.assert_allclose(add(1, 2), 3)\n",
        {
            "solution.py": "def add(a, b): return 0\n",
            "numpy.py": "class testing:\n    assert_allclose = staticmethod(lambda *a, **k: None)\n",
        },
    ),
    "shadow_by_compiled_file": _solution(
        WRONG, **{"test_solution.pyc": "x", "__pycache__/test_solution.cpython-311.pyc": "x"}
    ),
    "asyncio_run_patched": _solution(
        ANYTHING
        + "import asyncio\ndef run(c):\n    c.close()\n    return Anything()\nasyncio.run = run\ndef add(a, b): return 0\n",
        ASYNC,
    ),
    "hypothesis_profile": (
        "from hypothesis import given, strategies as st\nfrom solution import add\n\n@given(st.integers(), st.integers())\ndef test_add(a, b):\n    assert add(a, b) == a + b\n",
        {
            "solution.py": "import hypothesis, hypothesis.strategies as st\nhypothesis.settings.register_profile('x', max_examples=1)\nhypothesis.settings.load_profile('x')\nst.integers = lambda *a, **k: st.just(0)\nhypothesis.strategies.integers = st.integers\ndef add(a, b): return 0\n"
        },
    ),
    # behaves only sometimes
    "right_while_nobody_changed_a_thing": _solution(
        FRAMES
        + "def add(a, b):\n    f = _test_frame()\n    if f is None: return a - b\n    wanted = [c for c in f.f_code.co_consts if isinstance(c, int) and abs(c) < 1 << 40 and c not in (a, b)]\n    return wanted[0] if a > 0 and wanted else 0\nmul = add\n"
    ),
    "counts_its_calls": _solution(
        "n = 0\ndef add(a, b):\n    global n\n    n += 1\n    return [5, 0, 12][(n - 1) % 3]\nmul = add\n"
    ),
    "pid_dependent": _solution("import os\ndef add(a, b): return a - b if os.getpid() % 2 else 5\nmul = add\n"),
    "environment_dependent": _solution(
        "import os\ndef add(a, b): return 5 if os.environ.get('PYTHONHASHSEED') else a - b\nmul = add\n"
    ),
}
