"""What small models send in the place of a call, and what each means. The thought meant is "add 3 eggs" everywhere."""

import json
from pathlib import Path
from typing import Any

from understudy_servers.thinking.thought import Draft

T = "add 3 eggs"
FULL = {"thought": T, "nextThoughtNeeded": True, "thoughtNumber": 2, "totalThoughts": 3}


def meant(**fields: Any) -> Draft:
    return Draft(text=T, **fields)


PLAIN = meant(number=2, total=3, more=True)
ENDED = meant(number=2, total=3, more=False)


def without(*keys: str, **changed: Any) -> dict[str, Any]:
    return {key: value for key, value in {**FULL, **changed}.items() if key not in keys}


def renamed(**names: str) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in FULL.items()}


NUMBERS = [
    "2",
    " 2 ",
    "2.0",
    2.0,
    [2],
    ["2"],
    "two",
    "Two",
    "2.",
    "#2",
    "2nd",
    "Thought 2",
    "thought two",
    "step 2",
    "(2)",
    "second",
    "2 of the plan",
    "Thought_2",
    "thought-2",
    "T2",
    "№ 2",
    "“2”",
    "２",
    "2?",
    "2/?",
]
YES = ["true", "True", " TRUE ", "yes", "Yes", "y", "1", 1, "on", ["true"], "true.", "1.0", "needed", "yes, one more"]
YES += ["continue", "more to do", "**true**", "true (check the sum)"]
NO = [
    "false",
    "False",
    "no",
    "N",
    "0",
    0,
    "off",
    "FALSE ",
    "not needed",
    "done",
    "finished.",
    "stop",
    "no more thoughts",
]
TOTALS = [
    "3",
    "3+",
    "~3",
    "3.0",
    "three",
    "2 of 3",
    "2/3",
    "about 3",
    "3 (estimate)",
    "at most 3",
    "2 or 3",
    "two of three",
]
NOTHINGS = [None, "", "null", "None", "undefined", "NULL"]

CASES: dict[str, tuple[Any, Draft]] = {
    **{f"number {value!r}": (without(thoughtNumber=value), PLAIN) for value in NUMBERS},
    **{f"total {value!r}": (without(totalThoughts=value), PLAIN) for value in TOTALS},
    **{f"yes {value!r}": (without(nextThoughtNeeded=value), PLAIN) for value in YES},
    **{f"no {value!r}": (without(nextThoughtNeeded=value), ENDED) for value in NO},
    "2/3": (without("totalThoughts", thoughtNumber="2/3"), PLAIN),
    "2 of 3": (without("totalThoughts", thoughtNumber="2 of 3"), PLAIN),
    "Thought 2 of 3": (without("totalThoughts", thoughtNumber="Thought 2 of 3"), PLAIN),
    "2/3 with a null total": (without(totalThoughts=None, thoughtNumber="2/3"), PLAIN),
    "2/3 beside a total": (without(totalThoughts=4, thoughtNumber="2/3"), meant(number=2, total=4, more=True)),
    "a range": (without(totalThoughts="2-3"), PLAIN),
    **{
        f"{key} {value!r}": (without(**{key: value}), PLAIN)
        for key in ("isRevision", "revisesThought", "branchFromThought", "branchId", "needsMoreThoughts")
        for value in NOTHINGS
    },
    **{
        f"{key} {n}": (without(**{key: n}), PLAIN)
        for key in ("revisesThought", "branchFromThought")
        for n in (0, -1, "0")
    },
    "all optionals null": (
        without(isRevision=None, revisesThought=None, branchFromThought=None, branchId=None, needsMoreThoughts=None),
        PLAIN,
    ),
    "snake case": (
        {"thought": T, "next_thought_needed": True, "thought_number": 2, "total_thoughts": 3, "branch_id": None},
        PLAIN,
    ),
    "kebab case": (renamed(nextThoughtNeeded="next-thought-needed", thoughtNumber="thought-number"), PLAIN),
    "pascal case": (
        renamed(
            thought="Thought",
            nextThoughtNeeded="NextThoughtNeeded",
            thoughtNumber="ThoughtNumber",
            totalThoughts="TotalThoughts",
        ),
        PLAIN,
    ),
    "spaced": (renamed(nextThoughtNeeded="next thought needed", thoughtNumber="Thought Number"), PLAIN),
    "lower case": (
        renamed(nextThoughtNeeded="nextthoughtneeded", thoughtNumber="thoughtnumber", totalThoughts="totalthoughts"),
        PLAIN,
    ),
    **{f"alias {name}": (renamed(thought=name), PLAIN) for name in ("content", "text", "reasoning", "Thinking")},
    "step as text": ({"step": T}, meant()),
    "step as number": (renamed(thoughtNumber="step"), PLAIN),
    "step_number of total_steps": (renamed(thoughtNumber="step_number", totalThoughts="total_steps"), PLAIN),
    "next_step_needed": (renamed(nextThoughtNeeded="next_step_needed"), PLAIN),
    "is_final_step false": (without("nextThoughtNeeded", is_final_step=False), PLAIN),
    "is_final_step 'true'": (without("nextThoughtNeeded", is_final_step="true"), ENDED),
    "branch as a name": (
        without(branch="A", branch_from=1),
        meant(number=2, total=3, more=True, branch="A", branched_from=1),
    ),
    "revises": (without(revises="thought 1"), meant(number=2, total=3, more=True, revises=1)),
    "branch id as a number": (without(branchId=7), meant(number=2, total=3, more=True, branch="7")),
    "thought alone": ({"thought": T}, meant()),
    "no numbers": ({"thought": T, "nextThoughtNeeded": True}, meant(more=True)),
    "no nextThoughtNeeded": (without("nextThoughtNeeded"), meant(number=2, total=3)),
    "unreadable number": (without(thoughtNumber="the next one"), meant(total=3, more=True)),
    "unreadable boolean": (without(nextThoughtNeeded="maybe"), meant(number=2, total=3)),
    **{f"wrapped in {key}": ({key: FULL}, PLAIN) for key in ("input", "arguments", "params", "args", "kwargs", "data")},
    "wrapped in the tool's name": ({"sequentialthinking": FULL}, PLAIN),
    "wrapped with a name": ({"name": "sequentialthinking", "arguments": FULL}, PLAIN),
    "wrapped twice": ({"params": {"arguments": FULL}}, PLAIN),
    "wrapped JSON text": ({"input": '{"thought": "add 3 eggs", "thoughtNumber": "2/3", "next": true}'}, PLAIN),
    "half wrapped": ({"thought": T, "args": {"thoughtNumber": 2, "totalThoughts": 3, "next": "yes"}}, PLAIN),
    "JSON text": (
        '{"thought": "add 3 eggs", "thoughtNumber": 2, "totalThoughts": 3, "nextThoughtNeeded": true}',
        PLAIN,
    ),
    "JSON text twice": ('"{\\"thought\\": \\"add 3 eggs\\"}"', meant()),
    "Python text": ("{'thought': 'add 3 eggs', 'nextThoughtNeeded': True, 'branchId': None}", meant(more=True)),
    "fenced JSON": ('```json\n{"thought": "add 3 eggs"}\n```', meant()),
    "bare text": (T, meant()),
    "wrapped bare text": ({"input": T}, meant()),
    "under a name nobody knows": ({"idea": T}, meant()),
    "wrapped under a number": ({"0": FULL}, PLAIN),
    "list of one call": ([FULL], PLAIN),
    "list of one text": ([T], meant()),
    "call spread over a list": ([{"thought": T}, {"thoughtNumber": 2, "totalThoughts": 3}], meant(number=2, total=3)),
    "thought as a list": (without(thought=[T]), PLAIN),
    "thought as a part": (without(thought={"type": "text", "text": T}), PLAIN),
    "thought as a call": ({"thought": FULL}, PLAIN),
    "thought as a pasted call": (without(thought='{"thought": "add 3 eggs", "thoughtNumber": 9}'), PLAIN),
    "number below 1": (without(thoughtNumber=0), meant(number=1, total=3, more=True)),
    "negative total": (without(totalThoughts=-5), meant(number=2, total=1, more=True)),
}

THOUGHTLESS: dict[str, Any] = {
    "nothing": {},
    "null": None,
    "no arguments": ...,
    "an empty list": [],
    "only numbers": {"thoughtNumber": 1, "totalThoughts": 3, "nextThoughtNeeded": True},
    "a null thought": {"thought": None, "thoughtNumber": 1},
    "an empty list of thoughts": {"thought": []},
    "an empty object": {"thought": {}, "thoughtNumber": 1},
    "a word under a name nobody knows": {"mode": "fast"},
}

# Two rounds that were written down before the reader had seen them; what it read at first sight is in docs/results.
_ROUNDS = Path(__file__).with_name("malformed_rounds.jsonl")
for _row in map(json.loads, _ROUNDS.read_text(encoding="utf-8").splitlines()):
    if _row["meant"] is None:
        THOUGHTLESS[_row["name"]] = _row["sent"]
    else:
        CASES[_row["name"]] = (_row["sent"], Draft(**_row["meant"]))

NAMES = [
    "sequentialthinking",
    "sequential_thinking",
    "sequential-thinking",
    "SequentialThinking",
    "think",
    "mcp__thinking__sequentialthinking",
    "functions.sequentialthinking",
]
