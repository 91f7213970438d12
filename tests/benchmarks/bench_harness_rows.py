"""Rows per second of one core of the harness with a model that does nothing, beside the least that any ledger must do.

The floor writes one JSON line per row and nothing else; the harness runs a scaffold through the context, grades, keeps
the completion before it is used, writes the transcript and a checksummed row.

Run: python tests/benchmarks/bench_harness_rows.py
"""

import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import anyio

from understudy.answer import Answer
from understudy.budget import TokenPrice
from understudy.model import Completion, Request, Usage
from understudy.problem import Message, Problem
from understudy_harness import run, settings
from understudy_harness.arms import build_arms
from understudy_harness.cache import CompletionStore
from understudy_harness.doors import Opened
from understudy_harness.ledger import Ledger, RowKey
from understudy_harness.progress import Progress
from understudy_harness.row import Doors
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement
from understudy_harness.settings import Cell, Settings

ROWS = 20_000
DONE = Completion(text="42", usage=Usage(input_tokens=8, output_tokens=1), model="noop")


@dataclass(frozen=True)
class Nothing:
    """A model that answers at once."""

    name: str = "noop"

    async def generate(self, request: Request) -> Completion:
        return DONE


@dataclass(frozen=True)
class Noop:
    """A benchmark whose every answer is right."""

    name: str = "noop"
    statement: Statement = Statement(check="none", grade="none", cluster="the sample", reply="text")

    def samples(self, split: Split) -> Sequence[Sample]:
        problem = Problem(messages=(Message(role="user", content="What is six times seven?"),))
        return [Sample(id=f"s{number}", problem=problem, cluster=f"c{number}") for number in range(ROWS // 2)]

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        return Grade(score=1.0, word="right")


async def harness(folder: Path) -> float:
    """Rows per second through arms, cache, transcript and ledger."""
    arms = build_arms(benchmark="noop", local="noop", cloud=None, scaffolds=["Retry(Direct())"])[:1]
    arms += build_arms(benchmark="noop", local="noop", cloud=None, scaffolds=[], bare="Direct(temperature=0.5)")
    asked = Settings(out=folder, cells=(Cell(benchmark="noop", arms=arms),), split="all", concurrency=16)
    with patch.object(settings, "open_benchmark", lambda spec: Noop()):
        cells = settings.load(asked)
    doors = Doors(models={"noop": Nothing()}, price=lambda spec: TokenPrice())
    opened = Opened(doors={"noop": doors}, models={"noop": Nothing()})
    progress = Progress(stream=StringIO())
    with Ledger(folder) as ledger, CompletionStore(folder) as store:
        recorder = run.Recorder(ledger, store, ledger.header({"arms": []}), progress)
        queues = run.missing(asked, cells, recorder)
        began = time.process_time()
        await run.Crew(queues, opened, asked, recorder, cells).work()
        seconds = time.process_time() - began
        assert recorder.fresh == ROWS
    return ROWS / seconds


def floor(folder: Path) -> float:
    """Lines per second of one JSON line per row, one write each."""
    file = os.open(folder / "floor.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    began = time.process_time()
    for number in range(ROWS):
        row = {"kind": "row", **RowKey("0123456789abcdef", f"s{number}", 0)._asdict(), "score": 1.0, "seconds": 0.0001}
        os.write(file, (json.dumps(row) + "\n").encode())
    seconds = time.process_time() - began
    os.close(file)
    return ROWS / seconds


def main() -> None:
    with TemporaryDirectory() as name:
        best = max(anyio.run(harness, Path(name) / f"run{turn}") for turn in range(3))
        least = floor(Path(name))
    sys.stdout.write(
        f"harness {best:,.0f} rows/s of one core; one bare JSON line per row {least:,.0f}; ratio {least / best:.1f}\n"
    )


if __name__ == "__main__":
    main()
