"""Batch overnight: many prompts, breadth first, one budget for all, and a file that grows as answers come.

The same from the command line, through batch APIs at half price:

    understudy solve --jsonl prompts.jsonl answers.jsonl --local openai:gpt-5-mini --batch --budget-usd 5
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from understudy import Budget, Direct, Trace, Vote
from understudy.bulk import solve_lines
from understudy.testing import ScriptedModel

STAND_IN = ScriptedModel(lambda request: f"{len(request.messages[-1].content)} letters")


async def night(folder: Path) -> None:
    prompts = [{"id": name, "prompt": f"Summarize the report of {name}."} for name in ("May", "June", "July")]
    (folder / "prompts.jsonl").write_text("".join(json.dumps(prompt) + "\n" for prompt in prompts))
    for night in (1, 2):  # the second finds everything answered
        done = await solve_lines(
            Vote(Direct(), n=3),
            folder / "prompts.jsonl",
            folder / "answers.jsonl",
            models={"local": STAND_IN},
            servers={},
            budget=Budget(calls=100),
            seed=0,
            jobs=16,
            batch=False,
            max_tokens=256,
            trace=Trace(),
            say=print,
        )
        print(f"night {night}: {done.answered} answered, {done.kept} from before, {done.failed} failed")
    rows = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    print(sorted((row["id"], row["text"], row["agreement"]) for row in rows))


if __name__ == "__main__":
    with TemporaryDirectory() as made:
        anyio.run(night, Path(made))
