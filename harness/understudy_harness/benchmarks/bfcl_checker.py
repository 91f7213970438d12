"""The rules of BFCL's checker: does a list of calls match one of the allowed answers?

A reimplementation of gorilla's `bfcl_eval/eval_checker/ast_eval/ast_checker.py` at commit 6ea57973 (Apache-2.0) for
Python functions, quirks included, so that scores can be compared; `docs/results` lists where the two differ.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from understudy_harness.benchmarks.bfcl_calls import Call

Function = Mapping[str, Any]
Allowed = Mapping[str, Mapping[str, Sequence[Any]]]
"""One expected call: {function: {parameter: [allowed values]}}; "" among the values means that it may be left out."""

PYTHON_TYPES: dict[str, type] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_NESTED = ("array", "tuple")
_IGNORED = re.compile(r"[ \,\.\/\-\_\*\^]")


class Fault(Exception):
    """Why calls do not match: a word, and a sentence."""

    def __init__(self, word: str, detail: str) -> None:
        super().__init__(detail)
        self.word, self.detail = word, detail


class _Typed(NamedTuple):
    valid: bool
    variable: bool
    """The answer's type is not the documented one, so the value is compared plainly."""


def check(functions: Sequence[Function], calls: Sequence[Call], allowed: Sequence[Allowed], category: str) -> None:
    """Compare calls with what is allowed, by the rule of the category.

    Raises:
        Fault: They do not match.
    """
    if len(calls) != len(allowed):
        raise Fault("wrong_count", f"{len(calls)} calls instead of {len(allowed)}")
    if "parallel" in category:
        _check_parallel(functions, calls, allowed)
    elif "multiple" in category:
        _check_one(_described(functions, next(iter(allowed[0]))), calls[0], allowed[0])
    else:
        _check_one(functions[0], calls[0], allowed[0])


def _check_parallel(functions: Sequence[Function], calls: Sequence[Call], allowed: Sequence[Allowed]) -> None:
    """Match in any order, greedily: each allowed call takes the first unused call that fits."""
    left = list(calls)
    for expected in allowed:
        function = _described(functions, next(iter(expected)))
        for index, call in enumerate(left):
            try:
                _check_one(function, call, expected)
            except Fault:
                continue
            del left[index]
            break
        else:
            raise Fault("no_match", f"no call matches the expected {next(iter(expected))!r}")


def _described(functions: Sequence[Function], name: str) -> Function:
    for function in functions:
        if function["name"] == name:
            return function
    raise Fault("unknown_function", f"the expected function {name!r} is not among those offered")


def _check_one(function: Function, call: Call, expected: Allowed) -> None:
    allowed = next(iter(expected.values()))
    if call.name != function["name"]:
        raise Fault("wrong_function", f"called {call.name!r} instead of {function['name']!r}")
    properties = function["parameters"]["properties"]
    for name in function["parameters"]["required"]:
        if name not in call.arguments:
            raise Fault("missing_parameter", f"the required parameter {name!r} is missing")
    for name, value in call.arguments.items():
        if name not in properties or name not in allowed:
            raise Fault("unexpected_parameter", f"the parameter {name!r} is not expected")
        _check_parameter(name, value, properties[name], allowed[name])
    for name, values in allowed.items():
        if name not in call.arguments and "" not in values:
            raise Fault("missing_parameter", f"the parameter {name!r} may not be left out here")


def _check_parameter(name: str, value: Any, described: Mapping[str, Any], allowed: Sequence[Any]) -> None:
    expected = PYTHON_TYPES.get(described["type"])
    if expected is None:
        raise Fault("unknown_type", f"the parameter {name!r} is of the unknown type {described['type']!r}")
    nested = PYTHON_TYPES.get(described["items"]["type"]) if described["type"] in _NESTED else None
    if described["type"] == "tuple" and type(value) is tuple:
        value = list(value)
    if described["type"] == "float" and type(value) is int:
        value = float(value)
    typed = _check_type(value, allowed, expected, nested)
    if not typed.valid:
        raise Fault("wrong_type", f"the parameter {name!r} is {type(value).__name__}, not {described['type']}")
    if not (value in allowed if typed.variable else _fits(value, allowed, expected, nested)):
        raise Fault("wrong_value", f"the parameter {name!r} is {value!r}, which is not allowed")


def _fits(value: Any, allowed: Sequence[Any], expected: type, nested: type | None) -> bool:
    if expected is dict:
        return any(_fits_dict(value, one) for one in allowed if one != "")
    if expected is list and nested is dict:
        return any(_fits_dicts(value, one) for one in allowed)
    if expected is str:
        return _plain(value) in [_plain(one) for one in allowed if type(one) is str]
    if expected is list:
        return [_plain(one) for one in value] in [[_plain(item) for item in one] for one in allowed]
    return value in allowed


def _check_type(value: Any, allowed: Sequence[Any], expected: Any, nested: Any) -> _Typed:
    answered = next((type(one) for one in allowed if one != ""), None)
    if expected is type(value):
        variable = answered is not None and answered is not expected
        # One level of nesting: the items must fit one allowed list; an allowed "" lets every item pass.
        fits = nested is None or any(
            type(one) is not list or all(_check_type(item, one, nested, None).valid for item in value)
            for one in allowed
        )
        return _Typed(fits, variable)
    return _Typed(answered is not None and type(value) is answered, True)


def _plain(value: Any) -> Any:
    """Strings are compared without spaces, `,./-_*^` and case, and with double quotes; all else as it is."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if type(value) is str else value


def _fits_dict(value: Mapping[str, Any], allowed: Mapping[str, Sequence[Any]]) -> bool:
    for key, one in value.items():
        if key not in allowed or _plain(one) not in [_plain(item) for item in allowed[key]]:
            return False
    return all(key in value or "" in items for key, items in allowed.items())


def _fits_dicts(value: Sequence[Any], allowed: Any) -> bool:
    return len(value) == len(allowed) and all(
        isinstance(one, Mapping) and isinstance(other, Mapping) and _fits_dict(one, other)
        for one, other in zip(value, allowed, strict=True)
    )
