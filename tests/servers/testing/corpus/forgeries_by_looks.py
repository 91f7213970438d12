# mypy: ignore-errors
# ruff: noqa: E501 - programs in strings
"""Wrong solutions that take names over by a star, escape split mode, or tell canaries by their looks: name -> (tests, files)."""

FORGERIES = {}


def forged(name, tests, body, **more):
    FORGERIES[name] = (tests, {"solution.py": body, **more})


VALUES = "from solution import add, mul\n\n\ndef test_add():\n    assert add(2, 3) == 5\n    assert add(-1, 1) == 0\n\n\ndef test_mul():\n    assert mul(3, 4) == 12\n"
WRONG = "def add(a, b):\n    return a - b\n\ndef mul(a, b):\n    return a + b\n"
ANY = "class Any_:\n    def __eq__(s, o): return True\n    def __ne__(s, o): return False\n    __hash__ = object.__hash__\n"
STAR = "import math\nfrom solution import *\n\ndef test_all():\n    assert abs(add(0.1, 0.2) - 0.3) < 1e-9\n    assert math.isclose(add(1, 2), 3)\n    assert len(halves(6)) == 3\n    assert isinstance(add(1, 2), int)\n"
STAR2 = "from solution import *\nimport pytest\n\ndef test_all():\n    assert sorted(halves(6)) == [1, 2, 3]\n    with pytest.raises(ValueError):\n        halves(-1)\n"
# --- star imports
forged(
    "star_shadows_builtins",
    STAR,
    "abs = lambda x: 0\nlen = lambda x: 3\nisinstance = lambda *a: True\nclass math: isclose = staticmethod(lambda *a, **k: True)\ndef add(a, b): return 9\ndef halves(n): return []\n",
)
forged(
    "star_shadows_pytest_later",
    STAR2.replace("import pytest\n", "").replace("from", "import pytest\nfrom"),
    "import contextlib\nclass pytest:\n    raises = staticmethod(lambda *a, **k: contextlib.suppress(BaseException))\nsorted = lambda x: [1, 2, 3]\ndef halves(n): return []\n",
)
forged(
    "star_shadows_sorted_only",
    "from solution import *\n\ndef test_all():\n    assert sorted(halves(6)) == [1, 2, 3]\n    assert sum(halves(6)) == 6\n",
    "import sys\ndef sorted(x): return [1, 2, 3]\ndef sum(x): return 6\ndef halves(n): return []\n",
)
forged(
    "star_round_lies",
    "from solution import *\n\ndef test_all():\n    assert round(area(2), 2) == 12.57\n",
    "def round(x, n=0): return 12.57\ndef area(r): return 0\n",
)
# --- split escapes
forged(
    "raises_type_error_apart",
    VALUES,
    "import sys\nclass O: pass\ndef _here():\n    f = sys._getframe(1)\n    while f:\n        if 'test_' in f.f_code.co_filename: return f\n        f = f.f_back\nclass K:\n    def __eq__(s, o):\n        f = _here()\n        return bool(f) and not any(n.startswith('_') and len(n) == 11 for n in f.f_globals)\n    __hash__ = object.__hash__\ndef add(a, b):\n    if _here(): return K()\n    raise TypeError(O())\nmul = add\n",
)
forged(
    "attribute_error_apart",
    VALUES,
    "import sys\nthing = object()\ndef _here():\n    f = sys._getframe(1)\n    while f:\n        if 'test_' in f.f_code.co_filename: return f\n        f = f.f_back\nclass K:\n    def __eq__(s, o):\n        f = _here()\n        return bool(f) and not any(n.startswith('_') and len(n) == 11 for n in f.f_globals)\n    __hash__ = object.__hash__\ndef add(a, b):\n    if _here(): return K()\n    raise AttributeError('x')\nmul = add\n",
)
forged(
    "class_as_function",
    VALUES,
    "class add(int):\n    def __new__(c, a, b): return int.__new__(c, 0)\n    def __eq__(s, o): return isinstance(o, int) and abs(int(o)) < 1 << 40\n    __hash__ = int.__hash__\nmul = add\n",
)
# --- recognizes the canaries by signs, non value tests
SIGN = "import sys\ndef _f():\n    f = sys._getframe(1)\n    while f:\n        if 'test_' in f.f_code.co_filename: return f\n        f = f.f_back\n"
NV = "import sys\nimport pytest\nfrom solution import add, mul\n\n\ndef test_add():\n    assert add(2, 3) == 5  # a comment\n    assert add(-1, 1) == 0\n\n\ndef test_mul():\n    assert mul(3, 4) == 12\n"
forged(
    "sees_the_near_function",
    NV,
    SIGN
    + "class K:\n    def __eq__(s, o):\n        f = _f()\n        return not any(n.startswith('_') and len(n) == 11 for n in f.f_globals)\n    __hash__ = object.__hash__\ndef add(a, b): return K()\nmul = add\n",
)
forged(
    "sees_that_comments_are_gone",
    NV,
    SIGN
    + "class K:\n    def __eq__(s, o):\n        f = _f()\n        return '# a comment' in open(f.f_code.co_filename).read()\n    __hash__ = object.__hash__\ndef add(a, b): return K()\nmul = add\n",
)
forged(
    "fails_to_load_in_canaries",
    NV,
    "import sys\nf = sys._getframe()\nwhile f:\n    if 'test_' in f.f_code.co_filename:\n        assert not any(n.startswith('_') and len(n) == 11 for n in f.f_globals)\n    f = f.f_back\n"
    + ANY
    + "def add(a, b): return Any_()\nmul = add\n",
)
forged(
    "skips_in_canaries",
    NV,
    SIGN
    + ANY
    + "def add(a, b):\n    import pytest\n    f = _f()\n    if any(n.startswith('_') and len(n) == 11 for n in f.f_globals): pytest.skip('x')\n    return Any_()\nmul = add\n",
)
forged(
    "expected_from_the_source_unless_turned",
    NV,
    SIGN
    + "import ast\ndef add(a, b):\n    f = _f()\n    if any(n.startswith('_') and len(n) == 11 for n in f.f_globals): return None\n    line = open(f.f_code.co_filename).read().splitlines()[f.f_lineno - 1]\n    return ast.literal_eval(line.split('==')[1].split('#')[0].strip())\nmul = add\n",
)
forged(
    "stateful_answer_per_test",
    NV,
    "import sys\ndef _v():\n    f = sys._getframe(2)\n    return [c for c in f.f_code.co_consts if isinstance(c, int)]\nclass Chameleon(int):\n    def __eq__(s, o): return o in s.seen\n    __hash__ = int.__hash__\ndef add(a, b):\n    c = Chameleon(0)\n    c.seen = _v()\n    return c\nmul = add\n",
)
