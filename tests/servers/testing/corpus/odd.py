# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Right solutions of odd shapes, with odd tests; every one must pass: name -> (workspace files, candidate)."""

ODD = {}


def right(name, tests, solution, **more):
    ODD[name] = ({"test_s.py": tests, **more}, {"s.py": solution})


right(
    "exception hierarchy",
    "import pytest\nfrom s import f, BankError\ndef test_it():\n    with pytest.raises(BankError):\n        f()\n",
    "class BankError(Exception): pass\nclass Poor(BankError): pass\ndef f(): raise Poor('x')\n",
)
right(
    "error with its own text",
    "from s import f, Bad\ndef test_it():\n    try:\n        f()\n    except Bad as e:\n        assert str(e) == 'bad 7'\n        assert e.code == 7\n",
    "class Bad(Exception):\n    def __init__(self, code): self.code = code\n    def __str__(self): return f'bad {self.code}'\ndef f(): raise Bad(7)\n",
)
right(
    "error with a method",
    "import pytest\nfrom s import f, Bad\ndef test_it():\n    with pytest.raises(Bad) as e:\n        f()\n    assert e.value.twice() == 14\n    assert e.value.half == 3.5\n",
    "class Bad(Exception):\n    def __init__(self, code): super().__init__('x'); self.code = code\n    def twice(self): return 2 * self.code\n    @property\n    def half(self): return self.code / 2\ndef f(): raise Bad(7)\n",
)
right(
    "error of two parents",
    "import pytest\nfrom s import f, Missing\ndef test_it():\n    with pytest.raises(KeyError):\n        f()\n    with pytest.raises(Missing, match='gone'):\n        f()\n",
    "class Base(Exception): pass\nclass Missing(Base, KeyError): pass\ndef f(): raise Missing('gone')\n",
)
right(
    "str enum",
    "from s import f, Color\ndef test_it():\n    assert f() == Color.RED\n    assert f().name == 'RED'\n    assert f() == 'red'\n",
    "from enum import Enum\nclass Color(str, Enum):\n    RED = 'red'\ndef f(): return Color.RED\n",
)
right(
    "int enum",
    "from s import f\ndef test_it():\n    assert f().name == 'HIGH'\n    assert f() > 1\n",
    "from enum import IntEnum\nclass P(IntEnum):\n    LOW = 1\n    HIGH = 2\ndef f(): return P.HIGH\n",
)
right(
    "enum",
    "from s import Color\ndef test_it():\n    assert Color.RED.value == 1\n    assert [c.name for c in Color] == ['RED', 'BLUE']\n    assert Color(2) == Color.BLUE\n    assert Color['RED'] == Color.RED\n    assert len(Color) == 2\n",
    "from enum import Enum\nclass Color(Enum):\n    RED = 1\n    BLUE = 2\n",
)
right(
    "default dict",
    "from s import f\ndef test_it():\n    assert f('ab')['z'] == []\n    assert f('ab')['a'] == [0]\n",
    "from collections import defaultdict\ndef f(s):\n    d = defaultdict(list)\n    for i, c in enumerate(s): d[c].append(i)\n    return d\n",
)
right(
    "ordered dict",
    "from s import f\ndef test_it():\n    d = f()\n    d.move_to_end('a')\n    assert list(d) == ['b', 'a']\n",
    "from collections import OrderedDict\ndef f(): return OrderedDict(a=1, b=2)\n",
)
right(
    "abstract base of the tests' class",
    "from s import Shape\nclass Square(Shape):\n    def area(self): return 4\ndef test_it():\n    assert Square().twice() == 8\n",
    "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n    def area(self): ...\n    def twice(self): return 2 * self.area()\n",
)
right(
    "abstract base inside a test",
    "import pytest\nfrom s import Shape\ndef test_it():\n    class Square(Shape):\n        def area(self): return 4\n    assert Square().twice() == 8\n    with pytest.raises(TypeError):\n        Shape()\n",
    "from abc import ABC, abstractmethod\nclass Shape(ABC):\n    @abstractmethod\n    def area(self): ...\n    def twice(self): return 2 * self.area()\n",
)
right(
    "context manager that suppresses",
    "from s import ignoring\ndef test_it():\n    with ignoring(ValueError):\n        raise ValueError('x')\n    assert True\n",
    "from contextlib import contextmanager\n@contextmanager\ndef ignoring(*kinds):\n    try: yield\n    except kinds: pass\n",
)
right(
    "context manager that cleans up",
    "import pytest\nfrom s import Res\ndef test_it():\n    with pytest.raises(RuntimeError):\n        with Res() as r:\n            raise RuntimeError\n    assert r.failed == 'RuntimeError'\n    assert r.closed\n",
    "class Res:\n    closed = False\n    failed = ''\n    def __enter__(self): return self\n    def __exit__(self, kind, e, tb):\n        self.closed = True\n        self.failed = kind.__name__ if kind else ''\n",
)
right(
    "equals a plain value by itself",
    "from s import Money\ndef test_it():\n    assert Money(5) == 5\n    assert Money(5) != 6\n    assert Money(5) + 1 == Money(6)\n",
    "class Money:\n    def __init__(self, n): self.n = n\n    def __eq__(self, o): return self.n == (o.n if isinstance(o, Money) else o)\n    def __hash__(self): return hash(self.n)\n    def __add__(self, o): return Money(self.n + o)\n",
)
right(
    "text without case",
    "from s import CI\ndef test_it():\n    assert CI('Abc') == 'aBC'\n    assert {CI('A'): 1}[CI('a')] == 1\n",
    "class CI(str):\n    def __eq__(self, o): return self.lower() == o.lower()\n    def __ne__(self, o): return not self == o\n    def __hash__(self): return hash(self.lower())\n",
)
right(
    "named tuple with methods",
    "from s import P\ndef test_it():\n    assert P(3, 4).norm() == 5\n    assert P(3, 4)._replace(x=1) == (1, 4)\n    assert P(1, 2).x == 1\n",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    x: int\n    y: int\n    def norm(self): return (self.x ** 2 + self.y ** 2) ** 0.5\n",
)
right(
    "decorator keeps the name",
    "from s import logged\n@logged\ndef greet(name):\n    'Say hello.'\n    return 'hi ' + name\ndef test_it():\n    assert greet('x') == 'hi x'\n    assert greet.__name__ == 'greet'\n    assert greet.__doc__ == 'Say hello.'\n    assert greet.calls == 1\n",
    "import functools\ndef logged(f):\n    @functools.wraps(f)\n    def w(*a, **k):\n        w.calls += 1\n        return f(*a, **k)\n    w.calls = 0\n    return w\n",
)
right(
    "curry looks at the signature",
    "from s import curry\ndef test_it():\n    def add(a, b, c): return a + b + c\n    assert curry(add)(1)(2)(3) == 6\n",
    "import inspect\ndef curry(f):\n    n = len(inspect.signature(f).parameters)\n    def g(*a): return f(*a) if len(a) >= n else lambda *b: g(*a, *b)\n    return g\n",
)
right(
    "retry with the tests' error",
    "import pytest\nfrom s import retry\nclass Flaky(Exception): pass\nclass Other(Exception): pass\ndef test_it():\n    seen = []\n    @retry(3, Flaky)\n    def f():\n        seen.append(1)\n        if len(seen) < 3: raise Flaky('again')\n        return len(seen)\n    assert f() == 3\n    @retry(3, Flaky)\n    def g(): raise Other\n    with pytest.raises(Other):\n        g()\n",
    "def retry(n, kind):\n    def deco(f):\n        def w(*a):\n            for i in range(n):\n                try: return f(*a)\n                except kind:\n                    if i == n - 1: raise\n        return w\n    return deco\n",
)
right(
    "callback error passes through",
    "import pytest\nfrom s import apply\nclass Mine(Exception): pass\ndef test_it():\n    def bad(): raise Mine('x')\n    with pytest.raises(Mine):\n        apply(bad)\n",
    "def apply(f): return f()\n",
)
right(
    "cache info",
    "from s import fib\ndef test_it():\n    fib.cache_clear()\n    assert fib(30) == 832040\n    assert fib.cache_info().misses == 31\n",
    "from functools import lru_cache\n@lru_cache(None)\ndef fib(n): return n if n < 2 else fib(n-1) + fib(n-2)\n",
)
right(
    "deep nesting",
    "from s import flat\ndef test_it():\n    x = [1]\n    for _ in range(150): x = [x]\n    assert flat(x) == [1]\n",
    "def flat(x):\n    return [x] if not isinstance(x, list) else [z for y in x for z in flat(y)]\n",
)
right(
    "zone of a date",
    "from zoneinfo import ZoneInfo\nimport datetime\nfrom s import f\ndef test_it():\n    d = f()\n    assert d.tzinfo == ZoneInfo('Europe/Berlin')\n    assert d.tzname() == 'CEST'\n    assert d.utcoffset() == datetime.timedelta(hours=2)\n",
    "import datetime, zoneinfo\ndef f(): return datetime.datetime(2024, 7, 1, tzinfo=zoneinfo.ZoneInfo('Europe/Berlin'))\n",
)
right(
    "numpy values",
    "import numpy as np\nimport pytest\nfrom s import mean, vec\ndef test_it():\n    assert mean([1, 2]) == pytest.approx(1.5)\n    assert vec(3).shape == (3,)\n    np.testing.assert_allclose(vec(2), [0, 1])\n    assert mean([1]).dtype == np.float64\n    assert (vec(2) == np.array([0, 1])).all()\n",
    "import numpy as np\ndef mean(x): return np.mean(x)\ndef vec(n): return np.arange(n, dtype=float)\n",
)
right(
    "generator protocol",
    "import pytest\nfrom s import avg\ndef test_it():\n    g = avg()\n    next(g)\n    assert g.send(10) == 10\n    assert g.send(20) == 15\n    g.close()\n    with pytest.raises(StopIteration):\n        next(g)\n",
    "def avg():\n    n = t = 0\n    a = None\n    while True:\n        t += yield a\n        n += 1\n        a = t / n\n",
)
right(
    "iterator class",
    "import pytest\nfrom s import Count\ndef test_it():\n    it = iter(Count(2))\n    assert next(it) == 0\n    assert next(it) == 1\n    with pytest.raises(StopIteration):\n        next(it)\n    assert list(Count(3)) == [0, 1, 2]\n    assert 1 in Count(3)\n",
    "class Count:\n    def __init__(self, n): self.n, self.i = n, 0\n    def __iter__(self): return self\n    def __next__(self):\n        if self.i >= self.n: raise StopIteration\n        self.i += 1\n        return self.i - 1\n",
)
right(
    "inplace operators",
    "from s import V\ndef test_it():\n    v = V(1)\n    w = v\n    v += V(2)\n    assert v.x == 3\n    assert w.x == 3\n    assert -v == V(-3)\n    assert abs(V(-2)) == 2\n    assert round(V(2.6)) == 3\n    assert f'{V(1):>4}' == '  V1'\n",
    "class V:\n    def __init__(self, x): self.x = x\n    def __iadd__(self, o): self.x += o.x; return self\n    def __neg__(self): return V(-self.x)\n    def __abs__(self): return abs(self.x)\n    def __round__(self, n=None): return round(self.x)\n    def __eq__(self, o): return self.x == o.x\n    def __format__(self, spec): return format(f'V{self.x}', spec)\n",
)
right(
    "async test with inner",
    "import asyncio\nfrom s import f, agen\ndef test_it():\n    async def main():\n        assert await f(2) == 4\n        assert [x async for x in agen(2)] == [0, 1]\n    asyncio.run(main())\n",
    "async def f(x): return x * 2\nasync def agen(n):\n    for i in range(n): yield i\n",
)
right(
    "isolated asyncio case",
    "import unittest\nfrom s import f\nclass T(unittest.IsolatedAsyncioTestCase):\n    async def asyncSetUp(self): self.x = 2\n    async def test_it(self):\n        self.assertEqual(await f(self.x), 4)\n",
    "async def f(x): return x * 2\n",
)
right(
    "parametrize with ids",
    "import pytest\nfrom s import f\n@pytest.mark.parametrize('a,b', [(1, 2), pytest.param(2, 3, id='two'), (3, 4)], ids=['one', None, 'three'])\n@pytest.mark.parametrize('c', [0, 1])\ndef test_it(a, b, c):\n    assert f(a, c) == b + c\n",
    "def f(a, c): return a + 1 + c\n",
)
right(
    "fixtures with yield",
    "import pytest\nfrom s import Store\n@pytest.fixture\ndef store():\n    s = Store()\n    s.put('a', 1)\n    yield s\n    s.close()\n    assert s.closed\ndef test_it(store):\n    assert store.get('a') == 1\n    assert store.get('b') is None\n",
    "class Store:\n    closed = False\n    def __init__(self): self.d = {}\n    def put(self, k, v): self.d[k] = v\n    def get(self, k): return self.d.get(k)\n    def close(self): self.closed = True\n",
)
right(
    "monkeypatch and env",
    "import os\nfrom s import home\ndef test_it(monkeypatch):\n    monkeypatch.setenv('APP_HOME', '/x')\n    assert home() == '/x'\n    monkeypatch.delenv('APP_HOME')\n    assert home() == '/default'\n",
    "import os\ndef home(): return os.environ.get('APP_HOME', '/default')\n",
)
right(
    "capsys",
    "from s import hello\ndef test_it(capsys):\n    hello('x')\n    assert capsys.readouterr().out == 'hello x\\n'\n",
    "def hello(n): print('hello', n)\n",
)
right(
    "caplog",
    "import logging\nfrom s import work\ndef test_it(caplog):\n    with caplog.at_level(logging.INFO):\n        work()\n        assert 'done' in caplog.text\n    assert caplog.records[0].levelname == 'INFO'\n",
    "import logging\ndef work(): logging.getLogger('s').info('done')\n",
)
right(
    "tmp path",
    "from s import save, load\ndef test_it(tmp_path):\n    p = tmp_path / 'x.txt'\n    save(p, [1, 2])\n    assert p.read_text() == '1\\n2\\n'\n    assert load(p) == [1, 2]\n",
    "def save(p, xs): p.write_text(''.join(f'{x}\\n' for x in xs))\ndef load(p): return [int(x) for x in p.read_text().split()]\n",
)
right(
    "temporary folder in a with",
    "import os, tempfile\nfrom s import save\ndef test_it():\n    with tempfile.TemporaryDirectory() as d:\n        p = os.path.join(d, 'x')\n        save(p, 'hi')\n        with open(p) as f:\n            assert f.read() == 'hi'\n",
    "def save(p, t):\n    with open(p, 'w') as f: f.write(t)\n",
)
right(
    "warnings",
    "import warnings, pytest\nfrom s import old\ndef test_it():\n    with pytest.warns(DeprecationWarning, match='old'):\n        assert old() == 1\n    with warnings.catch_warnings(record=True) as w:\n        warnings.simplefilter('always')\n        old()\n        assert len(w) == 1\n",
    "import warnings\ndef old():\n    warnings.warn('old', DeprecationWarning, stacklevel=2)\n    return 1\n",
)
right(
    "set up class and skips nothing",
    "import unittest\nfrom s import Db\nclass T(unittest.TestCase):\n    @classmethod\n    def setUpClass(cls): cls.db = Db()\n    def setUp(self): self.n = self.db.add('x')\n    def tearDown(self): self.db.rows.clear()\n    def test_one(self): self.assertEqual(self.n, 1)\n    def test_two(self):\n        for i in range(3):\n            with self.subTest(i=i):\n                self.assertEqual(self.db.add(str(i)), i + 2)\n        self.assertCountEqual(self.db.rows, ['x', '0', '1', '2'])\n",
    "class Db:\n    def __init__(self): self.rows = []\n    def add(self, r): self.rows.append(r); return len(self.rows)\n",
)
right(
    "mock of time",
    "from unittest import mock\nfrom s import stamp\ndef test_it():\n    with mock.patch('time.time', return_value=100.0):\n        assert stamp() == 'at 100'\n    notify = mock.Mock()\n    stamp(notify)\n    notify.assert_called_once()\n",
    "import time\ndef stamp(n=None):\n    if n: n('x')\n    return f'at {time.time():.0f}'\n",
)
right(
    "mock callback with arguments",
    "from unittest.mock import Mock\nfrom s import each\ndef test_it():\n    m = Mock(return_value=2)\n    assert each([1, 2], m) == [2, 2]\n    m.assert_any_call(1)\n    assert m.call_count == 2\n",
    "def each(xs, f): return [f(x) for x in xs]\n",
)
right(
    "patch of the module",
    "from unittest.mock import patch\nimport s\ndef test_it():\n    with patch('s.fetch', return_value=3):\n        assert s.double() == 6\n    with patch.object(s, 'fetch', lambda: 5):\n        assert s.double() == 10\n",
    "def fetch(): raise OSError\ndef double(): return 2 * fetch()\n",
)
right(
    "recursion",
    "import pytest\nfrom s import deep\ndef test_it():\n    assert deep(500) == 500\n    with pytest.raises(RecursionError):\n        deep(10 ** 6)\n",
    "def deep(n): return 0 if n == 0 else 1 + deep(n - 1)\n",
)
right(
    "hypothesis",
    "from hypothesis import given, settings, strategies as st\nfrom s import rev\n@settings(max_examples=20)\n@given(st.lists(st.integers()))\ndef test_it(x):\n    assert rev(rev(x)) == x\n    assert len(rev(x)) == len(x)\n",
    "def rev(x): return x[::-1]\n",
)
right(
    "hash and set of objects",
    "from s import P\ndef test_it():\n    assert len({P(1), P(1), P(2)}) == 2\n    assert P(1) in {P(1)}\n    assert P(1) != P(2)\n    assert P(1) < P(2)\n    assert sorted([P(2), P(1)])[0].x == 1\n",
    "from functools import total_ordering\n@total_ordering\nclass P:\n    def __init__(self, x): self.x = x\n    def __eq__(self, o): return isinstance(o, P) and self.x == o.x\n    def __lt__(self, o): return self.x < o.x\n    def __hash__(self): return hash(self.x)\n",
)
right(
    "dataclass",
    "import dataclasses\nimport pytest\nfrom s import Item, total\ndef test_it():\n    a = Item('x', 2.5)\n    assert a == Item('x', 2.5)\n    assert total([a, Item('y', 1)]) == 3.5\n    assert repr(a) == \"Item(name='x', price=2.5)\"\n    assert dataclasses.asdict(a) == {'name': 'x', 'price': 2.5}\n    with pytest.raises(dataclasses.FrozenInstanceError):\n        a.price = 1\n",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Item:\n    name: str\n    price: float\ndef total(xs): return sum(x.price for x in xs)\n",
)
right(
    "frozen error without dataclasses in the tests",
    "import pytest\nfrom s import Item\ndef test_it():\n    a = Item('x')\n    with pytest.raises(AttributeError):\n        a.name = 'y'\n    assert a.name == 'x'\n",
    "from dataclasses import dataclass\n@dataclass(frozen=True)\nclass Item:\n    name: str\n",
)
right(
    "helper module of the tests",
    "from helpers import same\nfrom s import f\ndef test_it():\n    same(f(2), 4)\n    same(f(3), 9)\n",
    "def f(x): return x * x\n",
    **{"helpers.py": "def same(a, b):\n    assert a == b, (a, b)\n"},
)
right(
    "singleton",
    "from s import S\ndef test_it():\n    assert S() is S()\n    assert S(1) == S(2)\n",
    "class S:\n    _one = None\n    def __new__(cls, *a):\n        if cls._one is None: cls._one = super().__new__(cls)\n        return cls._one\n",
)
right(
    "own max by star",
    "from s import *\ndef test_it():\n    assert max([1, 3, 2]) == (1, 3)\n    assert max([]) is None\n",
    "def max(xs): return (sorted(range(len(xs)), key=xs.__getitem__)[-1], sorted(xs)[-1]) if xs else None\n",
)
right(
    "star with modules",
    "import math\nfrom s import *\ndef test_it():\n    assert math.isclose(area(1), math.pi)\n    assert abs(area(2) - 4 * math.pi) < 1e-9\n",
    "import math\ndef area(r): return math.pi * r * r\n",
)
right(
    "try except else",
    "from s import f\ndef test_it():\n    try:\n        f(-1)\n        assert False, 'no error'\n    except ValueError as e:\n        assert 'neg' in str(e)\n    else:\n        assert False\n",
    "def f(x):\n    if x < 0: raise ValueError('negative')\n",
)
right(
    "finite group",
    "from s import Mod\ndef test_it():\n    assert Mod(3) + Mod(5) == Mod(1)\n    assert Mod(3) * 2 == Mod(6)\n",
    "class Mod:\n    def __init__(self, n): self.n = n % 7\n    def __add__(self, o): return Mod(self.n + o.n)\n    def __mul__(self, k): return Mod(self.n * k)\n    def __eq__(self, o): return self.n == o.n\n",
)
right(
    "path objects",
    "from pathlib import Path\nfrom s import f\ndef test_it():\n    assert f('a') == Path('a.txt')\n    assert f('a').suffix == '.txt'\n",
    "from pathlib import Path\ndef f(x): return Path(x).with_suffix('.txt')\n",
)
right(
    "unhashable and user dict",
    "from s import f\ndef test_it():\n    d = f()\n    assert d['a'] == 1\n    assert dict(d) == {'a': 1}\n    assert d == {'a': 1}\n    assert 'a' in d\n    assert len(d) == 1\n",
    "from collections import UserDict\ndef f(): return UserDict(a=1)\n",
)
right(
    "deque and counter",
    "from collections import Counter, deque\nfrom s import f, g\ndef test_it():\n    assert f() == deque([1, 2])\n    assert g('aab').most_common(1) == [('a', 2)]\n    assert g('ab') + g('a') == Counter('aab')\n",
    "from collections import Counter, deque\ndef f(): return deque([1, 2])\ndef g(s): return Counter(s)\n",
)
right(
    "threads",
    "import threading\nfrom s import Counter\ndef test_it():\n    c = Counter()\n    ts = [threading.Thread(target=lambda: [c.inc() for _ in range(100)]) for _ in range(4)]\n    [t.start() for t in ts]\n    [t.join() for t in ts]\n    assert c.n == 400\n",
    "import threading\nclass Counter:\n    def __init__(self): self.n, self.lock = 0, threading.Lock()\n    def inc(self):\n        with self.lock: self.n += 1\n",
)
right(
    "doctest",
    "import doctest\nimport s\ndef test_it():\n    r = doctest.testmod(s)\n    assert r.failed == 0\n    assert r.attempted == 1\n",
    "def f(x):\n    '''\n    >>> f(1)\n    2\n    '''\n    return x + 1\n",
)
right(
    "property and class method",
    "import pytest\nfrom s import T\ndef test_it():\n    t = T.from_f(212)\n    assert t.c == 100\n    t.c = 0\n    assert t.f == 32\n    with pytest.raises(ValueError):\n        t.c = -300\n    assert T.is_cold(-1)\n",
    "class T:\n    def __init__(self, c): self.c = c\n    @classmethod\n    def from_f(cls, f): return cls((f - 32) * 5 / 9)\n    @property\n    def c(self): return self._c\n    @c.setter\n    def c(self, v):\n        if v < -273: raise ValueError('cold')\n        self._c = v\n    @property\n    def f(self): return self._c * 9 / 5 + 32\n    @staticmethod\n    def is_cold(c): return c < 0\n",
)
right(
    "complex and bytes and none",
    "from s import f\ndef test_it():\n    assert f() == [1j, b'a', None, ..., True]\n",
    "def f(): return [1j, b'a', None, ..., True]\n",
)
right(
    "exception group and notes",
    "import pytest\nfrom s import f\ndef test_it():\n    with pytest.raises(ExceptionGroup) as e:\n        f()\n    assert len(e.value.exceptions) == 2\n",
    "def f(): raise ExceptionGroup('many', [ValueError(1), TypeError(2)])\n",
)
right(
    "chained cause",
    "import pytest\nfrom s import f, Wrapped\ndef test_it():\n    with pytest.raises(Wrapped) as e:\n        f()\n    assert e.value.__cause__.args == ('inner',)\n",
    "class Wrapped(Exception): pass\ndef f():\n    try: raise KeyError('inner')\n    except KeyError as e: raise Wrapped('outer') from e\n",
)
right(
    "os error number",
    "import pytest\nfrom s import f\ndef test_it():\n    with pytest.raises(FileNotFoundError) as e:\n        f()\n    assert e.value.errno == 2\n    with pytest.raises(SystemExit) as x:\n        import s\n        s.g()\n    assert x.value.code == 3\n",
    "import sys\ndef f(): open('/no/such')\ndef g(): sys.exit(3)\n",
)
right(
    "unicode decode error",
    "import pytest\nfrom s import f\ndef test_it():\n    with pytest.raises(UnicodeDecodeError) as e:\n        f(b'\\xff')\n    assert e.value.start == 0\n",
    "def f(b): return b.decode('utf-8')\n",
)
right(
    "aliased arguments",
    "from s import f\ndef test_it():\n    x = [1]\n    f(x, x)\n    assert x == [1, 2, 2]\n",
    "def f(a, b):\n    a.append(2)\n    b.append(2)\n",
)
right(
    "returns its argument's part",
    "from s import f\ndef test_it():\n    x = {'a': [1]}\n    f(x).append(2)\n    assert x == {'a': [1, 2]}\n",
    "def f(x): return x['a']\n",
)
right(
    "keeps a reference",
    "from s import Box\ndef test_it():\n    x = [1]\n    b = Box(x)\n    x.append(2)\n    assert b.items == [1]\n    b.items.append(3)\n    assert b.size() == 2\n",
    "class Box:\n    def __init__(self, x): self.items = list(x)\n    def size(self): return len(self.items)\n",
)
right(
    "observer",
    "from s import Bus\ndef test_it():\n    got = []\n    b = Bus()\n    b.on('x', got.append)\n    b.emit('x', 1)\n    assert got == [1]\n    b.off('x', got.append)\n    b.emit('x', 2)\n    assert got == [1]\n",
    "class Bus:\n    def __init__(self): self.h = {}\n    def on(self, k, f): self.h.setdefault(k, []).append(f)\n    def off(self, k, f): self.h[k].remove(f)\n    def emit(self, k, *a):\n        for f in list(self.h.get(k, ())): f(*a)\n",
)
right(
    "linked list by attributes",
    "from s import Node, rev\ndef test_it():\n    a = Node(1)\n    a.next = Node(2)\n    r = rev(a)\n    assert r.val == 2\n    assert r.next.val == 1\n    assert r.next.next is None\n",
    "class Node:\n    def __init__(self, v): self.val, self.next = v, None\ndef rev(n):\n    p = None\n    while n: n.next, p, n = p, n, n.next\n    return p\n",
)
right(
    "tests' objects for the candidate",
    "from s import total\nclass Item:\n    def __init__(self, p): self.price = p\ndef test_it():\n    assert total([Item(1), Item(2)]) == 3\n",
    "def total(xs): return sum(x.price for x in xs)\n",
)
right(
    "type error by the candidate",
    "import pytest\nfrom s import f\ndef test_it():\n    with pytest.raises(TypeError):\n        f('x')\n    with pytest.raises(AttributeError):\n        f(None).nothing\n    assert f(1) == 2\n",
    "def f(x): return x if x is None else x + 1\n",
)
