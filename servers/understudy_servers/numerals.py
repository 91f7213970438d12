"""Read the whole number that a model meant: "2 of 3", "Thought 2", "second", "5-7", "about 4 more".

A number counts where only words for counting stand before it and at most a unit behind it, so that "add 3 eggs" is no
number; two are a count and its total, or a range. Anything else is read as nothing rather than guessed.
"""

import math
import re
import unicodedata

LONGEST = 60  # characters; in a longer text a number is about something
CARDINALS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen"
)
ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
UNITS = {word: number for number, word in enumerate(CARDINALS.split())}
WORDS = {
    **UNITS,
    **{word: number for number, word in enumerate(ORDINALS.split())},
    **{
        f"{ten}-{unit}" if more else ten: 20 + 10 * place + more
        for place, ten in enumerate(TENS.split())
        for unit, more in UNITS.items()
        if more < 10
    },
}
SPELLED = re.compile(rf"\b(?:{'|'.join(sorted(WORDS, key=len, reverse=True))})\b")
# A whole number that is no part of a name ("2a"), a version or a fraction ("1.2").
NUMBER = re.compile(r"(?<![\d.,])(\d{1,15})(?:\.0+)?(?:st|nd|rd|th)?(?!\d|[.,]\d|[a-z])")
LABEL = (
    "thought|step|number|num|no|nr|part|page|item|line|about|around|roughly|approximately|max|min|limit|top|up to|"
    "total|count|estimated?|the|from|第"
)
# Possessive, or a text of dashes would take exponential time.
BEFORE = re.compile(rf"(?:(?:(?:{LABEL}|maybe|between|at (?:least|most))s?(?=[\W\d_]|$)|[ts](?=[\d-]|$))|[\W_])*+")
LAST = (
    r"(?:in |or )?(?:total|all|so|more|fewer|less|overall|altogether|max|maximum|min|minimum|estimated|needed|planned)"
)
BEHIND = re.compile(rf"\W*(?:[a-z]+\W*|[步个個次项項条條题題])?(?:{LAST}\W*)?|\s*(?:\(|of\b).*")
ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
OF = re.compile(r"[\s-]*(?:[/\\]|(?:out )?of\b)[\s-]*(?:[~≈(]|(?:about|around|roughly|approximately|at least|maybe) )*")
TO = re.compile(r"\s*(?:-|–|to|or|and)\s*")
DENIED = re.compile(r"(?:no|not|none|never|without)\b(?!\.?\s*#?\d)|/")
EXACT = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
THOUSANDS = re.compile(r"(\d+(?:\.\d+)?)\s*k")
GROUPED = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+")


def read_integer(value: object) -> tuple[int, int | None] | None:
    """Read a whole number, and the second one of "2 of 3"; of a range "3-5" the upper end."""
    value = alone(value)
    if isinstance(value, dict):
        return _counted(value)
    if isinstance(value, bool | int):
        return int(value), None
    if isinstance(value, float):
        return (int(value), None) if math.isfinite(value) and value == int(value) else None
    return _integer_in(value) if isinstance(value, str) else None


def alone(value: object) -> object:
    """Take the one value out of a list of one, or from between what a schema says of it: `{"value": 2}`."""
    while True:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        elif isinstance(value, dict) and "value" in value and value.keys() <= {"value", "type", "description", "title"}:
            value = value["value"]
        else:
            return value


def _counted(value: dict[str, object]) -> tuple[int, int | None] | None:
    """Read `{"current": 2, "total": 3}`."""
    if not value or not value.keys() <= {"current", "number", "index", "step", "total", "of"}:
        return None
    read = {("total" if key in ("total", "of") else "number"): read_integer(item) for key, item in value.items()}
    number, total = read.get("number"), read.get("total")
    if len(read) < len(value) or any(item is None or item[1] is not None for item in read.values()):
        return None
    return (number[0], total[0] if total else None) if number else total


def exact_number(text: str) -> float | None:
    """Read a number literal as JavaScript's `Number` does, with 0x, 0o and 0b; None when it is none."""
    if RADIX.fullmatch(text):
        return int(text, 0)
    if EXACT.fullmatch(text) is None:
        return None
    return int(text) if text.isdecimal() else float(text)


def _integer_in(text: str) -> tuple[int, int | None] | None:
    text = unicodedata.normalize("NFKC", text[: LONGEST + 1]).strip().strip("\"'“”‘’`*").casefold()
    if len(text) > LONGEST:
        return None
    if text.upper() in ROMAN[1:]:
        return ROMAN.index(text.upper()), None
    if GROUPED.fullmatch(text):
        text = text.replace(",", "")
    exact = exact_number(text)
    if exact is not None:
        return (int(exact), None) if math.isfinite(exact) and exact == int(exact) else None
    if thousands := THOUSANDS.fullmatch(text):
        return round(float(thousands[1]) * 1000), None
    if DENIED.match(text):
        return None
    return _among_words(text) or _among_words(SPELLED.sub(lambda word: str(WORDS[word[0]]), text))


def _among_words(text: str) -> tuple[int, int | None] | None:
    found = list(NUMBER.finditer(text))
    if not found or not BEFORE.fullmatch(text[: found[0].start()]) or not BEHIND.fullmatch(text[found[-1].end() :]):
        return None
    if len(found) == 1 and len(re.findall(r"\d+(?:\.0+\b)?", text)) == 1:
        below = text[: found[0].start()].strip("([{#~≈< ") == "-"
        return (-int(found[0][1]) if below else int(found[0][1])), None
    if len(found) != 2:
        return None
    first, second = int(found[0][1]), int(found[1][1])
    between = text[found[0].end() : found[1].start()]
    if OF.fullmatch(between):
        return first, second
    return (max(first, second), None) if TO.fullmatch(between) else None
