"""Canaries: the trusted tests with assertions turned into ones that no honest candidate can meet.

They keep their names and places, and what they expect stays near what the tests expect. So whoever forces known tests
to pass, swallows assertion errors, patches what compares, reads the expected value from the tests, or returns objects
that equal everything makes a canary pass, and is found out. One round turns every assertion, wherever it stands; the
others turn one of each test, since a test that fails early says nothing about its later assertions.
"""

import ast
import copy
import random
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar, cast

from understudy_servers.testing.verdict import certain
from understudy_servers.testing.verdict.certain import Names
from understudy_servers.testing.verdict.near import as_source, near_literal

_NOT = {
    "assertIsNone": "assertIsNotNone", "assertIsNotNone": "assertIsNone", "assertNotEqual": "assertEqual",
    "assertNotIn": "assertIn", "assertIsNot": "assertIs", "assertNotIsInstance": "assertIsInstance",
    "assertRegex": "assertNotRegex", "assertNotRegex": "assertRegex", "assertIs": "assertIsNot",
}  # fmt: skip
_NEAR = frozenset(
    {"assertEqual", "assertEquals", "assertListEqual", "assertDictEqual", "assertSetEqual", "assertTupleEqual"}
    | {"assertSequenceEqual", "assertMultiLineEqual", "assertCountEqual"}
)
_BOUNDS = {"assertLess": "-inf", "assertLessEqual": "-inf", "assertGreater": "inf", "assertGreaterEqual": "inf"}
_STRICT = {"assertLessEqual": "assertLess", "assertGreaterEqual": "assertGreater"}
_CLOSE = frozenset({"isclose", "allclose", "array_equal"})
_TOLERANT = frozenset({"approx"})  # whose keywords say how near is near enough


Turned = TypeVar("Turned", ast.Assert, ast.Call)


@dataclass(frozen=True)
class Canary:
    """A file with assertions turned, and the tests in it that must fail when the candidate is honest."""

    source: str
    must_fail: tuple[str, ...]
    other_ways: bool = False  # some assertion can be turned in another way as well


class Draw:
    """Where the random choices of a canary come from."""

    def __init__(self, seed: int | None = None) -> None:
        self.random = random.Random(secrets.randbits(64) if seed is None else seed)
        self.step = self.random.choice([11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47])
        self.far = self.random.getrandbits(60) | 1 << 60
        self.order = self.random.getrandbits(64)
        self.name = f"_{self.random.getrandbits(40):010x}"


def turn(
    source: str,
    path: str,
    helpers: Mapping[str, set[str]] | None = None,
    draw: Draw | None = None,
    *,
    alike: bool = False,
) -> Canary:
    """Turn every assertion of a test file, also in functions that the tests call.

    With `alike`, only those are turned that can be turned in another way, in which what is expected stays of its
    kind: `P(3)` becomes `P(18)` and not a number, of a `raises` with a pattern the pattern changes and not the class.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree, draw = ast.parse(source, path), draw or Draw()
    names = certain.names_of(tree, helpers or {})
    sites = {
        name: found for name, body, seen in certain.tests_of(tree, path, names) if (found := certain.sites(body, seen))
    }
    if not alike:
        _expect_other_values(tree, draw, None)
    turner = _Turner(names, draw, None, alike=alike)
    turner.members = _members(tree)
    turner.visit(tree)
    must_fail = [name for name, found in sites.items() if not alike or turner.has_other_way(found)]
    return Canary(written(tree, draw), tuple(must_fail), turner.other_ways)


def turn_one(source: str, path: str, number: int, draw: Draw) -> Canary:
    """Turn one assertion of each test, in an order of its own: `number` 0 is the first in that order, and so on.

    Tests whose only assertions are elsewhere stay as they are. The same `draw.order` gives the same order.
    """
    tree = ast.parse(source, path)
    names = certain.names_of(tree, {})
    chosen: dict[int, str] = {}
    for name, body, seen in certain.tests_of(tree, path, names):
        own = [site for site in certain.sites(body, seen) if _turnable(site, seen)]
        random.Random(f"{draw.order} {name}").shuffle(own)
        if own:
            chosen[id(own[number % len(own)])] = name
    _expect_other_values(tree, draw, chosen)
    _Turner(names, draw, chosen).visit(tree)
    return Canary(written(tree, draw), tuple(chosen.values()))


def most_assertions(source: str, path: str) -> int:
    """The largest number of assertions that a test of the file is certain to run itself."""
    tree = ast.parse(source, path)
    tests = certain.tests_of(tree, path, certain.names_of(tree, {}))
    return max((len(certain.sites(body, seen)) for _, body, seen in tests), default=0)


def checkers(source: str, path: str) -> set[str] | None:
    """The functions of a helper file that reach an assertion; None where it is not Python."""
    try:
        tree = ast.parse(source, path)
    except (SyntaxError, ValueError, RecursionError):
        return None
    return certain.names_of(tree, {}).checkers


def turn_helper(source: str, path: str, draw: Draw | None = None) -> str:
    """Turn the assertions in the functions of a file that tests import, or of a `conftest.py`."""
    tree, draw = ast.parse(source, path), draw or Draw()
    turner = _Turner(certain.names_of(tree, {}), draw, None)
    tree.body = [
        cast(ast.stmt, turner.visit(node)) if isinstance(node, certain.Function | ast.ClassDef) else node
        for node in tree.body
    ]
    return written(tree, draw)


def _turnable(site: ast.stmt, names: Names) -> bool:
    """An assertion that is turned where it stands, not in a function that it calls."""
    if isinstance(site, ast.Assert | ast.With):
        return True
    call = site.value if isinstance(site, ast.Expr) else None
    if not isinstance(call, ast.Call):
        return False
    asserts = certain.is_raises(call, names) or certain.is_assert_method(call) or certain.is_mock_assert(call)
    return asserts or certain.is_array_assert(call, names)


def written(tree: ast.Module, draw: Draw) -> str:
    """The text of a file with the function that changes values in it, whether it is used or not."""
    start = 1 if ast.get_docstring(tree) is not None else 0
    while start < len(tree.body) and _is_future(tree.body[start]):
        start += 1
    tree.body.insert(start, as_source(draw.name, draw.step, draw.far))
    return ast.unparse(ast.fix_missing_locations(tree))


def _is_future(node: ast.stmt) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module == "__future__"


class _Turner(ast.NodeTransformer):
    """Turns assertions; with `chosen` only the statements of those identities."""

    def __init__(self, names: Names, draw: Draw, chosen: Collection[int] | None, *, alike: bool = False) -> None:
        self.names, self.draw, self.chosen = names, draw, chosen
        self.active = chosen is None
        self.alike, self.other_ways, self.hit = alike, False, False
        self.in_other_way: dict[int, ast.AST] = {}
        self.members: dict[str, set[str]] = {}  # of classes, as the tests name them

    def visit(self, node: ast.AST) -> ast.AST:
        if self.chosen is None or id(node) not in self.chosen:
            visited: ast.AST = super().visit(node)
            return visited
        self.active = True
        if isinstance(node, ast.With):  # only what it expects: its body may assert for itself
            for item in node.items:
                item.context_expr = self.visit(item.context_expr)  # type: ignore[assignment]  # an expression stays one
            visited = node
        else:
            visited = super().visit(node)
        self.active = False
        return visited

    def visit_Try(self, node: ast.Try) -> ast.AST:
        """Leave alone what stands where a failing assertion is caught: there it decides something else."""
        if node.handlers:
            node.handlers = [self.visit(handler) for handler in node.handlers]  # type: ignore[misc]  # each stays
            for part in (node.orelse, node.finalbody):
                part[:] = [self.visit(inner) for inner in part]  # type: ignore[misc]  # what it is
            return node
        return self.generic_visit(node)

    def has_other_way(self, sites: Iterable[ast.stmt]) -> bool:
        """Whether one of these assertions was turned in its other way."""
        return any(id(inner) in self.in_other_way for site in sites for inner in ast.walk(site))

    def _only_other_way(self, node: Turned, before: Turned) -> Turned:
        """With `alike`, put back what has no other way."""
        if not self.alike:
            return node
        if self.hit:
            self.in_other_way[id(node)] = node
        else:
            node.__dict__.update(before.__dict__)
        self.hit = False
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.Assert:
        self.generic_visit(node)
        if self.active and not hasattr(node, "expects_other_value"):
            before = copy.deepcopy(node) if self.alike else node
            node.test = self._turned(node.test)
            self._only_other_way(node, before)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        if not self.active:
            return node
        if not self.alike:
            return self._turn_call(node)
        before = copy.deepcopy(node)
        self.hit = False
        return self._only_other_way(self._turn_call(node), before)

    def _turn_call(self, node: ast.Call) -> ast.Call:
        if certain.is_mock_assert(node):
            self._turn_mock(node)
        elif certain.is_raises(node, self.names):
            self._turn_raises(node)
        elif isinstance(node.func, ast.Attribute) and certain.is_assert_method(node):
            self._turn_method(node, node.func)
        elif certain.is_array_assert(node, self.names):
            node.args[1] = self._several()
        return node

    def _turn_mock(self, node: ast.Call) -> None:
        """Say that it was not called, or, `alike`, that it was called with one thing more."""
        assert isinstance(node.func, ast.Attribute)
        if node.args or node.keywords:
            self.other_ways = self.hit = True
        if self.alike and (node.args or node.keywords):
            node.args.append(ast.Constant(self.draw.far))
            return
        past = "awaited" if "await" in node.func.attr else "called"
        node.func.attr = f"assert_{past}" if "not" in node.func.attr else f"assert_not_{past}"
        node.args, node.keywords = [], []

    def _turn_raises(self, node: ast.Call) -> None:
        """Expect another class of error, or text that no error has."""
        never = ast.Constant(f"never {self.draw.far}")
        regex = _name(node.func).endswith("Regex") and len(node.args) > 1
        match = next((keyword for keyword in node.keywords if keyword.arg == "match"), None)
        if regex or match is not None:
            self.other_ways = self.hit = True
        if self.alike and match is not None:
            match.value = never
        elif self.alike and regex:
            node.args[1] = never
        else:
            kind = "Warning" if _name(node.func).lower().endswith(("warns", "warnsregex")) else "BaseException"
            node.args[0] = _parsed(f"type('Never', ({kind},), {{}})")

    def _turn_method(self, node: ast.Call, function: ast.Attribute) -> None:
        name, count = function.attr, len(node.args)
        if name in _NOT:
            function.attr = _NOT[name]
        elif name == "assertFalse" and count:
            function.attr = "assertTrue"
        elif name == "assertTrue" and count:
            node.args[0] = self._turned(node.args[0])
        elif count < 2:
            function.attr = "fail"
            node.args, node.keywords = [], []
        elif name == "assertAlmostEqual":
            node.args[1] = ast.Constant(float(self.draw.far))
        elif name in _NEAR:
            index = 0 if _has_call(node.args[1]) and not _has_call(node.args[0]) else 1
            node.args[index] = self._other(node.args[index], node.args[1 - index])
        elif name in _BOUNDS:
            function.attr = _STRICT.get(name, name)
            node.args[1] = _infinite(_BOUNDS[name])
        elif name == "assertIn":
            node.args[:2] = self._outside(node.args[0], node.args[1])
        elif name == "assertIsInstance":
            node.args[1] = _fresh_class()

    def _turned(self, test: ast.expr) -> ast.expr:
        """An assertion that is false for every honest value for which the original is true."""
        if isinstance(test, ast.Compare):
            return self._turned_compare(test)
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            return test.operand
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return self._turned(test.values[0])
        if isinstance(test, ast.BoolOp) and all(_is_plain_comparison(value) for value in test.values):
            return ast.BoolOp(test.op, [self._turned(value) for value in test.values])
        if isinstance(test, ast.Call):
            return self._turned_call(test) or ast.UnaryOp(ast.Not(), test)
        return ast.UnaryOp(ast.Not(), test)

    def _turned_compare(self, test: ast.Compare) -> ast.expr:
        operator, left, right = test.ops[0], test.left, test.comparators[0]
        if isinstance(operator, ast.Lt | ast.LtE):
            return ast.Compare(left, [ast.Lt()], [_infinite("-inf")])
        if isinstance(operator, ast.Gt | ast.GtE):
            return ast.Compare(left, [ast.Gt()], [_infinite("inf")])
        if len(test.ops) > 1:
            return ast.UnaryOp(ast.Not(), test)
        if isinstance(operator, ast.Eq):
            if _has_call(right) and not _has_call(left):
                return ast.Compare(self._other(left, right), test.ops, [right])
            return ast.Compare(left, test.ops, [self._other(right, left)])
        if isinstance(operator, ast.Is) and isinstance(right, ast.Constant) and isinstance(right.value, bool):
            return ast.Compare(left, test.ops, [ast.Constant(not right.value)])
        if isinstance(operator, ast.Is) and (member := self._other_member(left, right)) is not None:
            self.other_ways = self.hit = True
            return ast.Compare(left, test.ops, [member]) if self.alike else ast.UnaryOp(ast.Not(), test)
        if isinstance(operator, ast.In):
            left, right = self._outside(left, right)
            return ast.Compare(left, test.ops, [right])
        return ast.UnaryOp(ast.Not(), test)

    def _turned_call(self, test: ast.Call) -> ast.expr | None:
        """A call of something that could have been patched to say yes to everything."""
        name = _name(test.func)
        if name in _CLOSE and len(test.args) >= 2:
            other = ast.Constant(float(self.draw.far)) if name == "isclose" else self._several()
            return ast.Call(test.func, [test.args[0], other, *test.args[2:]], test.keywords)
        if name in {"startswith", "endswith"} and isinstance(test.func, ast.Attribute) and len(test.args) == 1:
            return ast.Call(test.func, [ast.Constant(f"never {self.draw.far}")], [])
        if name == "isinstance" and isinstance(test.func, ast.Name) and len(test.args) == 2:
            return ast.Call(test.func, [test.args[0], _fresh_class()], [])
        if name in {"all", "any"} and isinstance(test.func, ast.Name) and len(test.args) == 1:
            mixed = ast.List([ast.Starred(test.args[0], ast.Load()), ast.Constant(False)], ast.Load())
            return ast.Call(test.func, [mixed if name == "all" else ast.List([], ast.Load())], [])
        return None

    def _other(self, node: ast.expr, given: ast.expr) -> ast.expr:
        """What is expected, changed: in the source where it is written out, else when the test runs."""
        changed = near_literal(node, self.draw.step, self.draw.far)
        if changed is not None:
            return changed
        made = self._made_otherwise(node, given)
        if made is not None:
            self.other_ways = self.hit = True
        return made if made is not None and self.alike else ast.Call(ast.Name(self.draw.name, ast.Load()), [node], [])

    def _made_otherwise(self, node: ast.expr, given: ast.expr) -> ast.expr | None:
        """`P(3)` with other arguments; None where it is not made so, or what is given is made in the same way."""
        if not isinstance(node, ast.Call) or not (_name(node.func)[:1].isupper() or _name(node.func) in _TOLERANT):
            return None  # not a class: the call may be what is tested
        if isinstance(given, ast.Call) and _name(given.func) == _name(node.func):
            return None
        step, far = self.draw.step, self.draw.far
        args = [near_literal(argument, step, far) for argument in node.args]
        keywords = [near_literal(keyword.value, step, far) for keyword in node.keywords]
        if _name(node.func) in _TOLERANT:
            keywords = [None for _ in keywords]
        if not any(changed is not None for changed in (*args, *keywords)):
            return None
        return ast.Call(
            node.func,
            [changed or argument for changed, argument in zip(args, node.args, strict=True)],
            [
                ast.keyword(keyword.arg, changed or keyword.value)
                for changed, keyword in zip(keywords, node.keywords, strict=True)
            ],
        )

    def _other_member(self, given: ast.expr, node: ast.expr) -> ast.expr | None:
        """Of `Color.RED` another member that the tests name, so that a class with one member for all is found out."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name) or not _has_call(given):
            return None
        others = sorted(self.members.get(node.value.id, set()) - {node.attr})
        return ast.Attribute(node.value, self.draw.random.choice(others), ast.Load()) if others else None

    def _outside(self, item: ast.expr, container: ast.expr) -> tuple[ast.expr, ast.expr]:
        """An item and a container that does not hold it: what the candidate gives stays, the other one changes."""
        if _has_call(container) and not _has_call(item):
            text = isinstance(item, ast.Constant) and isinstance(item.value, str)
            return ast.Constant(f"never {self.draw.far}" if text else self.draw.far), container
        return item, self._elsewhere(container)

    def _elsewhere(self, node: ast.expr) -> ast.expr:
        """A container that does not hold what the original one holds."""
        try:
            found = list(ast.literal_eval(node)) if not isinstance(node, ast.Constant) else []
        except (ValueError, TypeError, SyntaxError):
            found = []
        if found and all(type(item) is int for item in found):
            return ast.List([ast.Constant(max(found) + self.draw.step)], ast.Load())
        return self._several()

    def _several(self) -> ast.expr:
        """A short list of numbers that nothing equals, of a length that no array has by chance."""
        return ast.List([ast.Constant(float(self.draw.far + index)) for index in range(3)], ast.Load())


def _expect_other_values(tree: ast.Module, draw: Draw, chosen: Collection[int] | None) -> None:
    """Change a name that is only ever what a test expects where it gets its value: no variable tells the old one.

    `for a, b, wanted in CASES: assert f(a, b) == wanted` gets `wanted = near(wanted)` as the first in the loop.
    """
    for function in [node for node in ast.walk(tree) if isinstance(node, certain.Function)]:
        for name, block, uses in _only_expected(function):
            if chosen is None or any(id(use) in chosen for use in uses):
                block.insert(0, ast.parse(f"{name} = {draw.name}({name})").body[0])
                for use in uses:
                    use.expects_other_value = True  # type: ignore[attr-defined]


def _only_expected(function: certain.Function) -> Iterator[tuple[str, list[ast.stmt], list[ast.Assert]]]:
    """Names of parameters and loop variables of a test that are nothing but the right side of `assert … == name`."""
    arguments = function.args.args if function.name.startswith("test") else []
    bound = {argument.arg: function.body for argument in arguments}
    for loop in [node for node in function.body if isinstance(node, ast.For)]:
        bound |= {node.id: loop.body for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
    for name, block in bound.items():
        within = [node for statement in block for node in ast.walk(statement)]
        uses = [node for node in within if isinstance(node, ast.Assert) and _expects(node, name)]
        loads = [node for node in ast.walk(function) if isinstance(node, ast.Name) and node.id == name]
        notes = [node for use in uses if use.msg for node in ast.walk(use.msg)]
        reads = [node for node in loads if isinstance(node.ctx, ast.Load) and node not in notes]
        if uses and len(reads) == len(uses):
            yield name, block, uses


def _expects(node: ast.Assert, name: str) -> bool:
    test = node.test
    if not isinstance(test, ast.Compare) or len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
        return False
    right = test.comparators[0]
    return isinstance(right, ast.Name) and right.id == name and _has_call(test.left)


def _members(tree: ast.Module) -> dict[str, set[str]]:
    """The constants of classes that the tests name; none of a class whose constants they compare with one another."""
    found: dict[str, set[str]] = {}
    aliases: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id[:1].isupper():
            if node.attr.isupper():
                found.setdefault(node.value.id, set()).add(node.attr)
        elif isinstance(node, ast.Compare) and not any(_has_call(side) for side in (node.left, *node.comparators)):
            aliases |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return {name: members for name, members in found.items() if name not in aliases}


def _is_plain_comparison(node: ast.expr) -> bool:
    """One that is false for every honest value when it is turned, whether it held before or not."""
    sure = ast.Eq | ast.In | ast.Lt | ast.LtE | ast.Gt | ast.GtE
    return isinstance(node, ast.Compare) and len(node.ops) == 1 and isinstance(node.ops[0], sure)


def _has_call(node: ast.expr) -> bool:
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _infinite(sign: str) -> ast.expr:
    return _parsed(f"float({sign!r})")


def _fresh_class() -> ast.expr:
    return _parsed("type('Never', (), {})")


def _parsed(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body
