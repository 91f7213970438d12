# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Wrong solutions for tests of all kinds that values alone do not decide: name -> (tests, files)."""

FORGERIES = {}


def forged(name, tests, body, **more):
    FORGERIES[name] = (tests, {"solution.py": body, **more})


ANY = "class Any_:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = object.__hash__\n"
FRAME = "import sys\ndef _f(depth=1):\n    f = sys._getframe(depth)\n    while f:\n        if 'test_' in f.f_code.co_filename: return f\n        f = f.f_back\n"
T_TMP = "from solution import save, load\n\ndef test_it(tmp_path):\n    p = tmp_path / 'x.txt'\n    save(p, [1, 2])\n    assert p.read_text() == '1,2'\n    assert load(p) == [1, 2]\n    assert len(list(tmp_path.iterdir())) == 1\n"
forged(
    "writes_what_the_source_says",
    T_TMP,
    FRAME
    + "import ast, re\ndef save(p, xs):\n    f = _f()\n    lines = open(f.f_code.co_filename).read().splitlines()[f.f_lineno:]\n    text = next(ast.literal_eval(l.split('==')[1].strip()) for l in lines if 'read_text' in l)\n    p.write_text(text)\ndef load(p):\n    f = _f()\n    line = open(f.f_code.co_filename).read().splitlines()[f.f_lineno - 1]\n    return ast.literal_eval(line.split('==')[1].strip())\n",
)
forged(
    "path_read_text_patched",
    T_TMP,
    "import pathlib\nclass S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\npathlib.Path.read_text = lambda s: S()\ndef save(p, xs): open(p, 'w').close()\ndef load(p): return [1, 2]\n",
)
forged(
    "path_subclass_from_fixture",
    T_TMP,
    "import gc, pathlib\nclass P(type(pathlib.Path())):\n    def read_text(s, *a): return '1,2'\nclass L(list):\n    def __eq__(s, o): return True\ndef save(p, xs):\n    open(p, 'w').close()\n    p.__class__ = P\ndef load(p): return L()\n",
)
T_CAP = "from solution import report\n\ndef test_it(capsys):\n    report(['a', 'b'])\n    out, err = capsys.readouterr()\n    assert out == 'a\\nb\\n'\n    assert err == ''\n"
forged(
    "prints_what_the_source_says",
    T_CAP,
    FRAME
    + "import ast\ndef report(xs):\n    f = _f()\n    lines = open(f.f_code.co_filename).read().splitlines()\n    print(next(ast.literal_eval(l.split('==')[1].strip()) for l in lines if 'assert out ==' in l), end='')\n",
)
forged(
    "capture_patched",
    T_CAP,
    "import _pytest.capture as c\nclass S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\nc.CaptureFixture.readouterr = lambda s: (S(), S())\ndef report(xs): pass\n",
)
forged(
    "capture_patched_to_known",
    T_CAP,
    "import _pytest.capture as c\nc.CaptureFixture.readouterr = lambda s: ('a\\nb\\n', '')\ndef report(xs): pass\n",
)
T_MOCK = "from unittest.mock import Mock, patch\nimport solution\n\ndef test_it():\n    sender = Mock(return_value=True)\n    assert solution.notify(sender, 'x') is True\n    sender.assert_called_once_with('x', retries=3)\n    with patch('solution.fetch', return_value={'a': 1}) as f:\n        assert solution.total() == 1\n        f.assert_called_once()\n"
forged(
    "mock_records_patched",
    T_MOCK,
    "from unittest import mock\nmock.NonCallableMock.assert_called_once_with = lambda *a, **k: None\nmock.NonCallableMock.assert_called_once = lambda *a, **k: None\ndef notify(s, x): return True\ndef fetch(): return {}\ndef total(): return 1\n",
)
forged(
    "mock_calls_forged",
    T_MOCK,
    ANY
    + "def notify(s, x):\n    s.call_count = 1\n    s.called = True\n    s.call_args = Any_()\n    s.call_args_list = [Any_()]\n    s.mock_calls = Any_()\n    return True\ndef fetch(): return {}\ndef total():\n    fetch()\n    return Any_()\n",
)
forged(
    "patch_does_nothing",
    T_MOCK,
    "import contextlib\nfrom unittest import mock\nclass M:\n    def assert_called_once(s): pass\nmock.patch = lambda *a, **k: contextlib.nullcontext(M())\ndef notify(s, x):\n    s.assert_called_once_with = lambda *a, **k: None\n    return True\ndef fetch(): return {}\ndef total(): return 1\n",
)
T_ASYNC = "import asyncio\nimport unittest\nfrom solution import gather_all\n\nclass T(unittest.IsolatedAsyncioTestCase):\n    async def test_a(self):\n        self.assertEqual(await gather_all([1, 2]), [2, 4])\n\n    async def test_b(self):\n        with self.assertRaises(ValueError):\n            await gather_all(None)\n"
forged(
    "async_case_never_awaits",
    T_ASYNC,
    "import unittest\ndef call(self, method):\n    r = method()\n    if hasattr(r, 'close'): r.close()\nunittest.IsolatedAsyncioTestCase._callTestMethod = call\nasync def gather_all(x): return 0\n",
)
forged(
    "async_always_equal",
    T_ASYNC,
    ANY + "async def gather_all(x):\n    if x is None: raise ValueError\n    return Any_()\n",
)
forged(
    "loop_swallows",
    T_ASYNC,
    "import asyncio\nclass L(asyncio.SelectorEventLoop):\n    def run_until_complete(s, f):\n        try: return super().run_until_complete(f)\n        except AssertionError: return None\nclass P(asyncio.DefaultEventLoopPolicy):\n    def new_event_loop(s): return L()\nasyncio.set_event_loop_policy(P())\nasync def gather_all(x): return 0\n",
)
T_CLASS = "import pytest\nfrom solution import Stack\n\n@pytest.fixture\ndef stack():\n    s = Stack()\n    s.push(1)\n    s.push(2)\n    yield s\n    assert s.size >= 0\n\nclass TestStack:\n    def test_pop(self, stack):\n        assert stack.pop() == 2\n        assert stack.size == 1\n\n    def test_iter(self, stack):\n        assert list(stack) == [2, 1]\n        assert isinstance(stack, Stack)\n\n    def test_empty(self):\n        with pytest.raises(IndexError):\n            Stack().pop()\n        assert not Stack()\n"
forged(
    "class_of_yes",
    T_CLASS,
    "class Yes(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\n    def __ge__(s, o): return True\nclass Stack:\n    def __init__(s): s.n = 0\n    def push(s, x): s.n += 1\n    def pop(s):\n        if not s.n: raise IndexError\n        return Yes()\n    size = property(lambda s: Yes())\n    def __iter__(s): return iter([2, 1])\n    def __bool__(s): return False\n",
)
forged(
    "list_is_patched_by_iter",
    T_CLASS,
    FRAME
    + "import ast\nclass Stack:\n    def __init__(s): s.n = 0\n    def push(s, x): s.n += 1\n    def _want(s):\n        f = _f()\n        return ast.literal_eval(open(f.f_code.co_filename).read().splitlines()[f.f_lineno - 1].split('==')[1].strip())\n    def pop(s):\n        if not s.n: raise IndexError\n        return s._want()\n    @property\n    def size(s):\n        try: return s._want()\n        except Exception: return 0\n    def __iter__(s): return iter(s._want())\n    def __bool__(s): return False\n",
)
T_CLI = "import subprocess\nimport sys\n\ndef test_it():\n    done = subprocess.run([sys.executable, 'solution.py', '2', '3'], capture_output=True, text=True)\n    assert done.stdout.strip() == '5'\n    assert done.returncode == 0\n"
forged(
    "program_reads_the_tests",
    T_CLI,
    "import re\ntext = open('test_solution.py').read()\nprint(re.search(r\"== '([^']*)'\", text)[1])\n",
)
forged("program_leaves_early", T_CLI, "import os\nos._exit(0)\n")
T_INPUT = "import io\nimport sys\nfrom solution import main\n\ndef test_it(monkeypatch, capsys):\n    monkeypatch.setattr(sys, 'stdin', io.StringIO('2 3\\n'))\n    main()\n    assert capsys.readouterr().out.strip() == '5'\n"
forged(
    "strip_that_lies",
    T_INPUT,
    "import sys\nclass S(str):\n    def strip(s, *a): return S()\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\nimport collections\nR = collections.namedtuple('R', 'out err')\ndef main():\n    f = sys._getframe(1)\n    c = f.f_locals['capsys']\n    c.__class__ = type('C', (type(c),), {'readouterr': lambda s: R(S(), S())})\n",
)
forged(
    "stdin_echo_by_source",
    T_INPUT,
    FRAME
    + "def main():\n    f = _f()\n    import re\n    print(re.findall(r\"== '([^']*)'\", open(f.f_code.co_filename).read())[-1])\n",
)
T_WARN = "import warnings\nimport pytest\nfrom solution import old\n\ndef test_it():\n    with pytest.warns(DeprecationWarning, match='use new'):\n        old()\n    with warnings.catch_warnings():\n        warnings.simplefilter('error')\n        with pytest.raises(DeprecationWarning):\n            old()\n"
forged(
    "warns_patched",
    T_WARN,
    "import contextlib, pytest\npytest.warns = pytest.raises = lambda *a, **k: contextlib.suppress(BaseException)\ndef old(): pass\n",
)
forged(
    "warning_class_lies",
    T_WARN,
    "import warnings\nclass S(str):\n    pass\nclass D(DeprecationWarning):\n    def __str__(s): return 'use new'\ndef old():\n    f = __import__('sys')._getframe(1)\n    raise D('x') if 'error' in str(warnings.filters[0]) else warnings.warn(D('zzz'))\n",
)
T_LOG = "import logging\nfrom solution import work\n\ndef test_it(caplog):\n    with caplog.at_level(logging.INFO):\n        work(3)\n    assert [r.getMessage() for r in caplog.records] == ['step 0', 'step 1', 'step 2']\n"
forged(
    "log_records_lie",
    T_LOG,
    "import logging\nclass R:\n    levelno = 20\n    def getMessage(s):\n        return type('S', (str,), {'__eq__': lambda s, o: True, '__hash__': str.__hash__})()\ndef work(n):\n    import sys\n    c = sys._getframe(1).f_locals['caplog']\n    c.handler.records.extend([R(), R(), R()])\n",
)
T_ENUM = "import enum\nfrom solution import Color, mix\n\ndef test_it():\n    assert isinstance(Color.RED, enum.Enum)\n    assert mix(Color.RED, Color.BLUE) is Color.PURPLE\n    assert Color('red') is Color.RED\n"
forged(
    "one_member_for_all",
    T_ENUM,
    "import enum\nclass M(enum.EnumMeta):\n    def __call__(c, *a, **k): return c.RED if len(a) == 1 else super().__call__(*a, **k)\n    def __getattribute__(c, n):\n        return enum.EnumMeta.__getattribute__(c, 'RED') if n in ('BLUE', 'PURPLE') else super().__getattribute__(n)\nclass Color(enum.Enum, metaclass=M):\n    RED = 'x'\ndef mix(a, b): return Color.RED\n",
)
T_THREAD = "import threading\nfrom solution import Counter\n\ndef test_it():\n    c = Counter()\n    ts = [threading.Thread(target=c.inc) for _ in range(10)]\n    for t in ts:\n        t.start()\n    for t in ts:\n        t.join()\n    assert c.value == 10\n"
forged(
    "thread_counts_by_constants",
    T_THREAD,
    FRAME
    + "class Counter:\n    def inc(s): pass\n    @property\n    def value(s):\n        f = _f()\n        return [k for k in f.f_code.co_consts if isinstance(k, int)][-1]\n",
)
T_ORDER = "import random\nfrom solution import shuffle_sorted\n\ndef test_it():\n    data = list(range(20))\n    random.seed(3)\n    random.shuffle(data)\n    assert shuffle_sorted(data) == sorted(data)\n    assert data != sorted(data)\n"
forged(
    "sorted_of_builtins_code",
    T_ORDER,
    "import builtins\n_s = builtins.sorted\ndef lying(x, **k): return x\nbuiltins.sorted = lying\nclass L(list):\n    def __eq__(s, o): return True\n    def __ne__(s, o): return True\ndef shuffle_sorted(x): return L(x)\n",
)
T_DATA = "import dataclasses\nfrom solution import Item\n\ndef test_it():\n    a = Item('x', 1)\n    assert dataclasses.asdict(a) == {'name': 'x', 'n': 1}\n    assert a == Item('x', 1)\n    assert a != Item('y', 1)\n    assert dataclasses.replace(a, n=2).n == 2\n"
forged(
    "asdict_patched",
    T_DATA,
    "import dataclasses\ndataclasses.asdict = lambda x: {'name': 'x', 'n': 1}\nclass R:\n    n = 2\ndataclasses.replace = lambda a, **k: R\nclass Item:\n    def __init__(s, *a): s.a = a\n    def __eq__(s, o): return s.a == o.a\n",
)
T_TIME = "import time\nfrom solution import throttle\n\ndef test_it(monkeypatch):\n    now = [0.0]\n    monkeypatch.setattr(time, 'monotonic', lambda: now[0])\n    calls = []\n    f = throttle(1.0)(lambda: calls.append(1))\n    f()\n    f()\n    assert len(calls) == 1\n    now[0] = 2.0\n    f()\n    assert len(calls) == 2\n"
forged(
    "len_patched_for_lists_of_tests",
    T_TIME,
    "import builtins, sys\n_l = len\ndef lying(x):\n    f = sys._getframe(1)\n    if 'test_' in f.f_code.co_filename and type(x) is list:\n        ks = [k for k in f.f_code.co_consts if isinstance(k, int) and not isinstance(k, bool)]\n        lying.n = getattr(lying, 'n', -1) + 1\n        return ks[lying.n % 2]\n    return _l(x)\nbuiltins.len = lying\ndef throttle(t): return lambda f: f\n",
)
T_REC = "import json\nimport os\nfrom solution import dump\n\ndef test_it(tmp_path):\n    path = os.path.join(tmp_path, 'x.json')\n    dump({'a': [1]}, path)\n    with open(path) as stream:\n        assert json.load(stream) == {'a': [1]}\n"
forged(
    "open_patched",
    T_REC,
    "import builtins, io\n_o = open\ndef lying(p, *a, **k):\n    return io.StringIO('{\"a\": [1]}') if str(p).endswith('x.json') else _o(p, *a, **k)\nbuiltins.open = lying\ndef dump(x, p): pass\n",
)
forged(
    "json_load_always_equal",
    T_REC,
    "import json\nclass D(dict):\n    def __eq__(s, o): return True\njson.load = lambda s: D()\ndef dump(x, p): open(p, 'w').close()\n",
)
T_SUBCLASS = "from abc import ABC\nfrom solution import Shape, describe\n\nclass Sq(Shape):\n    def area(self):\n        return 4\n\ndef test_it():\n    assert describe(Sq()) == 'Sq with area 4'\n    assert issubclass(Shape, ABC)\n"
forged(
    "text_that_equals_any_text",
    T_SUBCLASS,
    "from abc import ABC\nclass S(str):\n    def __eq__(s, o): return type(o) is str\n    __hash__ = str.__hash__\nclass Shape(ABC): pass\ndef describe(s): return S('?')\n",
)
forged(
    "init_subclass_rewrites_tests",
    T_SUBCLASS,
    "from abc import ABC\nimport sys\ndef calm(): pass\nclass Shape(ABC):\n    def __init_subclass__(c):\n        g = sys._getframe(1).f_globals\n        class D(dict): pass\n        def prof(fr, ev, a):\n            if 'test_it' in g: g['test_it'].__code__ = calm.__code__\n        sys.setprofile(prof)\ndef describe(s): return ''\n",
)
T_WITH = "import contextlib\nfrom solution import Timer, tx\n\ndef test_it():\n    log = []\n    with contextlib.suppress(ValueError):\n        with tx(log):\n            raise ValueError\n    assert log == ['begin', 'rollback']\n    with Timer() as t:\n        assert t.running is True\n    assert t.running is False\n"
forged(
    "context_swallows_and_lies",
    T_WITH,
    "class tx:\n    def __init__(s, log): log[:] = type('L', (list,), {})(); s.log = log\n    def __enter__(s): pass\n    def __exit__(s, *a): return True\nclass B:\n    pass\nclass Timer:\n    def __enter__(s): return s\n    def __exit__(s, *a): return True\n    running = property(lambda s: True)\n",
)
T_PROP = "from hypothesis import given, settings, strategies as st\nimport sys\nfrom solution import encode, decode\n\n@settings(max_examples=30)\n@given(st.text())\ndef test_round(s):\n    assert decode(encode(s)) == s\n\ndef test_size():\n    assert sys.getsizeof(encode('a' * 1000)) < 500\n"
forged(
    "round_trip_by_memory",
    T_PROP,
    "T = []\ndef encode(s):\n    T.append(s)\n    return len(T) - 1\ndef decode(i):\n    return T[i] if len(T) < 3 else type('S', (str,), {'__eq__': lambda s, o: True, '__hash__': str.__hash__})()\n",
)
