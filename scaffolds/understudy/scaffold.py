"""The one shape that every scaffold has: called with a problem and a context, it answers."""

from typing import Protocol

from understudy.answer import Answer
from understudy.context import Context
from understudy.problem import Problem


class Scaffold(Protocol):
    """A frozen value you call. Its fields are its settings and its inner scaffolds."""

    async def __call__(self, problem: Problem, context: Context) -> Answer:
        """Work on `problem` through the doors of `context`."""
