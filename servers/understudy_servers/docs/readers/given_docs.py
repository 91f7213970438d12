"""Docstrings that are given to C objects by calls, as numpy, scipy and torch do, read without running anything.

`add_newdoc("numpy._core.multiarray", "array", "...")` and `add_docstr(torch.abs, "...")` stand in ordinary Python
files, although the objects they describe are compiled. The text is a constant, or constants joined and filled in with
`.format(**common_args)`; anything else is left out.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from inspect import cleandoc

# parse_kwargs of torch/_torch_docs.py: a new argument begins on a line with exactly four spaces
_ARGUMENT = re.compile(r"\n\s{4}(?!\s)")
_FIELD = re.compile(r"\{\{|\}\}|\{(\w+)\}")
MAX_TEXT = 100_000  # characters of one docstring
MAX_DEPTH = 40

Values = Mapping[str, ast.expr]


class Unknown(Exception):
    """The text depends on more than constants."""


def given_docs(call: ast.Call, *, package: str, module: str, values: Values) -> Iterator[tuple[str, str]]:
    """Yield the dotted names and docstrings that a call gives; none when it is another call.

    Args:
        package: the package of the module the call stands in; short names are relative to it.
        module: the module itself.
        values: what the module's names were assigned, for texts that are filled in.
    """
    name = _last(call.func)
    try:
        match name.lstrip("_"), call.args:
            case ("add_newdoc", [place, thing, text, *_]):
                yield from _newdoc(f"{_text(place, values)}.{_text(thing, values)}", text, values)
            case ("add_newdoc", [thing, text]):
                yield f"{package}.{_text(thing, values)}", tidy(_text(text, values))
            case ("add_newdoc_for_scalar_type", [thing, _, text]):
                yield f"{module.partition('.')[0]}.{_text(thing, values)}", tidy(_text(text, values))
            case ("add_docstr", [ast.Name() | ast.Attribute() as thing, text, *_]):
                yield _dotted(thing), tidy(_text(text, values))
            case ("add_docstr_all", [thing, text, *_]):  # torch's own, for the methods of its tensors
                yield f"{package}.Tensor.{_text(thing, values)}", tidy(_text(text, values))
    except Unknown:
        return


def _newdoc(target: str, text: ast.expr, values: Values) -> Iterator[tuple[str, str]]:
    match text:
        case ast.Tuple(elts=[member, inner]):
            yield f"{target}.{_text(member, values)}", tidy(_text(inner, values))
        case ast.List(elts=pairs):
            for pair in pairs:
                yield from _newdoc(target, pair, values)
        case _:
            yield target, tidy(_text(text, values))


def tidy(text: str) -> str:
    """Return a docstring without indentation and without the mark that ends a C function's signature."""
    return re.sub(r"(?m)^--\n+", "\n", cleandoc(text[:MAX_TEXT]))


def _last(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{_dotted(node.value)}.{node.attr}"
    raise Unknown


def _text(node: ast.expr, values: Values, depth: int = 0) -> str:
    if depth > MAX_DEPTH:
        raise Unknown
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.BinOp(op=ast.Add()):
            return _text(node.left, values, depth + 1) + _text(node.right, values, depth + 1)
        case ast.Name() if node.id in values:
            return _text(values[node.id], values, depth + 1)
        case ast.Call(func=ast.Attribute(attr="format")):
            return _filled(node, values, depth + 1)
        case ast.Call(func=ast.Name(id="dedent" | "cleandoc") | ast.Attribute(attr="dedent" | "cleandoc")):
            return cleandoc(_text(node.args[0], values, depth + 1)) if node.args else ""
    raise Unknown


def _filled(call: ast.Call, values: Values, depth: int) -> str:
    """Fill a template's plain fields; never `str.format`, whose fields can reach into objects."""
    assert isinstance(call.func, ast.Attribute)
    template = _text(call.func.value, values, depth)
    fields: dict[str, str] = {}
    for keyword in call.keywords:
        try:
            if keyword.arg is None:
                fields |= _mapping(keyword.value, values, depth)
            else:
                fields[keyword.arg] = _text(keyword.value, values, depth)
        except Unknown:
            continue
    return _FIELD.sub(lambda match: fields.get(match[1], "") if match[1] else match[0][0], template)


def _mapping(node: ast.expr, values: Values, depth: int) -> dict[str, str]:
    if depth > MAX_DEPTH:
        raise Unknown
    match node:
        case ast.Name() if node.id in values:
            return _mapping(values[node.id], values, depth + 1)
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return {_text(key, values, depth): _text(value, values, depth) for key, value in pairs if key is not None}
        case ast.Call(func=ast.Name(id="merge_dicts")):
            merged: dict[str, str] = {}
            for one in node.args:
                merged |= _mapping(one, values, depth + 1)
            return merged
        case ast.Call(func=ast.Name(id="parse_kwargs"), args=[text, *_]):
            parts = [part.strip() for part in _ARGUMENT.split(_text(text, values, depth))]
            return {part.split(" ")[0]: part for part in parts if part}
    raise Unknown
