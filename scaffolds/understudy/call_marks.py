"""Marks by which models announce calls, and words by which a text only talks about one."""

import re
from collections.abc import Sequence

SENTENCE = 400  # characters in front of a call that say whether it is meant

_TAGS = re.compile(
    r"<\|(?:eot_id|im_end|end|eom_id)\|>\s*<\|(?:start_header_id|im_start|start)\|>\s*assistant(?:<\|end_header_id\|>)?\s*\Z|"
    r"</?(?:tools?|name|args|arguments|tool[_-]calls?|function_?calls?|tool_use|use_mcp_tool|response|scratch_pad|"
    r"pre|code|"
    r"[\w-]+:tool_call|TOOLCALL|tool_code|function|invoke|｜DSML｜[\w]+)\s*/?>|<server_name>.*?</server_name>|^>>>\s*\w+$|"
    r"<[|｜][\w▁|/ ]*[|｜]>|<\|?/?\|?tool_call\|?>|\[/?(?:TOOL_CALLS|TOOL_CALL|ARGS|AVAILABLE_TOOLS)\]|functools|"
    r"```(?:json|tool_code|tool_calls?|xml|python)?|</s>|<\|eot_id\|>|<\|im_end\|>|&[lg]t;|"
    r"</tool_call$|^[ \t*]*(?i:Thought|Action|Action Input|Observation)[ \t]*\d*:.*$",
    re.MULTILINE,
)
_TALK = re.compile(
    r"\b(?:for example|for instance|e\.g\.|an example|example:|such as|like this|would (?:call|look|be)|"
    r"could (?:call|use)|you (?:can|could|would|should)|yourself|if you|the format|the schema|do not|don't|never|"
    r"won't|cannot|can't|instead of|hypothetical|not (?:call|use|run|make|send|execute)|sample|earlier|"
    r"error|invalid|failed|once|unless|"
    r"you asked|you requested|as requested|"
    r"previously|last time|I (?:sent|called|ran|tried|used|made|wrote))\b[^.!?\n]*[:.,]?\s*$|"
    r"\b(?:shall|should|may|can|could|do you want|would you like)\b[^.!?\n]*\?\s*$|\w\s*=\s*$|"
    r"\b(?:sent|received|got|returned|logged)\s*:?\s*$",
    re.IGNORECASE,
)

_INTENT = re.compile(
    r"\b(?:I(?:'ll| will|'m| am|'d| need| want| shall)|let me|let's|let us|going to|calling|using|invoking|executing|"
    r"sending|(?:function|tool)[ _-]?(?:call|use)s?|here(?:'s| is) the (?:call|json|function|tool|action))\b|"
    r"^\W*(?:call|tool|action|function|output|assistant|json|answer|response|command|request|next|commentary)\W*$",
    re.IGNORECASE,
)


def has_broken_rest(text: str, found: Sequence[tuple[int, int]]) -> bool:
    """Whether a call mark is left beside the calls that were found, with something behind it that was not read."""
    at = 0
    for start, end in (*found, (len(text), len(text))):
        gap = text[at:start] if at <= start else ""
        mark = _MARKS.search(gap)
        if mark and re.search(r"[{(=]", without_marks(gap[mark.start() :])):
            return True
        at = max(at, end)
    return False


def without_marks(text: str) -> str:
    """A text without the tags and fences that may surround a call."""
    return _TAGS.sub("", text)


def is_marked(text: str) -> bool:
    """Whether the text uses a mark that models use for nothing but calls."""
    return bool(_MARKS.search(text)) and not is_talk(text[: _first_mark(text)])


def is_talk(before: str) -> bool:
    """Whether the sentence in front of a call says that it is only talked about."""
    return bool(_TALK.search(without_marks(before[-SENTENCE:])))


def is_introduced(before: str) -> bool:
    """Whether the sentence that a bare call ends, if it ends one, says that it is made."""
    plain = re.sub(r"[:：]\s*\n+", ": ", without_marks(before[-SENTENCE:]))
    sentence = re.split(r"[.!?。！？\n]", plain)[-1].strip(" \t*_`>#-–→=()0123456789")
    return not sentence or bool(_INTENT.search(sentence)) or not sentence.isascii()


def _first_mark(text: str) -> int:
    found = _MARKS.search(text)
    return found.start() if found else len(text)


_MARKS = re.compile(
    r"(?<![`'\"])(?:<tool[_-]call|<\|tool_call|<[|｜]tool▁call|<function=|<invoke |<\w+:tool_call>|\[TOOL_CALLS?\]|"
    r"<\|python_(?:tag|start)\|>|<TOOLCALL>|<\|channel\|>commentary to=|<start_function_call>|<｜DSML｜|"
    r"<\|START_ACTION\|>|<function_?calls?>|<tool_use>|<use_mcp_tool>|<\|action_start\|>|<\|tools_prefix\|>|functools\[|^>>>\s*\w+\n|```tool_c|&lt;tool_call)",
    re.MULTILINE,
)
