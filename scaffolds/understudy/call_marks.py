"""Marks by which models announce calls, and words by which a text only talks about one."""

import re
from collections.abc import Sequence

SENTENCE = 400  # characters in front of a call that say whether it is meant

_TAGS = re.compile(
    r"<\|(?:eot_id|im_end|end|eom_id)\|>\s*<\|(?:start_header_id|im_start|start)\|>\s*assistant(?:<\|end_header_id\|>)?\s*\Z|"
    r"</?(?:tools?|name|args|arguments|tool[_-]calls?|function_?calls?|tool_use|use_mcp_tool|response|scratch_pad|"
    r"pre|code|details|summary|execute|exec|action|tool|call|request|invocation|output|answer|json|assistant|message|step|"
    r"command|parameters|params|action_input|tool_input|input|"
    r"[\w-]+:tool(?:_call)?|TOOLCALL|tool_code|function|invoke|｜DSML｜[\w]+)\s*/?>|<server_name>.*?</server_name>|^>>>\s*\w+$|"
    r"<[|｜][\w▁|/ ]*[|｜]>|<\|?/?\|?tool_call\|?>|\[/?(?:TOOL_CALLS|TOOL_CALL|ARGS|AVAILABLE_TOOLS)\]|functools|"
    r"```(?:json|tool_code|tool_calls?|tool|xml|yaml|toml|python)?|</s>|<\|eot_id\|>|<\|im_end\|>|&[lg]t;|"
    r"</tool_call$|^[ \t*]*(?i:Thought|Action|Action Input|Observation)[ \t]*\d*:.*$",
    re.MULTILINE,
)
_TALK = re.compile(
    r"\b(?:for example|for instance|e\.g\.|an example|example:|such as|like this|would (?:call|look|be)|"
    r"could (?:call|use)|you (?:can|could|would|should)|yourself|if you|the format|the schema|do not|don't|never|"
    r"won't|cannot|can't|instead of|hypothetical|not (?:call|use|run|make|send|execute)|sample|earlier|"
    r"template|syntax|snippet|pattern|"
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


_ENGLISH = re.compile(
    r"\b(?:the|an?|is|are|was|were|be|been|this|that|these|those|it|its|to|for|of|and|or|in|on|at|with|from|by|as|you|your|I|we|"
    r"he|she|they|here|there|what|which|how|when|not|no|can|will|would|has|have|had|do|does|example|note|input|output|"
    r"please|run|use|if|while|when|try|see|let|my|print|else|schema|format|result|data|log|sample|config|returned?|response|request|error|file|tool|call|function|json)\b",
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
    behind = without_marks(text[max((end for _, end in found), default=0) :])
    return re.match(r"[\s\]}),;]*[,;\]\s]\{\s*[\"'\w]", behind) is not None


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
    plain = re.sub(r"(?:^|(?<=\n))[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]*\Z", "", without_marks(before[-SENTENCE:]))
    plain = re.sub(r"[:：]\s*\n+", ": ", plain) if plain == without_marks(before[-SENTENCE:]) else plain.rstrip()
    sentence = re.split(r"[.!?。！？\n]", plain)[-1].strip(" \t*_`>#-–→=()0123456789")
    words = re.fullmatch(r"[A-Za-z',:-]+(?: [A-Za-z',:-]+){3,40}", sentence)
    foreign = not sentence.isascii() or (words and not _ENGLISH.search(sentence))
    return not sentence or bool(_INTENT.search(sentence) or foreign)


def is_waiting(behind: str) -> bool:
    """Whether what stands behind a call only says that its result is waited for."""
    sentences = [part.strip(" \n\t*_") for part in re.split(r"[.!…\n]+", without_marks(behind))]
    return all(_WAITING.match(sentence) and not _UNSURE.search(sentence) for sentence in sentences if sentence)


_UNSURE = re.compile(r"\b(?:examples?|would|could|not|\w+n't|never|errors?|instead|if|unless)\b", re.IGNORECASE)
_WAITING = re.compile(
    r"(?:one|just a|a) (?:moment|second|minute)\b|(?:please )?(?:wait|hold on|stand by|bear with me)\b|"
    r"(?:now )?I(?:'ll| will|'m| am) (?:now )?(?:wait|get back|return|let you know|report|check|fetch|look|"
    r"analy[sz]e|summari[sz]e|use the result|continue|proceed|update|share|tell you)|"
    r"(?:waiting|awaiting|fetching|checking|loading|running)\b|"
    r"(?:once|when|after|as soon as) (?:I (?:have|get|receive)|the (?:result|response|output|tool|call|data)|"
    r"(?:it|this|that) (?:is|returns|has|comes))|"
    r"let me (?:wait|know)\b|the (?:result|answer|output) will (?:follow|come|be)",
    re.IGNORECASE,
)


def _first_mark(text: str) -> int:
    found = _MARKS.search(text)
    return found.start() if found else len(text)


_MARKS = re.compile(
    r"(?<![`'\"])(?:<tool_call|<\|tool_call|<function=|<(?:\w+:)?invoke |\[TOOL_CALLS\]|<arg_key>|\w\[ARGS\]|"
    r"<\|python_(?:tag|start)\|>|\bto=functions\.|<\|channel\|>commentary to=|<start_function_call>|<\|recipient\|>|"
    r"<\|START_ACTION\|>|<function_call |<use_mcp_tool>|<\|action_start\|>|<\|tools_prefix\|>|"
    r"functools\[|^>>>\s*\w+\n|```tool_c|&lt;tool_call)",
    re.MULTILINE,
)
