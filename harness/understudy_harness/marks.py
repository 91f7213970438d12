"""One published outcome as a score from 0 to 1: numbers, percent, fractions, words, and words that a user explains."""

import re
from collections.abc import Mapping, Sequence
from math import isfinite, isnan
from typing import Any

from understudy_harness.errors import SettingsError

MISSING = frozenset(("", "na", "n/a", "nan", "none", "null", "-", "?"))
_RIGHT = (
    "true", "yes", "y", "t", "pass", "passed", "right", "correct", "c", "resolved", "success", "solved", "ok",
    "✓", "✔", "✔️", "✅",
)  # fmt: skip
_WRONG = (
    "false", "no", "n", "f", "fail", "failed", "wrong", "incorrect", "i", "unresolved", "failure", "unsolved",
    "✗", "✘", "❌",
)  # fmt: skip
_WORDS = {**dict.fromkeys(_RIGHT, 1.0), **dict.fromkeys(_WRONG, 0.0)}
_DECIMAL_COMMA = re.compile(r"-?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")  # 1,234 may be a thousand, so it is refused
_FRACTION = re.compile(r"(\d+)\s*/\s*(\d+)")


def parse_words(texts: Sequence[str]) -> dict[str, float | None]:
    """Read what a user says about words in a score's column: `timeout=0`, `error=missing`.

    Raises:
        SettingsError: It is not TEXT=SCORE with a score from 0 to 1 or `missing`.
    """
    words: dict[str, float | None] = {}
    for text in texts:
        word, equals, value = text.rpartition("=")
        known = None if value == "missing" else _number(value)
        if not equals or (value != "missing" and (known is None or not 0 <= known <= 1)):
            raise SettingsError(
                f"--word {text!r} is not TEXT=SCORE with a score from 0 to 1 or the word missing, such as timeout=0 "
                "or error=missing."
            )
        words[_spelled(word)] = known
    return words


def score_of(value: Any, *, scale: float, words: Mapping[str, float | None], place: str) -> float | None:
    """The score that stands in a cell; None is missing. A score is divided by `scale`, a word or a fraction is not.

    Raises:
        SettingsError: It is no score, or none from 0 to 1.
    """
    if isinstance(value, list | tuple | Mapping):
        raise SettingsError(f"{place}: {_about_many(value)}")
    text = "" if value is None else str(value).strip()
    said = text.lower()
    if words and _spelled(text) in words:
        return words[_spelled(text)]
    if value is None or said in MISSING:
        return None
    if said in _WORDS:  # so are true and false of JSON
        return _WORDS[said]
    fraction = _FRACTION.fullmatch(text)
    if fraction is not None and 0 < int(fraction[2]) >= int(fraction[1]):
        return int(fraction[1]) / int(fraction[2])
    return _measured(text, value, scale, place)


def _measured(text: str, value: Any, scale: float, place: str) -> float | None:
    """A number as a score; None where it is no number by its own account."""
    if text.endswith("%"):
        text, scale = text[:-1].strip(), 100.0
    number = _number(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text) else text)
    if number is None:
        raise SettingsError(
            f"{place}: the score {value!r} is neither a number nor a word like 'passed'. Choose another column, or say "
            f"what it means: --word '{text}=0', or =missing."
        )
    score = number / scale
    if isnan(score):
        return None
    if 0 <= score <= 1:
        return score
    wide = score > 1 and isfinite(score)
    advice = "Give --scale, such as 100 for percent." if wide else f"Say what it means: --word '{text}=missing', or =0."
    raise SettingsError(f"{place}: the score {value!r} is outside 0 to 1. {advice}")


def _about_many(value: list[Any] | tuple[Any, ...] | Mapping[str, Any]) -> str:
    if isinstance(value, Mapping):
        inside = ", ".join(map(str, list(value)[:8]))
        return f"the score is an object. Choose a part of it with #COLUMN.PART (it holds: {inside})."
    return (
        f"the score is a list of {len(value)}. Where its entries are repetitions of the item, add --repeats; where "
        "they are items, name the list with --at and add --by-order; else choose another column."
    )


def _spelled(text: str) -> str:
    """A word as it is looked up: -1, -1.0 and "-1" are one."""
    number = _number(text)
    return text.strip().lower() if number is None else repr(number)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
