"""What the bundled models were trained to be asked: three families, each known by its system prompt and its question.

A bundled model answers noise to anything else, so requests that do not fit are refused before they reach it.
"""

import re
from collections.abc import Sequence

from understudy.problem import Message

MARKERS = {
    "sums": "Word problem.",
    "facts": "Library facts.",
    "functions": "Python function.",
}
"""The first words of every system prompt of a family."""

_QUESTIONS = {
    "sums": re.compile(r"\A\w+ has \d+ \w+\. (?:[^\n]+ )?How many \w+ now\?(?:\n\n|\Z)"),
    "facts": re.compile(r"(?:\ADocumentation:\n.*\n\n|\A)[^\n]*\b\w+ of \w+_\w+ in \w+\?(?:\n\n[^\n]|\Z)", re.DOTALL),
    "functions": re.compile(r"\Af\(xs\): [^\n]+\.(?:\n\n|\Z)"),
}


def family(messages: Sequence[Message]) -> str | None:
    """Name the family that these messages, made by the `v1` builders, belong to; None for anything else."""
    if len(messages) < 2 or messages[0].role != "system":
        return None
    if [message.role for message in messages[1:]] != ["user", "assistant"] * ((len(messages) - 2) // 2) + ["user"]:
        return None
    for name, marker in MARKERS.items():
        if messages[0].content.startswith(marker):
            return name if _QUESTIONS[name].search(messages[1].content) else None
    return None
