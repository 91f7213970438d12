"""The reference server, exactly: its definition, its validation and its words, for `--compat reference`.

Behaviour of `@modelcontextprotocol/server-sequential-thinking` 2026.8.31, observed over stdio and pinned by a test
that runs both side by side. What is kept on purpose: JavaScript's reading of numbers, and validation messages as zod
words them. What is not: ids such as `__proto__` are ordinary here, where the reference fails and counts the thought
all the same.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from understudy_servers.numerals import exact_number

NAME = "sequential-thinking-server"
VERSION = "2026.8.31"
LARGEST = 2**53 - 1

DESCRIPTION = """\
A detailed tool for dynamic and reflective problem-solving through thoughts.
This tool helps analyze problems through a flexible thinking process that can adapt and evolve.
Each thought can build on, question, or revise previous insights as understanding deepens.

When to use this tool:
- Breaking down complex problems into steps
- Planning and design with room for revision
- Analysis that might need course correction
- Problems where the full scope might not be clear initially
- Problems that require a multi-step solution
- Tasks that need to maintain context over multiple steps
- Situations where irrelevant information needs to be filtered out

Key features:
- You can adjust total_thoughts up or down as you progress
- You can question or revise previous thoughts
- You can add more thoughts even after reaching what seemed like the end
- You can express uncertainty and explore alternative approaches
- Not every thought needs to build linearly - you can branch or backtrack
- Generates a solution hypothesis
- Verifies the hypothesis based on the Chain of Thought steps
- Repeats the process until satisfied
- Provides a correct answer

Parameters explained:
- thought: Your current thinking step, which can include:
  * Regular analytical steps
  * Revisions of previous thoughts
  * Questions about previous decisions
  * Realizations about needing more analysis
  * Changes in approach
  * Hypothesis generation
  * Hypothesis verification
- nextThoughtNeeded: True if you need more thinking, even if at what seemed like the end
- thoughtNumber: Current number in sequence (can go beyond initial total if needed)
- totalThoughts: Current estimate of thoughts needed (can be adjusted up/down)
- isRevision: A boolean indicating if this thought revises previous thinking
- revisesThought: If is_revision is true, which thought number is being reconsidered
- branchFromThought: If branching, which thought number is the branching point
- branchId: Identifier for the current branch (if any)
- needsMoreThoughts: If reaching end but realizing more thoughts needed

You should:
1. Start with an initial estimate of needed thoughts, but be ready to adjust
2. Feel free to question or revise previous thoughts
3. Don't hesitate to add more thoughts if needed, even at the "end"
4. Express uncertainty when present
5. Mark thoughts that revise previous thinking or branch into new paths
6. Ignore information that is irrelevant to the current step
7. Generate a solution hypothesis when appropriate
8. Verify the hypothesis based on the Chain of Thought steps
9. Repeat the process until satisfied with the solution
10. Provide a single, ideally correct answer as the final output
11. Only set nextThoughtNeeded to false when truly done and a satisfactory answer is reached"""

INPUT_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "thought": {"type": "string", "description": "Your current thinking step"},
        "nextThoughtNeeded": {"description": "Whether another thought step is needed", "type": ["boolean", "string"]},
        "thoughtNumber": {
            "type": "integer",
            "minimum": 1,
            "maximum": 9007199254740991,
            "description": "Current thought number (numeric value, e.g., 1, 2, 3)",
        },
        "totalThoughts": {
            "type": "integer",
            "minimum": 1,
            "maximum": 9007199254740991,
            "description": "Estimated total thoughts needed (numeric value, e.g., 5, 10)",
        },
        "isRevision": {"description": "Whether this revises previous thinking", "type": ["boolean", "string"]},
        "revisesThought": {
            "description": "Which thought is being reconsidered",
            "type": "integer",
            "minimum": 1,
            "maximum": 9007199254740991,
        },
        "branchFromThought": {
            "description": "Branching point thought number",
            "type": "integer",
            "minimum": 1,
            "maximum": 9007199254740991,
        },
        "branchId": {"description": "Branch identifier", "type": "string"},
        "needsMoreThoughts": {"description": "If more thoughts are needed", "type": ["boolean", "string"]},
    },
    "required": ["thought", "nextThoughtNeeded", "thoughtNumber", "totalThoughts"],
}

OUTPUT_SCHEMA: dict[str, Any] = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "object",
    "properties": {
        "thoughtNumber": {"type": "number"},
        "totalThoughts": {"type": "number"},
        "nextThoughtNeeded": {"type": "boolean"},
        "branches": {"type": "array", "items": {"type": "string"}},
        "thoughtHistoryLength": {"type": "number"},
    },
    "required": ["thoughtNumber", "totalThoughts", "nextThoughtNeeded", "branches", "thoughtHistoryLength"],
    "additionalProperties": False,
}

_MISSING = object()


def number(value: object) -> float:
    """Read a number as JavaScript's `Number(value)` does; what is none reads as NaN."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value) if abs(value) < 1e308 else math.copysign(math.inf, value)
    if isinstance(value, list):
        return 0.0 if not value else number(_text(value)) if len(value) == 1 else math.nan
    return _parsed(value.strip()) if isinstance(value, str) else math.nan


def _parsed(text: str) -> float:
    if not text:
        return 0.0
    if text.lstrip("+-") == "Infinity":
        return -math.inf if text.startswith("-") else math.inf
    exact = exact_number(text)
    return math.nan if exact is None else number(exact)


def _text(value: object) -> str:
    """Write a list as JavaScript's `String(list)` does, which is what `Number(list)` reads."""
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    if isinstance(value, bool):
        return "true"  # NaN either way
    return "" if value is None else str(value) if isinstance(value, str | int | float) else "[object Object]"


def validated(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Validate a call as the reference does; give the arguments it would use, and its complaints."""
    read: dict[str, Any] = {}
    complaints: list[str] = []
    required = INPUT_SCHEMA["required"]
    for name in INPUT_SCHEMA["properties"]:
        value = arguments.get(name, _MISSING)
        if value is _MISSING and name not in required:
            continue
        read[name], complaint = _READERS[name](value)
        if complaint is not None:
            complaints.append(f"{complaint} at {name}")
    return read, complaints


def _string(value: object) -> tuple[object, str | None]:
    return value, None if isinstance(value, str) else f"Invalid input: expected string, received {_type(value)}"


def _boolean(value: object) -> tuple[object, str | None]:
    if isinstance(value, bool):
        return value, None
    if not isinstance(value, str):
        return value, "Invalid input"
    if value.lower() in ("true", "false"):
        return value.lower() == "true", None
    return value, f'Expected boolean or "true"/"false" string, received "{value}"'


def _count(value: object) -> tuple[object, str | None]:
    read = math.nan if value is _MISSING else number(value)
    if math.isnan(read) or math.isinf(read):
        kind = "NaN" if math.isnan(read) else "Infinity" if read > 0 else "-Infinity"
        return value, f"Invalid input: expected number, received {kind}"
    if read != int(read):
        return value, "Invalid input: expected int, received number"
    if read < 1:
        return value, "Too small: expected number to be >=1"
    return int(read), None if read <= LARGEST else f"Too big: expected int to be <={LARGEST}"


def _type(value: object) -> str:
    names: list[tuple[type, str]] = [(bool, "boolean"), (int, "number"), (float, "number"), (list, "array")]
    if value is _MISSING:
        return "undefined"
    return "null" if value is None else next((name for kind, name in names if isinstance(value, kind)), "object")


_READERS = {
    "thought": _string,
    "branchId": _string,
    **dict.fromkeys(("nextThoughtNeeded", "isRevision", "needsMoreThoughts"), _boolean),
    **dict.fromkeys(("thoughtNumber", "totalThoughts", "revisesThought", "branchFromThought"), _count),
}


def refusal(complaints: list[str]) -> str:
    """Word a refused call as the reference does."""
    listed = "\n".join(complaints)
    return f"MCP error -32602: Input validation error: Invalid arguments for tool sequentialthinking: {listed}"


def unknown_tool(name: str) -> str:
    """Word a call of another tool as the reference does."""
    return f"MCP error -32602: Tool {name} not found"


def pretty(reply: Mapping[str, object]) -> str:
    """Write a reply as `JSON.stringify(reply, null, 2)` does."""
    return json.dumps(reply, indent=2, ensure_ascii=False)
