"""A call as it was found in a text."""

from collections.abc import Mapping
from typing import Any, NamedTuple

NAME = r"[\w.:/-]+"
"""What may be a tool's name, perhaps behind a namespace."""
UNREADABLE = "\0"
"""Arguments of a call that is there and broke off; they read as nothing, so no call of the text is taken."""


class Found(NamedTuple):
    """A call as it stands in a text."""

    start: int
    end: int
    name: str
    arguments: str | Mapping[str, Any]
    """Raw text of one JSON object, or values that were written apart, perhaps as texts."""
