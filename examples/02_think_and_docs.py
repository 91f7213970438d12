"""Think and docs: documentation stands before the question, and the model thinks in steps before it answers.

The library here is a folder of notes; for installed packages leave `--add` out and name them in `libraries`.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from understudy import Docs, Message, Problem, Reply, Think, Trace, solve
from understudy.testing import ScriptedModel

NOTES = "# kiln\n\n## fire_pot\n\n- ramp = 90\n- hold = 20\n\n## glaze_pot\n\n- coats = 3\n"
QUESTION = "With kiln, how many minutes do ramp and hold of fire_pot take together?"
STAND_IN = ScriptedModel(["ramp is 90 and hold is 20.", "90 + 20 = 110", "Answer: 110"])


async def main() -> None:
    with TemporaryDirectory() as folder:
        notes = Path(folder) / "kiln"
        notes.mkdir()
        (notes / "README.md").write_text(NOTES)
        trace = Trace()
        answer = await solve(
            Docs(Think(thoughts=6)),
            Problem(
                messages=(Message(role="user", content=QUESTION),),
                libraries=("kiln",),
                reply=Reply(kind="value", pattern=r"Answer:\s*(\d+)"),
            ),
            models=sys.argv[1] if len(sys.argv) > 1 else STAND_IN,
            servers={
                "thinking": "understudy serve thinking",
                "docs": f"understudy serve docs --in-process --home {folder}/index --root {folder} --add {notes}",
            },
            trace=trace,
        )
    asked = next(event for event in trace if event.kind == "generate").detail["messages"][0]["content"]
    print(f"asked with documentation: {'ramp = 90' in asked}; answer: {answer.value}")


if __name__ == "__main__":
    anyio.run(main)
