"""One spelling for the marks around calls, which every family, server and slip of a small model spells its own way.

Only marks change: special tokens, tags and bracketed words that say nothing but "here begins (or ends) a call". What
stands in a value is put back by `is_original`, which refuses a value that holds a mark the model did not write.
"""

import re
from typing import Any

_TOKEN = re.compile(r"<[|｜]\s?([\w▁/ ]{1,40}?)\s?[|｜]>")
_PREFIX = re.compile(r"<(/?)[|｜]\w{1,20}[|｜](?=\w)")
_SPACED = re.compile(
    r"<[ \t]*(/?)[ \t]*(function|parameter|invoke|tool_call|arg_key|arg_value)"
    r"(?:[ \t]*=[ \t]*([^<>\n=|]{1,80}?))?[ \t]*>"
)
_WRAPPER = re.compile(
    r"<(/?)(?:[\w-]{1,30}:)?(?!start_|end_)(?:[a-z]{1,20}_)?"
    r"(?:tool|function)[-_]?(?:call|use|request|invocation)s?[ \t]*>",
    re.IGNORECASE,
)
_BRACKETED = re.compile(r"\[(/|END_)?(?:TOOL|FUNCTION)(?:\\?_| )?(?:CALL|REQUEST|USE)S?\]")
_NAMED_TAG = re.compile(r"<(/?)(?:\w{1,20}_)(arg_key|arg_value)>")
_MISPLACED = re.compile(r"<tool_call>\s*([\w.-]{1,60})\s*</arg_key>")
_UNOPENED = re.compile(r"^([ \t]*+)(?=(?:function|parameter)=[\w.:/-]{1,80}>)", re.MULTILINE)
_MARK = re.compile(r"</?[\w|:=-]{1,40}>|\[/?[A-Z_]{3,20}\]")


def spelled_alike(text: str) -> str:
    """The text with each mark in the spelling that the readers of calls know."""
    if "<" in text or ">" in text:
        text = _PREFIX.sub(r"<\1", text)
        text = _TOKEN.sub(lambda found: f"<|{found[1].replace('▁', '_').replace(' ', '_')}|>", text)
        text = _UNOPENED.sub(r"\1<", text)
        text = _SPACED.sub(lambda found: f"<{found[1]}{found[2]}{'=' + found[3] if found[3] else ''}>", text)
        text = _NAMED_TAG.sub(r"<\1\2>", text)
        text = _MISPLACED.sub(r"<arg_key>\1</arg_key>", text)
        text = _WRAPPER.sub(lambda found: f"<{found[1]}tool_call>", text)
    return _BRACKETED.sub(lambda found: "[/TOOL_CALLS]" if found[1] else "[TOOL_CALLS]", text)


def is_original(value: Any, text: str) -> bool:
    """Whether every mark in a value's texts stood in the text that the model wrote."""
    if isinstance(value, str):
        return all(mark in text for mark in _MARK.findall(value))
    if isinstance(value, dict):
        return all(is_original(item, text) for pair in value.items() for item in pair)
    return not isinstance(value, list) or all(is_original(item, text) for item in value)
