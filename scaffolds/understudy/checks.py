"""Run a problem's visible check on an answer: tests by the testing server, form by pure code."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from understudy.answer import Answer, Verdict
from understudy.errors import ServerError
from understudy.problem import Form, Problem, Tests

if TYPE_CHECKING:
    from understudy.context import Server


async def run(problem: Problem, answer: Answer, servers: Mapping[str, "Server"]) -> Verdict:
    """Give the visible check's verdict on `answer`.

    Raises:
        ServerError: The testing server is not connected, or it failed.
    """
    if isinstance(problem.check, Tests):
        if "testing" not in servers:
            raise ServerError(
                "The problem's tests need the server 'testing'. Add servers={'testing': 'understudy serve testing'}.",
                server="testing",
            )
        raise ServerError("The testing server is not reachable.", server="testing")
    assert isinstance(problem.check, Form)
    return check_form(problem.check, problem, answer)


def check_form(form: Form, problem: Problem, answer: Answer) -> Verdict:
    """Check an answer's form without running anything."""
    if form.non_empty and not (answer.text.strip() or answer.tool_calls or answer.files):
        return Verdict(accepted=False, word="malformed", feedback="The answer is empty. Write the answer.")
    if form.complete and not answer.complete:
        return Verdict(accepted=False, word="malformed", feedback="The answer was cut off. Write a shorter answer.")
    return Verdict(accepted=True, word="passed")
