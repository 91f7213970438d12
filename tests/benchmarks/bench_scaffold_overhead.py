"""What a scaffold and its context add to a call, against the bare call of the same model.

    python tests/benchmarks/bench_scaffold_overhead.py

Processor time on one core, so that other load counts less. The promise: under 1 ms over the call itself.
"""

import time

import anyio
import click

from understudy import BestOf, Direct, Escalate, Request, Retry, Scaffold, Vote
from understudy.model import Sampling
from understudy.testing import SIMULATED, MemoryCache, SimulatedModel, context_for, simulated_tests

PROBLEMS = 2_000


async def bare() -> float:
    """Seconds of processor time per bare call."""
    model = SimulatedModel(right=0.3)
    began = time.process_time()
    for seed in range(PROBLEMS):
        await model.generate(Request(messages=SIMULATED.messages, sampling=Sampling(seed=seed)))
    return (time.process_time() - began) / model.calls


async def scaffolded(scaffold: Scaffold, *, cached: bool = False) -> float:
    """Seconds of processor time per call, with budget, trace, seeds and checks."""
    model = SimulatedModel(right=0.3, fooled=0.06)
    servers = {"testing": simulated_tests()}
    began = time.process_time()
    for seed in range(PROBLEMS):
        cache = MemoryCache() if cached else None
        await scaffold(SIMULATED, context_for(model, servers=servers, seed=seed, cache=cache))
    return (time.process_time() - began) / model.calls


def main() -> None:
    floor = anyio.run(bare)
    click.echo(f"bare call of a simulated model: {floor * 1e6:.1f} us")
    for scaffold in (Direct(), Retry(), Vote(n=3), BestOf(n=3), Escalate(Direct(), Direct())):
        took = anyio.run(scaffolded, scaffold)
        click.echo(
            f"{scaffold!r}: {took * 1e6:.0f} us a call, {took / floor:.0f} times the floor, adds {took - floor:.6f} s"
        )

    async def kept() -> float:
        return await scaffolded(Direct(), cached=True)

    took = anyio.run(kept)
    click.echo(f"Direct() with a response cache: {took * 1e6:.0f} us a call, adds {took - floor:.6f} s")


if __name__ == "__main__":
    main()
