"""How many loops the thinking server notices, how many genuine chains it calls one, and what a look costs.

Loops and genuine chains are those of the tests; `--steps FILE` adds human-written chains from JSON lines whose
"answer" is one step a line, which is how GSM8K writes its solutions (https://github.com/openai/grade-school-math).

Run: python tests/benchmarks/bench_thinking_detectors.py [--chains 2000] [--steps train.jsonl --steps test.jsonl]
"""

import argparse
import json
import re
import sys
import time
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # chains are shared with the tests

from tests.servers.thinking.chains import LOOPS, genuine, looping
from tests.servers.thinking.test_detectors import alarms


def steps(path: str) -> Iterable[list[str]]:
    """Read human-written chains, without their calculator annotations and without the line that holds the result."""
    for line in Path(path).read_text("utf-8").splitlines():
        lines = (re.sub(r"<<.*?>>", "", step).strip() for step in json.loads(line)["answer"].split("\n"))
        yield [step for step in lines if step and not step.startswith("####")]


def false_alarms(label: str, chains: list[list[str]]) -> None:
    begun = time.perf_counter()
    drawn = [found for chain in chains if (found := alarms(chain))]
    thoughts = sum(map(len, chains))
    each = 1e6 * (time.perf_counter() - begun) / thoughts
    say(f"{label}: {len(drawn)} of {len(chains)} chains drew an alarm, {len(drawn) / len(chains):.2%} (at most 1 %); ")
    say(f"    {thoughts} thoughts, {each:.0f} microseconds each")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--chains", type=int, default=2_000)
    parser.add_argument("--steps", action="append", default=[])
    options = parser.parse_args()
    for loop in LOOPS:
        chains = list(looping(loop, options.chains))
        noticed = sum(any(number >= start for number, _ in alarms(chain)) for chain, start in chains)
        say(f"{loop} loops noticed: {noticed} of {len(chains)}, {noticed / len(chains):.1%}")
    false_alarms("made-up genuine chains", list(genuine(options.chains)))
    for path in options.steps:
        false_alarms(path, [chain for chain in steps(path) if chain])


if __name__ == "__main__":
    main()
