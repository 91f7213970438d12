"""A value that is near another one and never equal to it: what a canary expects in place of what a test expects."""

import ast
import inspect
from typing import Any


def near(value: Any, step: int, far: int) -> Any:
    """Change a plain value a little, whatever is inside of it too; for anything else return `far`."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return int(value) + step + abs(int(value)) // 2
    if isinstance(value, float):
        return float(value) * 1.5 + step if abs(value) < 1e300 else float(step)
    if isinstance(value, str):
        return value + "k"
    if isinstance(value, bytes):
        return value + b"k"
    if isinstance(value, list | tuple):
        changed = [near(item, step, far) for item in value] or [step]
        return tuple(changed) if isinstance(value, tuple) else changed
    if isinstance(value, dict):
        return {**{key: near(item, step, far) for key, item in value.items()}, far: far}  # some compare keys only
    if isinstance(value, set | frozenset):
        return {near(item, step, far) for item in value} | {far}
    return far


def near_literal(node: ast.expr, step: int, far: int) -> ast.expr | None:
    """The same for a literal in source code; None where the expression is not one, or is `None`."""
    try:
        value = ast.literal_eval(node)
        changed = None if value is None else ast.parse(repr(near(value, step, far)), mode="eval").body
        return changed if changed is not None and ast.literal_eval(changed) != value else None
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def as_source(name: str, step: int, far: int) -> ast.FunctionDef:
    """`near` as a function of one argument under another name, to be laid into a test file."""
    tree = ast.parse(inspect.getsource(near))
    function = tree.body[0]
    assert isinstance(function, ast.FunctionDef)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id == "near":
            node.id = name
    function.name = name
    function.body = function.body[1:]  # without the docstring
    function.args.defaults = [ast.Constant(step), ast.Constant(far)]
    for argument in function.args.args:
        argument.annotation = None
    function.returns = None
    return function
