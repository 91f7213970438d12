"""Read JSON as models write it: the value that is there, or nothing. What was cut off is never completed by a guess.

Beyond JSON it reads single and curly quotes, bare keys and words, Python's and JavaScript's literals, comments,
trailing and missing commas, line breaks inside strings, joined strings, doubled or full-width braces, a key's forgotten
quote, and closers that were mixed up or forgotten at the end. It refuses a string or number that breaks off with the
text, a key that says two things, a string whose backslashes may be escapes or may not, a word that may be a variable,
NaN, and anything else that has no one meaning.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

DEEPEST = 64
LONGEST = 1_000_000  # characters

_SPACE = re.compile(r"(?:[\s\ufeff\u200b\u2060]|\\(?=\r?\n)|\\[nrt]|//[^\n]*|#[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?")
_CODES = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_WORD = re.compile(r"[A-Za-z]+")
_BARE_KEY = re.compile(r"[A-Za-z_$][\w$.-]*")
_UNOPENED_KEY = re.compile(r"(?P<key>[A-Za-z_][\w-]*)\s*:\s*(?=[\[{\w-])")
_BARE_TEXT = re.compile(r"(?!\.\.)[./~*]{0,3}[^\W\d][\w./@~*-]*(?: \w[\w./@~*-]*){0,7}")
_NO_TEXT = re.compile(r"nan|[+-]?inf(?:inity)?|yes|no|on|off", re.IGNORECASE)
_JOIN = re.compile(r"\s*\+\s*(?=[\"'])")
_WORDS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "null": None,
    "None": None,
    "NULL": None,
    "undefined": None,
}
_NAME_KEYS = frozenset({"name", "tool", "tool_name", "toolname", "function", "function_name", "action"})
_OPENERS = {"{": "}", "｛": "｝", "[": "]", "［": "］", "(": ")"}
_BEGINS = frozenset('"{[0123456789')
_QUOTES = {'"': '"', "＂": "＂", "'": "'", "“": "”„“", "”": "”", "‘": "’‘", "«": "»", "`": "`"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "/": "/", "\\": "\\", '"': '"', "'": "'", "`": "`"}


class Unreadable(ValueError):
    """There is no one value here."""


@dataclass(frozen=True, kw_only=True)
class Read:
    """A value, where it ended, and how it had to be read."""

    value: Any
    end: int
    closed: bool = True
    """False when closers were missing at the end of the text."""
    strict: bool = True
    """It was plain JSON."""


def read(text: str, start: int = 0, *, whole: bool = True) -> Read:
    """Read the value that begins at `start`.

    Args:
        text: What the model wrote.
        start: Where to begin.
        whole: The text ended because its writer was done, so closers missing at the end were forgotten, not cut off.

    Raises:
        Unreadable: There is none, or it has no one meaning.
    """
    if len(text) - start > LONGEST:
        raise Unreadable("too long")
    try:
        value, end = _DECODER.raw_decode(text, _skip(text, start))
        return Read(value=value, end=end)
    except (ValueError, RecursionError):
        pass
    problems: list[Unreadable] = []
    for stray, bare in _LENIENT:
        reader = _Reader(text, whole=whole, stray=stray, bare=bare)
        try:
            value, end = reader.value(start, 0)
        except Unreadable as error:
            problems.append(error)
            continue
        if reader.crossed and reader.unclosed:
            continue  # which closer is missing cannot be known
        return Read(value=value, end=end, closed=not reader.unclosed, strict=False)
    raise problems[0]


def loads(text: str, *, whole: bool = True) -> Any:
    """Read a text that is one value and nothing else, but for closers too many.

    Raises:
        Unreadable: It is not.
    """
    found = read(text, whole=whole)
    rest = text[found.end :].strip()
    if rest.strip("}]),; \n\t`"):
        raise Unreadable(f"text behind the value: {rest[:40]!r}")
    return found.value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in pairs:
        if key in made and made[key] != value:
            raise Unreadable(f"the key {key!r} says two things")
        made[key] = value
    return made


def _no_constant(word: str) -> Any:
    raise Unreadable(f"{word} is no value")


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)


_LENIENT = ((False, False), (True, False), (False, True), (True, True))
"""Unescaped quotes inside a string, and texts without quotes or with another closer, are looked for only when nothing
else helps."""


class _Reader:
    """A recursive-descent reader over one text."""

    def __init__(self, text: str, *, whole: bool, stray: bool, bare: bool) -> None:
        self.text, self.whole, self.stray, self.bare = text, whole, stray, bare
        self.unclosed = self.crossed = False

    def value(self, at: int, depth: int, key: str = "") -> tuple[Any, int]:
        if depth > DEEPEST:
            raise Unreadable("nested too deep")
        at = _skip(self.text, at)
        if at >= len(self.text):
            raise Unreadable("the text ends where a value should be")
        first = self.text[at]
        if first in "{｛":
            return self.object(at, depth)
        if first in _OPENERS:
            return self.array(at, depth)
        if first in _QUOTES:
            return self.joined(at)
        return self.plain(at, key)

    def object(self, at: int, depth: int) -> tuple[dict[str, Any], int]:
        doubled = self.text.startswith("{{", at)
        at += 2 if doubled else 1
        made: dict[str, Any] = {}
        while True:
            at = self._past_commas(at)
            if self._ended(at):
                return made, at
            if self._closed_by(at, "}｝"):
                return made, at + (2 if doubled and self.text.startswith("}}", at) else 1)
            key, at = self.key(at)
            value, at = self.value(at, depth + 1, key)
            if key in made and made[key] != value:
                raise Unreadable(f"the key {key!r} says two things")
            made[key] = value
            at = self._after_item(at, "}｝")

    def array(self, at: int, depth: int) -> tuple[list[Any], int]:
        closer = _OPENERS[self.text[at]]
        at += 1
        made: list[Any] = []
        while True:
            at = self._past_commas(at)
            if self._ended(at):
                return made, at
            if self._closed_by(at, closer):
                return made, at + 1
            value, at = self.value(at, depth + 1)
            made.append(value)
            at = self._after_item(at, closer)

    def key(self, at: int) -> tuple[str, int]:
        """A key, and where its value begins."""
        if self.text[at] in _QUOTES:
            unclosed = _UNOPENED_KEY.match(self.text, at + 1)
            key, end = self.string(at, key=True) if not unclosed else ("", at)
            if unclosed:  # "limit: 5
                return unclosed["key"], unclosed.end()
        else:
            found = _BARE_KEY.match(self.text, at)
            if not found:
                raise Unreadable(f"no key at {self.text[at : at + 20]!r}")
            key, end = found.group(), found.end()
            end += self.text[end : end + 1] in _QUOTES  # city": 5
        at = _skip(self.text, end)
        if key.endswith(":") and self.text[at : at + 1] in _BEGINS:  # "city:" 5
            return key.rstrip(": "), at
        if self.text[at : at + 2] == "=>":
            at += 1
        if at >= len(self.text) or self.text[at] not in ":：=>":
            raise Unreadable(f"no value for the key {key!r}")
        return key, at + 1

    def joined(self, at: int) -> tuple[str, int]:
        """A string, or several that a plus sign joins."""
        value, at = self.string(at)
        while join := _JOIN.match(self.text, at):
            more, at = self.string(join.end())
            value += more
        return value, at

    def string(self, at: int, *, key: bool = False) -> tuple[str, int]:
        closers = _QUOTES[self.text[at]]
        if self.text.startswith('"""', at):
            end = self.text.find('"""', at + 3)
            if end < 0:
                raise Unreadable("a string breaks off")
            return self.text[at + 3 : end], end + 3
        began = at = at + 1
        parts: list[str] = []
        while at < len(self.text):
            letter = self.text[at]
            if letter == "\\":
                piece, at = self.escape(at)
                parts.append(piece)
            elif letter in closers and (key or not self.stray or self._closes(at)):
                _sure(self.text[began:at])
                return "".join(parts), at + 1
            else:
                parts.append(letter)
                at += 1
        raise Unreadable("a string breaks off")

    def escape(self, at: int) -> tuple[str, int]:
        letter = self.text[at + 1 : at + 2]
        if letter == "u":
            return self._unicode(at)
        if letter in _ESCAPES:
            return _ESCAPES[letter], at + 2
        if letter == "\n":  # a line that JavaScript continues
            return "", at + 2
        return "\\" + letter, at + 2  # a pattern such as \d, written without doubling the backslash

    def _unicode(self, at: int) -> tuple[str, int]:
        found = _CODES.match(self.text, at)
        if not found:
            return "\\u", at + 2
        decoded = json.loads(f'"{found.group()}"')
        assert isinstance(decoded, str)
        return decoded, found.end()

    def plain(self, at: int, key: str) -> tuple[Any, int]:
        number = _NUMBER.match(self.text, at)
        if number and self._delimited(number.end()):
            written = number.group().lstrip("+")
            if re.fullmatch(r"-?0\d+", written):
                raise Unreadable(f"{written} may be a text or a number")
            return (int(written) if re.fullmatch(r"-?\d+", written) else float(written)), number.end()
        word = _WORD.match(self.text, at)
        if word and word.group() in _WORDS and self._delimited(word.end()):
            return _WORDS[word.group()], word.end()
        text = _BARE_TEXT.match(self.text, at) if self.bare else None
        if text and self._is_text(text.group(), key) and _skip(self.text, text.end()) < len(self.text):
            return text.group(), text.end()
        raise Unreadable(f"no value at {self.text[at : at + 20]!r}")

    def _is_text(self, written: str, key: str) -> bool:
        """Whether a text without quotes is one, and not the name of a variable or a word for a truth value."""
        if _NO_TEXT.fullmatch(written) or written.lower() == key.lower() or written in _WORDS:
            return False
        return key.lower() in _NAME_KEYS or bool(re.search(r"[ /]|\A[A-Z]\w*[a-z]", written))

    def _delimited(self, end: int) -> bool:
        """Whether a bare word ends here for sure."""
        if end >= len(self.text):
            return self.whole
        return not (self.text[end].isalnum() or self.text[end] in "_.%/-:+")

    def _closes(self, at: int) -> bool:
        """Whether a quote ends its string: what follows can follow a value, up to the next key or the end."""
        return bool(_FOLLOWS.match(self.text, at + 1))

    def _past_commas(self, at: int) -> int:
        at = _skip(self.text, at)
        while at < len(self.text) and self.text[at] in ",;，；":
            at = _skip(self.text, at + 1)
        return at

    def _ended(self, at: int) -> bool:
        if at < len(self.text) and not self.text.startswith("</", at):
            return False
        if at >= len(self.text) and not self.whole:
            raise Unreadable("the text breaks off")
        self.unclosed = True
        return True

    def _closed_by(self, at: int, closer: str) -> bool:
        """Whether an object or a list ends here, perhaps by the closer of the other."""
        crossed = self.bare and self.text[at] in "]}" and self.text[at] not in closer
        self.crossed = self.crossed or crossed
        return crossed or self.text[at] in closer

    def _after_item(self, at: int, closer: str) -> int:
        """Check that an item is followed by something that can follow it: a comma may be missing, sense may not."""
        after = _skip(self.text, at)
        if after >= len(self.text) or self.text[after] in ",;，；" or self._closed_by(after, closer):
            return after
        if self.text[after] in '"{[' and after > at:  # a comma forgotten at the end of a line
            return after
        if self.text.startswith("</", after):
            return after
        raise Unreadable(f"{self.text[after : after + 20]!r} cannot follow a value")


def _sure(written: str) -> None:
    r"""Refuse a string such as `C:\dir\new`, whose `\d` is no escape, so that its `\n` may be none either."""
    escaped = set(re.findall(r"\\(.)", written, re.DOTALL))
    if escaped - _KNOWN and escaped & set("ntrbf"):
        raise Unreadable("backslashes that may be escapes or may not")


_KNOWN = {*_ESCAPES, "u", "\n"}
_FOLLOWS = re.compile(r"""\s*(?:$|[}\]]|,\s*(?:["'{\[\d-]|true|false|null|$)|:\s|</)""")


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at
