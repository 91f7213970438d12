"""How many loops are noticed, and how many genuine chains are called one; the same figures as the benchmark prints."""

import random

import pytest
from tests.servers.thinking.chains import LOOPS, genuine, looping

from understudy_servers.thinking.detectors import traced
from understudy_servers.thinking.notebook import Notebook
from understudy_servers.thinking.thought import Draft

ALARMS = ("repeat", "cycle", "filler", "runaway")


def alarms(chain: list[str]) -> list[tuple[int, str]]:
    """Which thoughts of a chain drew a hint, and of what kind."""
    notebook = Notebook()
    drawn: list[tuple[int, str]] = []
    for number, text in enumerate(chain, start=1):
        more = number < len(chain)
        reply = notebook.add(Draft(text=text, number=number, total=len(chain), more=more), float(number))
        if reply.hint is not None and reply.hint.kind in ALARMS:
            drawn.append((number, reply.hint.kind))
    return drawn


@pytest.mark.parametrize(
    ("loop", "least"), [("exact", 0.95), ("renumbered", 0.95), ("alternating", 0.95), ("paraphrased", 0.6)]
)
def test_loops_are_noticed(loop: str, least: float) -> None:
    chains = list(looping(loop, 160))
    noticed = sum(any(number >= start for number, _ in alarms(chain)) for chain, start in chains)
    assert noticed / len(chains) >= least


def test_at_most_one_in_a_hundred_genuine_chains_draws_an_alarm() -> None:
    chains = list(genuine(560))
    assert sum(bool(alarms(chain)) for chain in chains) / len(chains) <= 0.01


def test_every_kind_of_loop_is_measured() -> None:
    assert set(LOOPS) == {"exact", "renumbered", "alternating", "paraphrased"}
    assert all(chain[-1] for loop in LOOPS for chain, _ in looping(loop, 3))


def test_a_huge_thought_leaves_a_small_trace() -> None:
    rng = random.Random(3)
    text = " ".join(str(rng.random()) for _ in range(60_000))
    trace = traced(text, 1)
    assert len(trace.grams) <= 2_000
    assert len(trace.folded) <= 4_000
