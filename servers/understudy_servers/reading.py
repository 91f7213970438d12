"""Read one value as the type that was asked for: the words, digits and JSON in which models write numbers and booleans.

Every reader gives None for what it cannot read; nothing here guesses and nothing raises.
"""

import ast
import json
import math
import re
from typing import Any

from understudy_servers.numerals import alone, read_integer

TRUE = frozenset(["true", "yes", "y", "t", "1", "1.0", "on", "yeah", "yep", "needed", "required"])
TRUE |= {"✅", "✓", "✔", "✔️", "☑", "👍"}
FALSE = frozenset(["false", "no", "n", "f", "0", "0.0", "off", "nope", "not needed", "not required", "unnecessary"])
FALSE |= {"❌", "✗", "✘", "✖", "👎"}
NOT = r"(?:not|none|nothing) (?:needed|required|necessary|now|any ?more|more|left|further|else)"
SAID = re.compile(rf"\b(?:(true|yes|yeah|yep)|(false|no|nope|never|{NOT}))\b")
LONGEST_ANSWER = 60  # characters of a yes or no with its reason
NOTHING = frozenset(["", "null", "none", "undefined"])  # in any optional field
NOT_A_TEXT = NOTHING | {"n/a", "-", "--"}  # in an optional text
NOT_A_VALUE = NOT_A_TEXT | {"nil", "nan", "na", "unknown"}  # where no text is expected
FENCE = re.compile(r"```[A-Za-z]*\s*\n(.*?)\n?```", re.DOTALL)
DEEPEST = 20  # levels of a nested value that are written out as text
SURROGATES = re.compile(r"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
LITERAL_LIMIT = 100_000  # characters of a Python literal worth parsing; ast is slow and deep


def folded(name: object) -> str:
    """Fold away case and everything that is no letter or digit: Thought_Number and thought-number are one name."""
    return "".join(character for character in str(name).casefold() if character.isalnum())


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
        if value is None:
            value = _relaxed(text)
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


def _relaxed(text: str) -> Any:
    """Read JSON whose keys stand bare or before `=`, with single quotes, Python's words or a comma too many."""
    if len(text) > LITERAL_LIMIT:
        return None
    tokens: list[str] = []
    for found in TOKEN.finditer(text):
        if found[0] in ("'", '"'):
            return None  # a text that never ends
        if not found[0].isspace():
            tokens.append(found[0])
    pairs = zip(tokens, [*tokens[1:], ""], strict=True)
    written = [_strict(token, following) for token, following in pairs if token != "," or following not in ("}", "]")]
    opened = [CLOSER[token] for token in written if token in CLOSER]
    missing = len(opened) - sum(token in ("}", "]") for token in written)
    if missing > 0 and written[-1] not in (",", ":"):
        written += reversed(opened[:missing])  # right where only outer ones are missing, else no JSON
    try:
        value = json.loads(" ".join(written), strict=False)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _strict(token: str, following: str) -> str:
    """One token in JSON's spelling, in front of the one that follows it."""
    if token[0] == "'" and len(token) > 1:
        return json.dumps(token[1:-1].replace("\\'", "'"))
    if token.isidentifier() and following in (":", "="):
        return json.dumps(token)
    return ":" if token == "=" else WORDS.get(token, token)


TOKEN = re.compile(r"\"(?:[^\"\\]|\\.)*+\"|'(?:[^'\\]|\\.)*+'|[^\W\d]\w*|-?\d[\d.eE+-]*|\s+|.", re.DOTALL)
CLOSER = {"{": "}", "[": "]"}
WORDS = {"True": "true", "False": "false", "None": "null", "undefined": "null"}


def is_absent(value: object, kind: str) -> bool:
    """Say whether `value` is a way of leaving an optional field of this kind out."""
    if value is None:
        return True
    if isinstance(value, list | dict):
        return not value and kind not in ("array", "object", "any")
    if not isinstance(value, str) or kind == "any":
        return False
    if kind == "string":
        return value.casefold() in NOT_A_TEXT
    return value.strip().casefold() in NOT_A_VALUE


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
    value = alone(value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return bool(value) if value in (0, 1) else None
    if isinstance(value, str):
        word = value.strip(" \t\n\"'`*.!<>()[]{}").casefold()
        return True if word in TRUE else False if word in FALSE else _answered(word)
    return None


def _answered(text: str) -> bool | None:
    """Read "no, this was the last one": an answer stands first, and nothing after it says the opposite."""
    said = list(SAID.finditer(text[: LONGEST_ANSWER + 1]))
    if len(text) > LONGEST_ANSWER or not said or said[0].start() > 0:
        return None
    answers = {match[1] is not None for match in said}
    return answers.pop() if len(answers) == 1 else None


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
