"""Documentation is data: what is invisible is removed, what reads like an order to the model is flagged.

A flag demotes a chunk and marks it in the reply; nothing visible is deleted, since a manual about prompt injection is
a legitimate manual. The screen is a filter against the lazy attack, not a proof: the tools stay read-only therefore.
"""

import re

MAX_LINE = 2_000  # characters; a longer line is minified code or data, and no model needs it whole

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_INVISIBLE = re.compile(
    "["
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters except tab, newline and carriage return
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e"  # soft hyphen, joiners, Hangul and Mongolian fillers
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f"  # zero width, bidirectional overrides, invisible operators
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb"
    "\U0001d173-\U0001d17a\U000e0000-\U000e0fff"  # musical formatting, tags and variation selectors
    "\ud800-\udfff]"
)
_FENCE = re.compile(r"^[ \t]{0,12}(`{3,}|~{3,})")

_IGNORE = (
    r"\b(?:ignore|disregard|forget|override)\b[^.\n]{0,40}\b(?:previous|prior|above|earlier|all|any|your|system)\b"
    r"[^.\n]{0,40}\b(?:instruction|prompt|rule|context|message|guideline)s?"
)
_ADDRESS = (
    r"\b(?:ai|llm|language model|assistant|agent|claude|copilot|chatgpt|cursor)s?\b[^.\n]{0,40}"
    r"\b(?:must|should|shall|have to|need to|are required to)\b[^.\n]{0,60}"
    r"\b(?:run|execute|send|post|upload|delete|read|call|fetch|install|open|include|reveal)\b"
)
_IMITATE = r"<\s*/?\s*(?:system|important|instructions?)\s*>|\[/?(?:INST|SYSTEM)\]|<\|im_start\|>"
_SECRETS = (
    r"\b(?:send|post|upload|exfiltrate|forward|curl|leak)\b[^\n]{0,80}"
    r"(?:\.env\b|\bapi[_ -]?keys?\b|\bcredentials?\b|\bsecrets?\b|\bpasswords?\b|\bid_rsa\b|\.ssh\b|\btokens?\b)"
    r"[^\n]{0,80}(?:https?://|\bto\b)"
)
_HIDE = r"\b(?:do not|don't|never)\b[^.\n]{0,20}\b(?:tell|mention|inform|show|reveal)\b[^.\n]{0,30}\buser\b"
_DESTROY = r"\brm\s{1,5}-(?=[a-z]{0,8}r)[a-z]{1,9}\s{1,5}(?:~|/|\$HOME)(?:\s|/|$)"
_SCREEN = (
    ("tells the assistant to ignore its instructions", _IGNORE),
    ("addresses the assistant", _ADDRESS),
    ("imitates a system message", _IMITATE),
    ("asks for secrets to be sent", _SECRETS),
    ("hides something from the user", _HIDE),
    ("orders a destructive command", _DESTROY),
)
_PATTERNS = tuple((reason, re.compile(pattern, re.IGNORECASE)) for reason, pattern in _SCREEN)


def visible(text: str) -> str:
    """Return `text` without control, zero-width, direction and tag characters, with one line end and capped lines."""
    text = _ANSI.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    text = _INVISIBLE.sub("", text)
    if max(map(len, text.split("\n")), default=0) > MAX_LINE:
        text = "\n".join(
            line if len(line) <= MAX_LINE else line[:MAX_LINE] + " [line cut]" for line in text.split("\n")
        )
    return text


def without_comments(markdown: str) -> str:
    """Return Markdown without HTML comments, which a reader never sees; code fences keep theirs."""
    if "<!--" not in markdown:
        return markdown
    kept: list[str] = []
    fence, hidden = "", False
    for line in markdown.split("\n"):
        if hidden or not fence:
            shown, hidden = _outside(line, hidden)
            if shown is None:
                continue
            line = shown
        mark = None if hidden else _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and fence and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
        kept.append(line)
    return "\n".join(kept)


def _outside(line: str, hidden: bool) -> tuple[str | None, bool]:
    """Return what of a line stands outside comments, None when nothing does, and whether a comment is open after it."""
    shown, rest, began = "", line, hidden
    while rest:
        before, mark, after = rest.partition("-->" if hidden else "<!--")
        shown += "" if hidden else before
        rest = after
        hidden = hidden != bool(mark)
    return (None if began and not shown else shown), hidden


def one_line(text: str, limit: int = 300) -> str:
    """Return a name, path or summary from a stranger as one visible line."""
    shown = " ".join(visible(text[: 20 * limit]).split())
    return shown if len(shown) <= limit else shown[:limit] + "..."


def summary(text: str) -> str:
    """Return a one-line description that is shown outside of any mark: what reads like an order is left out."""
    shown = one_line(text)
    reason = suspicion(shown)
    return f"(description left out: it {reason})" if reason else shown


def suspicion(text: str) -> str:
    """Return why `text` reads like an order to the model, or an empty string."""
    for reason, pattern in _PATTERNS:
        if pattern.search(text):
            return reason
    return ""
