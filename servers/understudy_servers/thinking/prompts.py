"""Prompts a person picks in their client; they also work with models that cannot call tools."""

from collections.abc import Sequence
from dataclasses import dataclass

from understudy_servers.thinking.thought import Thought


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt's name, its one line for people, and its arguments as (name, description, required)."""

    name: str
    description: str
    arguments: tuple[tuple[str, str, bool], ...]


PROMPTS = (
    Prompt("think", "Work a problem out in a few planned steps.", (("problem", "What to work out", True),)),
    Prompt(
        "compare",
        "Try two or more ways, then choose.",
        (("problem", "What to decide", True), ("ways", "How many ways to try, 2 to 5", False)),
    ),
    Prompt("resume", "Go on with an earlier chain of thoughts.", (("session", "Id of the session", True),)),
)
WAYS = ("2", "3", "4", "5")


def think(problem: str) -> str:
    """Word the plan-first scaffold."""
    return (
        f"{problem.strip()}\n\n"
        "Work it out in short numbered steps, at most 6, of one or two sentences each.\n"
        "1. List the facts that are given and what is asked, then a plan.\n"
        "2. Carry the plan out, one part a step.\n"
        "3. In the last step check the result against the question.\n"
        "If the tool `sequentialthinking` is available, send each step to it as `thought`. "
        "Then write the final answer on a line of its own."
    )


def compare(problem: str, ways: int) -> str:
    """Word the branching scaffold."""
    return (
        f"{problem.strip()}\n\n"
        f"Try {ways} different ways, named A to {'ABCDE'[ways - 1]}. First list the facts and what is asked. Then work "
        "each way out in at most three short steps and end it with its result. Last, compare the results and choose.\n"
        "If the tool `sequentialthinking` is available, send each step to it as `thought`, with branchFromThought=1 "
        "and the way's name as branchId. Then write the final answer on a line of its own."
    )


def resume(session: str, thoughts: Sequence[Thought]) -> str:
    """Hand earlier thoughts back to a model that starts afresh."""
    lines = "\n".join(f"{thought.number}. {' '.join(thought.text.split())}" for thought in thoughts)
    last = thoughts[-1].number if thoughts else 0
    return (
        f"Here is an earlier chain of thoughts (session {session}):\n{lines}\n\n"
        f"Go on from thought {last + 1}. If the tool `sequentialthinking` is available, send each thought to it with "
        f"sessionId={session!r}. When it is worked out, write the final answer."
    )
