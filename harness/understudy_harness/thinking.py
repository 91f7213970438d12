"""Does a sequential-thinking server help this model? The arms that answer it, as one run.

    no tool             the bare model
    reference           the reference server's tool, as most people have it today
    ours                the tool of `understudy serve thinking`
    ours without next   the same tool and count, with no advice in the replies
    thought only        the tool with the thought as its only argument
    ours, driven        one plain thought a turn, for models that cannot call tools

Every arm but the bare one goes through the same loop and the same cap of thoughts, so what differs is the server alone.
"""

from collections.abc import Mapping, Sequence

from understudy.spelling import fingerprint, spell
from understudy.think import Think
from understudy_harness.arms import BARE, LOCAL, Arm, read_scaffold
from understudy_harness.settings import Cell

SERVE = "understudy serve thinking"
SERVERS: Mapping[str, str] = {
    "thinking": SERVE,
    # A test holds this to be the npm package's equal, so that nobody needs Node to compare with it.
    "reference": f"{SERVE} --compat reference",
    "plain": f"{SERVE} --no-advice",
    "lite": f"{SERVE} --lite",
}
TOOL_ARMS: Mapping[str, str] = {
    "reference": "reference",
    "ours": "thinking",
    "ours without next": "plain",
    "thought only": "lite",
}
"""Label -> server."""


def cells(*, local: str, benchmarks: Sequence[str], thoughts: int, driven: bool, seed: int) -> tuple[Cell, ...]:
    """Make the arms for every benchmark.

    Args:
        local: Spec of the model in question.
        benchmarks: Specs of the benchmarks.
        thoughts: The most thoughts per problem, the same in every arm.
        driven: Add the arm that needs no tool calls.
        seed: Everything that is drawn follows from it.
    """
    scaffolds = {"no tool": read_scaffold(BARE)}
    scaffolds |= {label: Think(mode="tool", thoughts=thoughts, server=server) for label, server in TOOL_ARMS.items()}
    if driven:
        scaffolds["ours, driven"] = Think(thoughts=thoughts)
    return tuple(
        Cell(
            benchmark=benchmark,
            arms=tuple(
                Arm(
                    kind="L" if label == "no tool" else "S",
                    label=label,
                    scaffold=spell(scaffold),
                    fingerprint=fingerprint(scaffold),
                    models={LOCAL: local},
                    benchmark=benchmark,
                    samples_of=benchmark,
                    seed=seed,
                )
                for label, scaffold in scaffolds.items()
            ),
        )
        for benchmark in dict.fromkeys(benchmarks)
    )
