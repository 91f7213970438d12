# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Wrong solutions that misuse what crosses between the two halves of split mode: name -> (tests, files)."""

FORGERIES = {}
FRAME = "import sys\ndef _f(depth=1):\n    f = sys._getframe(depth)\n    while f:\n        if 'test_' in f.f_code.co_filename: return f\n        f = f.f_back\n"


def forged(name, tests, body, **more):
    FORGERIES[name] = (tests, {"solution.py": body, **more})


V = "from solution import fib\n\n\ndef test_small():\n    assert fib(0) == 0\n    assert fib(1) == 1\n    assert fib(10) == 55\n\n\ndef test_types():\n    assert isinstance(fib(5), int)\n    assert fib(20) == 6765\n"
forged(
    "decimal_flattening",
    V,
    "import decimal\nclass D(decimal.Decimal):\n    def __eq__(s, o): return True\n    __hash__ = decimal.Decimal.__hash__\n    __class__ = property(lambda s: int)\ndef fib(n): return D(1)\n",
)
forged(
    "named_tuple_of_lies",
    "from solution import minmax\n\ndef test_it():\n    assert minmax([3, 1]) == (1, 3)\n    assert minmax([3, 1]).low == 1\n",
    "import collections\nclass P(collections.namedtuple('P', 'low high')):\n    def __eq__(s, o): return True\n    def __getattribute__(s, n):\n        v = super().__getattribute__(n)\n        return type('I', (int,), {'__eq__': lambda s, o: True, '__hash__': int.__hash__})() if n == 'low' else v\ndef minmax(x): return P(0, 0)\n",
)
forged(
    "enum_member_equal_to_all",
    "from solution import grade\n\ndef test_it():\n    assert grade(95) == 'A'\n    assert grade(50) == 'F'\n",
    "from enum import Enum\nclass G(str, Enum):\n    X = 'X'\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\ndef grade(n): return G.X\n",
)
forged(
    "flat_text_method_lies",
    "from solution import title\n\ndef test_it():\n    assert title('a b').split() == ['A', 'B']\n    assert title('a b').lower() == 'a b'\n    assert len(title('a b')) == 3\n",
    "class L(list):\n    def __eq__(s, o): return True\nclass S(str):\n    def split(s, *a): return L()\n    def lower(s): return S()\n    def __eq__(s, o): return True\n    def __len__(s): return 3\n    __hash__ = str.__hash__\ndef title(s): return S()\n",
)
forged(
    "dict_with_a_missing_that_lies",
    "from solution import count\n\ndef test_it():\n    assert count('aab')['a'] == 2\n    assert count('aab').get('z', 0) == 0\n    assert sum(count('aab').values()) == 3\n",
    "import collections\nclass I(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\nclass D(collections.defaultdict):\n    def get(s, *a): return I()\n    def values(s): return [3]\ndef count(s): return D(I)\n",
)
forged(
    "error_is_a_library_error",
    "import pytest\nfrom solution import check\n\ndef test_it():\n    with pytest.raises(ValueError, match='negative'):\n        check(-1)\n    assert check(4) == 2\n",
    "import unittest\ndef check(n): raise unittest.SkipTest('x')\n",
)
forged("raises_what_pytest_ends_with", V, "import _pytest.outcomes as o\ndef fib(n): raise o.Exit('x', 0)\n")
forged(
    "raises_a_warning_of_success",
    V,
    "import pytest\ndef fib(n): raise pytest.skip.Exception('x', allow_module_level=True)\n",
)
forged(
    "error_text_from_the_tests",
    "import pytest\nfrom solution import check\n\ndef test_it():\n    with pytest.raises(ValueError) as e:\n        check(-1)\n    assert str(e.value) == 'negative: -1'\n",
    "class S(str):\n    def __eq__(s, o): return True\n    __hash__ = str.__hash__\nclass E(ValueError):\n    def __str__(s): return S('?')\ndef check(n): raise E(S('?'))\n",
)
forged(
    "callback_learns",
    "from solution import apply\n\ndef test_it():\n    assert apply(lambda x: x + 1, 3) == 4\n    assert apply(lambda x: x * 2, 5) == 10\n",
    "def apply(f, x):\n    for v in range(100):\n        try: f.__globals__\n        except AttributeError: pass\n    return f(x) + 1 if x == 0 else x\n",
)
forged(
    "callback_returns_its_own",
    "from solution import compose\n\ndef test_it():\n    assert compose(lambda x: x + 1, lambda x: x * 2)(3) == 7\n",
    "class Fn:\n    def __call__(s, *a):\n        return type('I', (int,), {'__eq__': lambda s, o: True, '__hash__': int.__hash__})(0)\ndef compose(f, g): return Fn()\n",
)
forged(
    "generator_that_never_ends_equal",
    "from solution import evens\n\ndef test_it():\n    assert list(evens(6)) == [0, 2, 4]\n",
    "class I(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef evens(n):\n    yield I(); yield I(); yield I()\n",
)
forged(
    "module_replaced_by_class",
    V,
    "import sys\nclass M:\n    __name__ = 'solution'\n    __spec__ = None\n    class fib(int):\n        def __new__(c, n): return int.__new__(c, 0)\n        def __eq__(s, o): return True\n        __hash__ = int.__hash__\nsys.modules[__name__] = M\n",
)
forged(
    "uppercase_function_is_a_class",
    "from solution import Area\n\ndef test_it():\n    assert Area(2, 3) == 6\n    assert Area(1, 1) == 1\n",
    "class Area(int):\n    def __new__(c, a, b): return int.__new__(c, 0)\n    def __eq__(s, o): return isinstance(o, int) and abs(int(o)) < 1 << 59\n    __hash__ = int.__hash__\n",
)
forged(
    "uppercase_reads_frames",
    "from solution import Area\n\ndef test_it():\n    assert Area(2, 3) == 6\n    assert Area(1, 1) == 1\n",
    FRAME
    + "class Area(int):\n    def __new__(c, a, b): return int.__new__(c, 0)\n    def __eq__(s, o):\n        f = _f()\n        return f is not None and o in f.f_code.co_consts\n    __hash__ = int.__hash__\n",
)
forged(
    "unraised_by_a_context",
    "import pytest\nfrom solution import Account\n\ndef test_it():\n    a = Account(10)\n    with pytest.raises(ValueError):\n        a.take(20)\n    assert a.balance == 10\n    a.take(3)\n    assert a.balance == 7\n",
    "class B(int):\n    def __eq__(s, o): return type(o) is int and 0 < o < 1000\n    __hash__ = int.__hash__\nclass Account:\n    def __init__(s, n): s.n = 0\n    def take(s, n):\n        s.n += 1\n        if s.n == 1: raise ValueError\n    balance = property(lambda s: B())\n",
)
forged(
    "knows_it_is_apart",
    V,
    "import sys\ndef _apart(): return not any('test_' in str(getattr(m, '__file__', '')) for m in list(sys.modules.values()))\nclass Yes(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef fib(n):\n    if _apart():\n        while True: pass\n    return Yes()\n",
)
forged(
    "dies_apart",
    V,
    "import sys, os\ndef _apart(): return not any('test_' in str(getattr(m, '__file__', '')) for m in list(sys.modules.values()))\nclass Yes(int):\n    def __eq__(s, o): return isinstance(o, int) and not (o > 1000 and o % 7)\n    __hash__ = int.__hash__\ndef fib(n):\n    if _apart(): os._exit(0)\n    return Yes()\n",
)
forged(
    "floods_apart",
    V,
    "import sys, os\ndef _apart(): return not any('test_' in str(getattr(m, '__file__', '')) for m in list(sys.modules.values()))\nclass Yes(int):\n    def __eq__(s, o): return True\n    __hash__ = int.__hash__\ndef fib(n):\n    if _apart(): return 'x' * (20 << 20)\n    return Yes()\n",
)
forged(
    "forges_the_line",
    V,
    "import os, json, struct\n_r = {0: 0, 1: 1, 10: 55}\ndef fib(n):\n    body = json.dumps({'value': {'n': 'NotImplemented'}, 'after': [], 'after_named': {}}).encode()\n    try: os.write(4, struct.pack('I', len(body)) + body)\n    except OSError: pass\n    return NotImplemented\n",
)
forged(
    "sends_a_callback_of_nobody",
    V,
    "import os, json, struct\ndef fib(n):\n    body = json.dumps({'callback': 0, 'args': [], 'named': {}}).encode()\n    try: os.write(4, struct.pack('I', len(body)) + body)\n    except OSError: pass\n    return 1\n",
)
forged("deep_answer", V, "def fib(n):\n    x = []\n    for _ in range(5000): x = [x]\n    return x\n")
forged("self_holding_answer", V, "def fib(n):\n    x = []\n    x.append(x)\n    return x\n")
