"""Read calls for BFCL: from native tool calls, or from text in its Python form, `[f(a=1), g.h(b="x")]`.

The reference decoder (gorilla, `bfcl_eval/model_handler/utils.py`, commit 6ea57973) runs `eval` on arithmetic in the
model's text. This one reads literals and does arithmetic on plain numbers itself; nothing is ever evaluated.
"""

import ast
import json
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from understudy.problem import ToolCall

MOST_CHARACTERS = 100_000  # of a text; a deeper or longer one is no call that a benchmark asks for
_MOST_DIGITS = 400  # of a number, so that 9**9**9 or "a" * 10**9 costs nothing


class Call(NamedTuple):
    """A decoded call. `arguments` holds keyword arguments only, as the reference does."""

    name: str
    arguments: Mapping[str, Any]


class Undecodable(Exception):
    """The text is no list of calls."""


def from_tool_calls(calls: Sequence[ToolCall], names: Mapping[str, str]) -> list[Call]:
    """Decode native calls and map their names back to the benchmark's own.

    Raises:
        Undecodable: The arguments of a call are not a JSON object.
    """
    decoded = []
    for call in calls:
        try:
            arguments = json.loads(call.arguments or "{}")
        except (ValueError, RecursionError):
            raise Undecodable(f"the arguments of {call.name!r} are not JSON") from None
        if not isinstance(arguments, dict):
            raise Undecodable(f"the arguments of {call.name!r} are not an object")
        decoded.append(Call(names.get(call.name, call.name), arguments))
    return decoded


def from_text(text: str) -> list[Call]:
    """Decode a text by the reference's rule: stripped of backticks, newlines and spaces, wrapped in brackets, parsed.

    Raises:
        Undecodable: It is no list of calls.
    """
    if len(text) > MOST_CHARACTERS:
        raise Undecodable("the text is too long to be a list of calls")
    text = text.strip("`\n ")
    text = text if text.startswith("[") else "[" + text
    text = text if text.endswith("]") else text + "]"
    try:
        body = ast.parse(text.strip().strip("'"), mode="eval").body
        if isinstance(body, ast.Call):
            return [_call(body)]
        if not isinstance(body, ast.List | ast.Tuple | ast.Set):
            raise Undecodable("the text is an expression and no list")
        if not all(isinstance(element, ast.Call) for element in body.elts):
            raise Undecodable("the list holds something that is no call")
        return [_call(element) for element in body.elts if isinstance(element, ast.Call)]
    except (SyntaxError, ValueError, RecursionError, MemoryError, ArithmeticError, TypeError) as error:
        raise Undecodable(f"the text is not Python ({type(error).__name__})") from None


def _call(node: ast.Call) -> Call:
    # A call of anything but a dotted name, such as `f()(x=1)`, keeps the parts that have names, as in the reference.
    parts: list[str] = []
    function: ast.expr = node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    arguments: dict[Any, Any] = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    return Call(".".join(reversed(parts)), arguments)


def _value(node: ast.expr | None) -> Any:
    kind = type(node)
    if kind not in _VALUES:
        raise Undecodable(f"{kind.__name__} is not a literal")
    return _VALUES[kind](node)


def _constant(node: ast.Constant) -> Any:
    return "..." if node.value is Ellipsis else node.value


def _signed(node: ast.UnaryOp) -> Any:
    # The reference reads every unary operator as minus, `+5` and `not True` too. Kept, so that verdicts are the same.
    if not isinstance(node.operand, ast.Constant) or not isinstance(node.operand.value, int | float | complex):
        raise Undecodable("a sign before something that is no number")
    return -node.operand.value


def _dict(node: ast.Dict) -> Any:
    return {_value(key): _value(value) for key, value in zip(node.keys, node.values, strict=True)}


def _nested_call(node: ast.Call) -> Any:
    if not node.keywords:
        return ast.unparse(node)
    call = _call(node)
    return {call.name: dict(call.arguments)}


def _subscript(node: ast.Subscript) -> str:
    return f"{ast.unparse(node.value)}[{ast.unparse(node.slice)}]"


_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def _number(node: ast.expr) -> Any:
    if isinstance(node, ast.BinOp):
        return _arithmetic(node)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        return -_number(node.operand) if isinstance(node.op, ast.USub) else _number(node.operand)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return node.value
    raise Undecodable("arithmetic on something that is no number")


def _arithmetic(node: ast.BinOp) -> Any:
    left, right = _number(node.left), _number(node.right)
    if type(node.op) not in _OPERATORS:
        raise Undecodable("an operator that is no arithmetic")
    if isinstance(node.op, ast.Pow) and (abs(right) > _MOST_DIGITS or abs(left) > 1e6):
        raise Undecodable("a power that is too large")
    result = _OPERATORS[type(node.op)](left, right)
    if type(result) not in (int, float) or (isinstance(result, int) and result.bit_length() > 4 * _MOST_DIGITS):
        raise Undecodable("a result that is no number of a sensible size")
    return result


_VALUES: dict[type, Callable[[Any], Any]] = {
    ast.Constant: _constant,
    ast.UnaryOp: _signed,
    ast.List: lambda node: [_value(element) for element in node.elts],
    ast.Tuple: lambda node: tuple(_value(element) for element in node.elts),
    ast.Dict: _dict,
    ast.Name: lambda node: node.id,
    ast.BinOp: _arithmetic,
    ast.Call: _nested_call,
    ast.Subscript: _subscript,
}
