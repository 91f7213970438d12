"""What may make honest code fail in split mode, as the tests' side sees it: such a failure is no sign of forging.

Only what the tests do counts, never what the candidate says, so that a candidate cannot talk itself out of it.
"""

import sys
from typing import Any

MUTABLE = (list, dict, set, bytearray)
MAX_WATCHED = 5_000
MAX_SAID = 50


class Doubts:
    """The words, and the containers that the tests hold while the candidate has a copy of its own."""

    def __init__(self) -> None:
        self.words: dict[str, None] = {}
        self.said: dict[str, None] = {}  # errors that the candidate itself raised: no doubt follows from those
        self._received: list[tuple[Any, Any]] = []
        self._given: list[Any] = []

    def add(self, words: str) -> None:
        self.words[words] = None

    def says(self, words: str) -> None:
        if len(self.said) < MAX_SAID:
            self.said[words] = None

    def received(self, value: Any) -> Any:
        """Watch a container that came from the candidate: what the tests put into it does not go back."""
        if isinstance(value, MUTABLE) and len(self._received) < MAX_WATCHED:
            self._received.append((value, _shallow(value)))
            for inner in value.values() if isinstance(value, dict) else value:
                if isinstance(inner, MUTABLE):
                    self.received(inner)
        return value

    def given(self, values: list[Any], *, keeps: bool) -> None:
        """Look at the arguments of a call. `keeps`: it is a class or a method, which may hold on to them."""
        containers = [value for value in values if isinstance(value, MUTABLE)]
        if len({id(value) for value in containers}) < len(containers):
            self.add("one container is given twice")
        if keeps and len(self._given) < MAX_WATCHED:
            self._given += containers

    def look(self) -> None:
        """Before the next question: does anyone but us still hold what a class or a method was given?"""
        for index in range(len(self._given)):
            if sys.getrefcount(self._given[index]) > 2:  # the list's reference, and the argument's
                self.add("a container that the tests hold was given to an object of the candidate")
                break
        self._given.clear()

    def final(self) -> list[str]:
        """All words, at the end of the run."""
        self.look()
        if any(_shallow(value) != before for value, before in self._received):
            self.add("the tests change what the candidate returned")
        return list(self.words)


def _shallow(value: Any) -> Any:
    """The identities of what a container holds, so that nothing of it is asked."""
    if isinstance(value, dict):
        return [(id(key), id(item)) for key, item in value.items()]
    return bytes(value) if isinstance(value, bytearray) else [id(item) for item in value]
