"""Rewrite `assert` so that a failure knows the call, what was expected and what came, without pytest.

`assert f(2) == 4` becomes `@l = f(2); @r = 4; if not @l == @r: raise @fail(...)`. Nothing is evaluated twice or in
another order, and nothing costs more than two assignments while the assertion holds.
"""

import ast
from types import CodeType
from typing import Any

from understudy_servers.testing.worker.events import show

FAIL = "@fail"
_OPERATORS = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_TRANSPARENT = frozenset(
    {"abs", "all", "any", "bool", "bytes", "dict", "float", "frozenset", "int", "len", "list", "max", "min", "next"}
    | {"repr", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "type"}
)


def compile_tests(source: str, path: str, tree: ast.Module | None = None) -> CodeType:
    """Compile a test module with its assertions rewritten.

    Raises:
        SyntaxError: the source is not Python.
    """
    tree = ast.parse(source, path) if tree is None else tree
    _Rewriter().visit(tree)
    ast.fix_missing_locations(tree)
    return compile(tree, path, "exec", dont_inherit=True)


def failure(operator: str, left: Any, right: Any, note: Any, spans: tuple[Any, ...]) -> AssertionError:
    """Build the error of a failed assertion; its `facts` say what is known. `spans` are places in the source."""
    whole, call, swapped = spans
    actual, wanted = (right, left) if swapped else (left, right)
    facts = {"whole": whole, "call": call, "actual": show(actual)}
    if operator == "true":
        facts["expected"] = "a true value"
    elif operator == "false":
        facts["expected"] = "a false value"
    else:
        sign = operator if operator != "==" else ""
        facts["expected"] = f"{sign} {show(wanted)}".strip() if not swapped else f"{show(wanted)} {sign}".strip()
        facts["short"] = f"{show(left, 120)} {operator} {show(right, 120)}"
    error = AssertionError() if note is None else AssertionError(note)
    error.__dict__["facts"] = facts
    return error


class _Rewriter(ast.NodeTransformer):
    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        test = node.test
        if isinstance(test, ast.Compare) and len(test.ops) == 1 and type(test.ops[0]) in _OPERATORS:
            return self._comparison(node, test)
        negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
        inner = test.operand if isinstance(test, ast.UnaryOp) and negated else test
        holds: ast.expr = ast.Name("@l", ast.Load())
        if negated:
            holds = ast.UnaryOp(ast.Not(), holds)
        word = "false" if negated else "true"
        spans = (_span(test), _span(_call(inner)), False)
        return self._located(node, [_assign("@l", inner), _unless(holds, word, node.msg, spans, right=False)])

    def _comparison(self, node: ast.Assert, test: ast.Compare) -> list[ast.stmt]:
        left, right = test.left, test.comparators[0]
        call = _call(left) or _call(right)
        swapped = _call(left) is None and call is not None
        spans = (_span(test), _span(call), swapped)
        holds = ast.Compare(ast.Name("@l", ast.Load()), test.ops, [ast.Name("@r", ast.Load())])
        body = [_assign("@l", left), _assign("@r", right)]
        return self._located(node, [*body, _unless(holds, _OPERATORS[type(test.ops[0])], node.msg, spans, right=True)])

    def _located(self, node: ast.Assert, body: list[ast.stmt]) -> list[ast.stmt]:
        return [ast.copy_location(statement, node) for statement in body]


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _unless(holds: ast.expr, operator: str, note: ast.expr | None, spans: tuple[Any, ...], *, right: bool) -> ast.stmt:
    values = [ast.Name("@l", ast.Load()), ast.Name("@r" if right else "@l", ast.Load())]
    arguments = [ast.Constant(operator), *values, note or ast.Constant(None), ast.Constant(spans)]  # type: ignore[arg-type]  # a tuple is a constant to the compiler
    error = ast.Call(ast.Name(FAIL, ast.Load()), arguments, [])
    return ast.If(ast.UnaryOp(ast.Not(), holds), [ast.Raise(error, None)], [])


def _call(node: ast.expr) -> ast.expr | None:
    """The call that a reader would name as the one under test: the outermost one that is not a plain builtin."""
    todo: list[ast.AST] = [node]
    while todo:
        current = todo.pop(0)
        if isinstance(current, ast.Call):
            name = current.func.id if isinstance(current.func, ast.Name) else ""
            if name not in _TRANSPARENT:
                return current
            todo += current.args
        elif not isinstance(current, ast.Lambda):
            todo += ast.iter_child_nodes(current)
    return None


def _span(node: ast.expr | None) -> tuple[int, int, int, int] | None:
    if node is None or node.end_lineno is None or node.end_col_offset is None:
        return None
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset
