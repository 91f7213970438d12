"""Read one value as the type that was asked for: the words, digits and JSON in which models write numbers and booleans.

Every reader gives None for what it cannot read; nothing here guesses and nothing raises.
"""

import ast
import json
import math
import re
from typing import Any

TRUE = frozenset(["true", "yes", "y", "t", "1", "on"])
FALSE = frozenset(["false", "no", "n", "f", "0", "off"])
NOTHING = frozenset(["", "null", "none", "undefined"])  # in any optional field
NOT_A_VALUE = NOTHING | {"nil", "nan", "n/a", "na", "-", "unknown"}  # where no text is expected
NUMERALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
WORDS = {word: number for number, word in enumerate(NUMERALS.split())}
LABEL_WORD = r"thought|step|number|num|no|nr|part|page|item|line|about|around|roughly|max|min|limit|top|up to|at least"
LABEL = rf"(?:(?:{LABEL_WORD})s?[ .:]*)?[#~≈<(\[]*\s*"
OF = re.compile(rf"{LABEL}(\d{{1,9}})\s*(?:/|\\|of|out of)\s*[~≈]?(\d{{1,9}})\b[^\d]{{0,12}}", re.IGNORECASE)
RANGE = re.compile(r"(\d{1,9})\s*(?:-|–|to)\s*(\d{1,9})", re.IGNORECASE)
NUMBER = re.compile(
    rf"{LABEL}([-+]?\d{{1,15}})(?:\.0*)?\s*(?:st|nd|rd|th)?(?:[+.)\]:!]|\s+[A-Za-z]{{1,15}})?", re.IGNORECASE
)
EXACT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
THOUSANDS = re.compile(r"(\d+(?:\.\d+)?)\s*k", re.IGNORECASE)
GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+")
FENCE = re.compile(r"```[A-Za-z]*\s*\n(.*?)\n?```", re.DOTALL)
DEEPEST = 20  # levels of a nested value that are written out as text
SURROGATES = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
LITERAL_LIMIT = 100_000  # characters of a Python literal worth parsing; ast is slow and deep


def loaded(text: str) -> Any:
    """Parse a JSON value, or a Python dict or list display, out of `text`; None when it is neither."""
    text = text.strip()
    fenced = FENCE.fullmatch(text)
    text = mended(fenced[1].strip() if fenced else text)
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        value = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        value = _literal(text)
    if isinstance(value, str) and value != text:
        return loaded(value)
    return value


def mended(text: str) -> str:
    """Replace half surrogate pairs in JSON: a model cut off in the middle of an emoji sends one.

    Strict parsers refuse the whole message, and Python's makes a text of it that cannot be written as UTF-8.
    """
    if "\\ud" not in text.lower():
        return text
    return SURROGATES.sub(lambda match: "\\ufffd" if match[1] else match[0], text)


def _literal(text: str) -> Any:
    if len(text) > LITERAL_LIMIT:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def is_absent(value: object, kind: str) -> bool:
    """Say whether `value` is a way of leaving an optional field of this kind out."""
    if value is None:
        return True
    if isinstance(value, list | dict):
        return not value and kind not in ("array", "object", "any")
    if not isinstance(value, str) or kind == "any":
        return False
    if kind == "string":
        return value.casefold() in NOTHING
    return value.strip().casefold() in NOT_A_VALUE


def _only(value: object) -> object:
    """Take the one value out of a list of one, of a list of one …"""
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value


def read_integer(value: object) -> tuple[int, int | None] | None:
    """Read a whole number, and the second one of "2 of 3"; of a range "3-5" the upper end."""
    value = _only(value)
    if isinstance(value, bool | int):
        return int(value), None
    if isinstance(value, float):
        return (int(value), None) if math.isfinite(value) and value == int(value) else None
    return _integer_in(value.strip()) if isinstance(value, str) else None


def _integer_in(text: str) -> tuple[int, int | None] | None:
    if len(text) > 60:
        return None
    text = text.strip("\"'")
    exact = exact_number(text)
    if exact is not None:
        return (int(exact), None) if math.isfinite(exact) and exact == int(exact) else None
    if GROUPED.fullmatch(text):
        text = text.replace(",", "")
    if both := OF.fullmatch(text):
        return int(both[1]), int(both[2])
    if span := RANGE.fullmatch(text):
        return int(span[2]), None
    if thousands := THOUSANDS.fullmatch(text):
        return round(float(thousands[1]) * 1000), None
    if one := NUMBER.fullmatch(text):
        return int(one[1]), None
    words = text.casefold().strip(".: ").split()
    return (WORDS[words[-1]], None) if 1 <= len(words) <= 2 and words[-1] in WORDS else None


def exact_number(text: str) -> float | None:
    """Read a number literal as JavaScript's `Number` does, with 0x, 0o and 0b; None when it is none."""
    if RADIX.fullmatch(text):
        return int(text, 0)
    if EXACT.fullmatch(text) is None:
        return None
    return int(text) if text.isdecimal() else float(text)


def read_number(value: object) -> float | None:
    """Read a number; a whole one stays an int."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            number = float(value.strip().rstrip("%"))
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            return number / 100 if value.strip().endswith("%") else number
    whole = read_integer(value)
    return None if whole is None else whole[0]


def read_boolean(value: object) -> bool | None:
    """Read yes or no in any usual spelling."""
    value = _only(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip().strip("\"'.!").casefold()
        return True if word in TRUE else False if word in FALSE else None
    return None


def read_string(value: object, depth: int = 0) -> str:
    """Write any value as text: lists as lines, objects by their text or as `key: value` lines."""
    if isinstance(value, str):
        return value
    if depth > DEEPEST:
        return "…"
    if isinstance(value, list):
        return "\n".join(read_string(item, depth + 1) for item in value)
    if isinstance(value, dict):
        texts = [item for key, item in value.items() if key in ("text", "content", "value") and isinstance(item, str)]
        lines = (f"{key}: {read_string(item, depth + 1)}" for key, item in value.items())
        return texts[0] if len(texts) == 1 else "\n".join(lines)
    return json.dumps(value) if isinstance(value, bool | int | float) else str(value)


def read_array(value: object) -> list[Any] | None:
    """Read a list; JSON text is parsed and a single value becomes a list of one."""
    inner = loaded(value) if isinstance(value, str) else value
    if isinstance(inner, list):
        return inner
    return [value if inner is None else inner]


def read_object(value: object) -> dict[str, Any] | None:
    """Read a mapping: JSON text, a list of one mapping, or a list of named contents such as path and content."""
    inner = loaded(value) if isinstance(value, str) else value
    if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner):
        named = [_named(item) for item in inner]
        pairs = [pair for pair in named if pair is not None]
        if len(pairs) == len(inner):
            return dict(pairs)
        inner = inner[0] if len(inner) == 1 else None
    return inner if isinstance(inner, dict) else None


def _named(item: dict[str, Any]) -> tuple[str, Any] | None:
    names = [item[key] for key in ("path", "file", "filename", "file_path", "name", "key") if key in item]
    contents = [item[key] for key in ("content", "contents", "text", "code", "source", "value") if key in item]
    return (str(names[0]), contents[0]) if len(names) == len(contents) == 1 and len(item) == 2 else None
