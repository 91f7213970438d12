"""Calls as Python source, in which Llama 4, LFM2, OLMo 3 and Gemma write them. Parsed, never evaluated."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from understudy.found import Found
from understudy.keyword_calls import loose_source


def python_calls(text: str, whole: bool) -> Iterator[Found]:
    """`[add(x=1), now()]` (Llama 4, LFM2, OLMo 3) and `print(default_api.add(x=1))` in a tool_code fence (Gemma)."""
    for pattern in _PYTHONIC:
        for match in pattern.finditer(text):
            code = match["code"].strip()
            calls = list(python_source(code)) or list(loose_source(code))
            if calls:
                yield from (Found(match.start(), match.end(), name, given) for name, given in calls)


_PYTHONIC = (
    re.compile(r"```(?:tool_code|tool_call|tool_calls|function_call)\s+(?P<code>.*?)(?:```|\Z)", re.DOTALL),
    re.compile(r"<\|tool_call_start\|>(?P<code>.*?)(?:<\|tool_call_end\|>|\Z)", re.DOTALL),
    re.compile(r"<tool_code>(?P<code>.*?)(?:</tool_code>|\Z)", re.DOTALL),
    re.compile(r"<tool_call>(?P<code>[^<]*?)(?:</tool_call>|\Z)", re.DOTALL),
    re.compile(r"<\|python_tag\|>(?P<code>.*?)(?:<\|e\w+_id\|>|\Z)", re.DOTALL),
    re.compile(r"<\|python_start\|>(?P<code>.*?)(?:<\|python_end\|>|\Z)", re.DOTALL),
    re.compile(r"^[ \t]*Action[ \t]*\d*[ \t]*:[ \t]*(?P<code>[\w.]+\(.*\))[ \t]*$", re.MULTILINE),
    re.compile(r"```(?:python|py)?[ \t]*\n(?P<code>[^`]*\bdefault_api\.[^`]*)(?:```|\Z)"),
    re.compile(
        r"\A[\s`]*(?:(?:python|py)\s+)?(?P<code>\[.*\]|(?!print\b)(?:await\s+)?[\w.]+\(.*\))[\s`;]*(?:#[^\n]*)?\Z",
        re.DOTALL,
    ),
)


def python_source(code: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The calls that Python source consists of; none where it does anything else."""
    try:
        body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    calls: list[tuple[str, dict[str, Any]]] = []
    results: set[str] = set()
    for statement in body:
        node = _called(statement, results)
        if node is None:
            return
        for item in node.elts if isinstance(node, ast.List | ast.Tuple) else [node]:
            if _shows(item, results):
                continue
            call = _python_call(item)
            if call is None:
                return
            calls.append(call)
    yield from calls


def _called(statement: ast.stmt, results: set[str]) -> ast.expr | None:
    """What a statement calls: alone, or for a result that gets a name."""
    if isinstance(statement, ast.Expr):
        return statement.value
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
        target = statement.targets[0]
        if isinstance(target, ast.Name):
            results.add(target.id)
            return statement.value
    return None


def _shows(node: ast.expr, results: set[str]) -> bool:
    """Whether this only prints a result that came before."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
        and bool(node.args)
        and all(isinstance(argument, ast.Name) and argument.id in results for argument in node.args)
    )


def _python_call(node: ast.expr) -> tuple[str, dict[str, Any]] | None:
    if isinstance(node, ast.Await):
        node = node.value
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    if name == "print" and len(node.args) == 1 and not node.keywords:
        return _python_call(node.args[0])
    name = name.removesuffix(".call")  # <|python_tag|>add.call(x=1)
    try:
        given: dict[str, Any] = {}
        for number, argument in enumerate(node.args):
            given[f"${number}"] = _literal(argument)  # by position; `rescue` knows the parameters
        for keyword in node.keywords:
            value = _literal(keyword.value)
            named = value if keyword.arg is None else {keyword.arg: value}
            if not isinstance(named, dict) or given.keys() & named.keys():
                return None
            given |= named
        json.dumps(given)
    except (ValueError, TypeError, RecursionError):
        return None
    return name, given


def _literal(node: ast.expr) -> Any:
    class Words(ast.NodeTransformer):
        def visit_Name(self, name: ast.Name) -> ast.expr:
            words = {"true": True, "false": False, "null": None}
            return ast.copy_location(ast.Constant(words[name.id]), name) if name.id in words else name

    value = ast.literal_eval(Words().visit(node))
    return list(value) if isinstance(value, tuple | set) else value
