# ruff: noqa: E501, ISC004 - programs in strings
"""Honest solutions in shapes that are hard for split mode."""

# name -> (tests, solution, the step that confirms it besides the canary)
HONEST: dict[str, tuple[str, str, str]] = {
    "mutates its argument": (
        "from s import sort\ndef test_it():\n    x = [3, 1, 2]\n    sort(x)\n    assert x == [1, 2, 3]\n",
        "def sort(x): x.sort()\n",
        "split",
    ),
    "mutates inside its argument": (
        "from s import put\ndef test_it():\n    x = {'a': [1]}\n    inner = x['a']\n    put(x)\n    assert inner == [1, 2]\n",
        "def put(x): x['a'].append(2)\n",
        "split",
    ),
    "raises a builtin": (
        "import unittest\nfrom s import f\nclass T(unittest.TestCase):\n    def test_it(self):\n"
        "        with self.assertRaises(ValueError) as caught:\n            f(-1)\n        self.assertIn('negative', str(caught.exception))\n",
        "def f(x):\n    if x < 0: raise ValueError('negative')\n",
        "split",
    ),
    "raises its own error": (
        "from s import f, Bad\ndef test_it():\n    try:\n        f()\n    except Bad as error:\n        assert error.code == 7\n"
        "    else:\n        assert False\n    assert f.__name__ == 'f'\n",
        "class Bad(Exception):\n    def __init__(self, code):\n        super().__init__('bad')\n        self.code = code\ndef f(): raise Bad(7)\n",
        "split",
    ),
    "is a generator": (
        "from s import f\ndef test_it():\n    assert list(f(3)) == [0, 1, 2]\n",
        "def f(n):\n    yield from range(n)\n",
        "split",
    ),
    "takes a function": (
        "from s import twice\ndef test_it():\n    seen = []\n    def g(x):\n        seen.append(x)\n        return x + 1\n"
        "    assert twice(g, 1) == 3\n    assert seen == [1, 2]\n",
        "def twice(g, x): return g(g(x))\n",
        "split",
    ),
    "returns a function": (
        "from s import adder\ndef test_it():\n    assert adder(2)(3) == 5\n",
        "def adder(a): return lambda b: a + b\n",
        "split",
    ),
    "is a class with state": (
        "from s import Stack\ndef test_it():\n    s = Stack()\n    s.push(1)\n    s.push(2)\n    assert s.pop() == 2\n"
        "    assert len(s) == 1\n    assert s.items == [1]\n",
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
        "    def pop(self): return self.items.pop()\n    def __len__(self): return len(self.items)\n",
        "split",
    ),
    "is a class compared with its own kind": (
        "from s import P\ndef test_it():\n    assert P(1) + P(2) == P(3)\n",
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n    def __add__(self, o): return P(self.x + o.x)\n",
        "cold",
    ),
    "is checked by isinstance": (
        "from s import A, make\ndef test_it():\n    assert isinstance(make(), A)\n",
        "class A: pass\ndef make(): return A()\n",
        "cold",
    ),
    "returns a named tuple": (
        "from s import f\ndef test_it():\n    assert f().x == 1\n    assert f() == (1, 2)\n",
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)\n",
        "split",
    ),
    "returns counters and sets": (
        "from s import f\ndef test_it():\n    assert f('aab') == {'a': 2, 'b': 1}\n    assert f('a')['zzz'] == 0\n",
        "from collections import Counter\ndef f(x): return Counter(x)\n",
        "split",
    ),
    "returns floats": (
        "from s import f\ndef test_it():\n    assert abs(f(2) - 1.41421356) < 1e-6\n",
        "def f(x): return x ** 0.5\n",
        "split",
    ),
    "returns decimals and dates": (
        "from s import f\nfrom decimal import Decimal\nimport datetime\ndef test_it():\n"
        "    assert f() == (Decimal('1.1'), datetime.date(2020, 1, 2))\n",
        "from decimal import Decimal\nimport datetime\ndef f(): return Decimal('1.1'), datetime.date(2020, 1, 2)\n",
        "split",
    ),
    "prints": (
        "import io, contextlib\nfrom s import hello\ndef test_it():\n    out = io.StringIO()\n    with contextlib.redirect_stdout(out):\n"
        "        hello()\n    assert out.getvalue() == 'hi\\n'\n",
        "def hello(): print('hi')\n",
        "cold",
    ),
    "is imported by star and as a constant": (
        "from s import *\ndef test_it():\n    assert LIMIT == 10\n    assert f(LIMIT) == 11\n",
        "LIMIT = 10\ndef f(x): return x + 1\n",
        "split",
    ),
    "is imported as a module": ("import s\nassert s.f(1) == 2\n", "def f(x): return x + 1\n", "split"),
    "is given to a checker": (
        "from s import f\ndef check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\ncheck(f)\n",
        "def f(x): return x + 1\n",
        "split",
    ),
    "returns itself": (
        "from s import f\ndef test_it():\n    x = [1]\n    assert f(x) is x\n",
        "def f(x): return x\n",
        "cold",
    ),
    "is asynchronous": (
        "import asyncio\nfrom s import f\ndef test_it():\n    assert asyncio.run(f()) == 1\n",
        "async def f(): return 1\n",
        "cold",
    ),
    "takes a key function of the library": (
        "import operator\nfrom s import best\ndef test_it():\n    assert best([(1, 9), (2, 3)], operator.itemgetter(1)) == (1, 9)\n"
        "    assert best(['a', 'bbb'], len) == 'bbb'\n",
        "def best(x, key): return max(x, key=key)\n",
        "split",
    ),
    "has huge numbers and odd text": (
        "from s import f\ndef test_it():\n    assert f() == (2 ** 20000, '\\ud800', b'\\x00', float('inf'))\n",
        "def f(): return 2 ** 20000, '\\ud800', b'\\x00', float('inf')\n",
        "split",
    ),
}
