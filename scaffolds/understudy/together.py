"""Several draws at the same time, each with its own outcome."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import anyio

from understudy.answer import Answer
from understudy.errors import BudgetExceeded

Draw = Callable[[], Awaitable[Answer]]


class Draws(NamedTuple):
    """The answers in the order of the draws, and the refusal where the budget allowed fewer than were asked for."""

    answers: list[Answer]
    refused: BudgetExceeded | None


async def draw_together(draws: Sequence[Draw]) -> Draws:
    """Run all draws at once and wait for all of them.

    A draw that the budget refuses is left out. Any other failure cancels the rest and is raised as it is.

    Raises:
        BudgetExceeded: It refused every draw.
    """
    outcomes: list[Answer | BudgetExceeded | None] = [None] * len(draws)
    failure: list[BaseException] = []

    async with anyio.create_task_group() as group:

        async def run(index: int) -> None:
            try:
                outcomes[index] = await draws[index]()
            except BudgetExceeded as refusal:
                outcomes[index] = refusal
            except Exception as error:  # raised below, since a task group would wrap it
                failure.append(error)
                group.cancel_scope.cancel()

        for index in range(len(draws)):
            group.start_soon(run, index)

    if failure:
        raise failure[0]
    answers = [outcome for outcome in outcomes if isinstance(outcome, Answer)]
    refused = next((outcome for outcome in outcomes if isinstance(outcome, BudgetExceeded)), None)
    if not answers and refused is not None:
        raise refused
    return Draws(answers, refused)
