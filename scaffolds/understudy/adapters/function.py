"""A scaffold as a plain function from text to text."""

from collections.abc import Awaitable, Callable
from typing import Any

from understudy.scaffold import Scaffold
from understudy.solving import solve


def as_function(scaffold: Scaffold, **settings: Any) -> Callable[[str], Awaitable[str]]:
    """Return an async function that answers a question; `settings` go to `solve` (models, servers, budget …)."""

    async def ask(question: str) -> str:
        return (await solve(scaffold, question, **settings)).text

    return ask
