"""A call as it was found in a text."""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Found(NamedTuple):
    """A call as it stands in a text."""

    start: int
    end: int
    name: str
    arguments: str | Mapping[str, Any]
    """Raw text of one JSON object, or values that were written apart, perhaps as texts."""
