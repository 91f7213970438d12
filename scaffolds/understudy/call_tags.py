"""Calls in tags: the XML of Qwen 3 Coder, MiniMax, Anthropic, GLM and Cline, with tags left out or mixed up."""

import re
from collections.abc import Iterator
from typing import Any

from understudy.found import NAME, UNREADABLE, Found

MOST_FAILED = 100  # tags that begin nothing, before a text is taken to hold no call
WRAPPERS = ("tool_calls", "tool_call", "tool_use", "function_call", "function_calls", "calls", "tools")
"""Tags and keys around calls."""


def xml_parameters(text: str, whole: bool) -> Iterator[Found]:
    """`<function=add><parameter=x>1</parameter></function>` (Qwen 3 Coder, Seed) and `<invoke name="add">` (MiniMax,
    Anthropic, DeepSeek V3.2, Step), with closing tags left out."""
    opening = re.compile(
        rf"<(?P<prefix>[\w|:]{{0,40}}?)(?:function=[\"']?(?P<a>{NAME})[\"']?|"
        rf"(?:invoke|function|function_call|tool_call|tool)\s+name\s*=\s*[\"']?(?P<b>{NAME})[\"']?(?P<rest>[^>]*))>|"
        rf"<(?:name|tool|tool_name|function|function_name)>\s*(?P<c>{NAME})\s*(?:</\w{{1,20}}>\s*)?(?=<parameter[= ])"
    )
    closing = r"</[\w|:]{0,40}?(?:function|invoke|function_call|tool_call|tool)>"
    for match, body, end in _sections(text, opening, closing, _PARAMETER_END):
        name = match["a"] or match["b"] or match["c"]
        if not whole and end == match.end() + len(body):
            yield Found(match.start(), end, name, UNREADABLE)
            continue
        if body.lstrip().startswith("{"):  # Llama 3: <function=add>{"x": 1}</function>
            yield Found(match.start(), end, name, body.strip())
            continue
        given = _parameters(body)
        given = given or tags_in_a_row(body) or given  # some leave `parameter=` out
        given = given or (None if given is None else dict(_ATTRIBUTE.findall(match["rest"] or "")))
        yield Found(match.start(), end, name, UNREADABLE if given is None else given)


_ATTRIBUTE = re.compile(r"([\w-]{1,60})\s*=\s*[\"']((?<=\")[^\"]*(?=\")|(?<=')[^']*(?='))")
_PARAMETER = re.compile(
    r"<[\w|:]{0,40}?(?:parameter=[\"']?(?P<a>[\w.-]+)[\"']?|"
    r"(?:parameter|param|arg)\s+name\s*=\s*[\"']?(?P<b>[\w.-]+)[\"']?[^>]*)>"
)
_PARAMETER_END = re.compile(r"</[\w|:]{0,40}?(?:parameter|param|arg)(?:=[^>]*)?>")


def _parameters(body: str) -> dict[str, Any] | None:
    """Parameters by name, up to their closing tags, the next parameter or the end; None where there is more."""
    given: dict[str, Any] = {}
    matches = list(_PARAMETER.finditer(body))
    if not _only_tags(body[: matches[0].start()] if matches else body):
        return None
    for index, match in enumerate(matches):
        written = body[match.end() : matches[index + 1].start() if index + 1 < len(matches) else len(body)]
        closes = list(_PARAMETER_END.finditer(written))
        if closes and not _only_tags(written[closes[-1].end() :]):
            return None
        name = match["a"] or match["b"]
        if name in given:
            return None
        given[name] = _value_text(written[: closes[-1].start()] if closes else _unclosed(written))
    return given


def _only_tags(written: str) -> bool:
    return re.fullmatch(r"(?:</?[^<>]*>|\s)*", written) is not None


def _unclosed(written: str) -> str:
    """A value that no tag of its own closes, without a closing tag behind it that closes nothing in it."""
    value = written.rstrip()
    last = re.search(r"</([\w.:|-]{1,60})>\Z", value)
    return value[: last.start()] if last and f"<{last[1]}" not in value else written.rstrip("\n")


def _value_text(value: str) -> str:
    """A value as its tags hold it: one line break at each end belongs to the layout."""
    value = value.removeprefix("\r\n").removeprefix("\n")
    value = value.removesuffix("\n").removesuffix("\r")
    literal = re.fullmatch(r"\s*<!\[CDATA\[(.*)\]\]>\s*", value, re.DOTALL)
    return literal[1] if literal and "]]>" not in literal[1] else value


def key_values(text: str, whole: bool) -> Iterator[Found]:
    """`<tool_call>add <arg_key>x</arg_key><arg_value>1</arg_value></tool_call>` (GLM 4.5 and later, LongCat)."""
    begins = r"<tool_call>\s*" if "<tool_call>" in text else r"(?<![\w.:/-])"
    opening = re.compile(rf"{begins}(?P<name>{NAME})(?=\s*+<arg_key>|\s++[\w-]{{1,60}}</arg_key>)")
    for match, body, end in _sections(text, opening, r"</tool_call>"):
        given = _pairs(body)
        closed = whole or end > match.end() + len(body)
        yield Found(match.start(), end, match["name"], given if given and closed else UNREADABLE)


_PAIR = re.compile(
    r"\s*(?:<arg_key>)?\s*(?P<key>[\w.-]+)\s*</arg_key>\s*(?P<open><arg_value>)?"
    r"(?P<value>(?:(?!</?arg_(?:key|value)>).)*+)(?P<close></arg_value>)?\s*",
    re.DOTALL,
)


def _pairs(body: str) -> dict[str, str] | None:
    """Keys and values between their tags, of which a pair may lack one; None where there is anything else."""
    given: dict[str, str] = {}
    at = 0
    while at < len(body):
        pair = _PAIR.match(body, at)
        if pair is None or pair["key"] in given or not (pair["open"] or pair["close"]):
            return None
        given[pair["key"]] = _value_text(pair["value"])
        at = pair.end()
    return given


_LONE = re.compile(
    rf"<tool_call>\s*+(?:\{{\s*+[\"']name[\"']\s*+:\s*+)?[\"']?(?P<name>{NAME})[\"']?\s*+(?:\}}\s*+)?</tool_call>"
)


def lone_names(text: str, whole: bool) -> Iterator[Found]:
    """`<tool_call>now</tool_call>`: a tool that wants nothing (GLM)."""
    for match in _LONE.finditer(text):
        yield Found(match.start(), match.end(), match["name"], "")


def tags_by_name(text: str, whole: bool) -> Iterator[Found]:
    """`<weather><city>Rome</city></weather>`: the tool as a tag, its parameters as tags in it (Cline, Roo)."""
    at = 0
    for _ in range(MOST_FAILED):
        match = _TAG.search(text, at)
        if not match:
            return
        stop = text.find(f"</{match[1]}>", match.end())
        given = _inside(text[match.end() : stop]) if stop >= 0 and match[1] not in WRAPPERS else None
        at = match.end() if given is None else stop
        if given is not None:
            yield Found(match.start(), stop + len(match[1]) + 3, match[1], given)


_TAG = re.compile(r"<(\w+)>")


def _inside(body: str) -> str | dict[str, str] | None:
    return body.strip() if body.lstrip().startswith("{") else tags_in_a_row(body)


def tags_in_a_row(body: str) -> dict[str, str] | None:
    """The tags in a row that a text consists of; None when there is anything else, or one twice."""
    given: dict[str, str] = {}
    at = 0
    while body[at:].strip():
        match = _TAG.match(body, at + len(body[at:]) - len(body[at:].lstrip()))
        stop = body.find(f"</{match[1]}>", match.end()) if match else -1
        if not match or stop < 0 or match[1] in given or len(given) > MOST_FAILED:
            return None
        given[match[1]] = _value_text(body[match.end() : stop])
        at = stop + len(match[1]) + 3
    return given or None


def tagged_arguments(text: str) -> dict[str, Any] | None:
    """Arguments that stand in tags alone, without the call around them; None where there are none."""
    if text.startswith("<arg_key>"):
        found = next(key_values(f"<tool_call>x{text}</tool_call>", True), None)
        return dict(found.arguments) if found is not None and isinstance(found.arguments, dict) else None
    return _parameters(text) if re.match(r"<(?:parameter|param|arg)[ =]", text) else None


def _sections(
    text: str, opening: re.Pattern[str], closing: str, inner: re.Pattern[str] | None = None
) -> Iterator[tuple[re.Match[str], str, int]]:
    """Each opening with its body, up to its closing, the next opening, or the end of the text.

    A closing tag with an `inner` closing tag behind it stands in a value.
    """
    matches = list(opening.finditer(text))
    for index, match in enumerate(matches):
        limit = matches[index + 1].start() if index + 1 < len(matches) else len(text)
        last = max((found.end() for found in inner.finditer(text, match.end(), limit)), default=0) if inner else 0
        close = re.compile(closing).search(text, max(match.end(), last), limit)
        stop, end = (close.start(), close.end()) if close else (limit, limit)
        yield match, text[match.end() : stop], end
