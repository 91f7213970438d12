"""The one tool as a model sees it, and the ways models misspell it: plain data, short and plainly typed."""

from itertools import product
from typing import Any

from understudy_servers.repair import Spelling

NAME = "sequentialthinking"
TITLE = "Sequential Thinking"

DESCRIPTION = (
    "Think step by step before answering. Put ONE short step (1-2 sentences) in `thought`, then follow `next` in the "
    "reply. Step 1: list the given facts and a plan. Last step: check the result against the question, set "
    "nextThoughtNeeded=false, then answer the user. Numbers may be left out; the server counts. To correct a step set "
    "revisesThought. To try another way set branchFromThought and branchId. Do not use for simple questions."
)

LITE_DESCRIPTION = (
    "Think step by step before answering. Put ONE short step (1-2 sentences) in `thought`, then follow `next` in the "
    "reply. Step 1: list the given facts and a plan. Last step: check the result against the question, then answer the "
    "user. Do not use for simple questions."
)

# `thought` comes first, so that a model writes the thought before the bookkeeping. Plain types only: unions, bounds and
# patterns multiply the grammar that llama.cpp compiles from a schema.
INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thought": {"type": "string", "description": "One short step"},
        "nextThoughtNeeded": {"type": "boolean", "description": "false on the last step"},
        "thoughtNumber": {"type": "integer"},
        "totalThoughts": {"type": "integer", "description": "Estimate"},
        "isRevision": {"type": "boolean"},
        "revisesThought": {"type": "integer"},
        "branchFromThought": {"type": "integer"},
        "branchId": {"type": "string"},
        "needsMoreThoughts": {"type": "boolean"},
        "sessionId": {"type": "string", "description": "Only if a reply gave one"},
    },
    "required": ["thought"],
}

LITE_INPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"thought": {"type": "string", "description": "One short step"}},
    "required": ["thought"],
}

# Open: `next`, `hint`, `hintKind`, `recap` and `sessionId` come beside the reference's five fields.
OUTPUT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "thoughtNumber": {"type": "integer"},
        "totalThoughts": {"type": "integer"},
        "nextThoughtNeeded": {"type": "boolean"},
        "branches": {"type": "array", "items": {"type": "string"}},
        "thoughtHistoryLength": {"type": "integer"},
        "next": {"type": "string"},
        "hint": {"type": "string"},
    },
    "required": ["thoughtNumber", "totalThoughts", "nextThoughtNeeded", "branches", "thoughtHistoryLength"],
}

_THOUGHT = ("thought",)
_NUMBER = ("thoughtNumber",)
_TOTAL = ("totalThoughts",)
_MORE = ("nextThoughtNeeded",)


def _spelled(to: tuple[str, ...], *parts: str) -> dict[str, tuple[str, ...]]:
    """Every key that one word of each part makes, for example current_step_number."""
    return {" ".join(words): to for words in product(*(part.split(" ") for part in parts)) if any(words)}


ENDING = ("done", "stop", "finished", "finish", "complete", "completed", "final", "end", "ended", "last")
GOING_ON = ("continue", "continuing", "more", "next", "ongoing", "pending", "another", "unfinished", "incomplete")

ENDED = (
    *_spelled((), " is", "final last", " step thought"),
    *_spelled((), " is thinking", "done finished complete completed"),
    *("stop", "end", "ended", "finish"),
)

SPELLING = Spelling(
    main="thought",
    names=(
        "think",
        "thinking",
        "sequential_thought",
        "sequential_thoughts",
        "sequentialthinking_tools",
        "sequential_thinking_tool",
        "process_thought",
        "add_thought",
        "think_step_by_step",
    ),
    aliases={
        "content": _THOUGHT,
        "text": _THOUGHT,
        "thinking": _THOUGHT,
        "thoughts": _THOUGHT,
        "thought_text": _THOUGHT,
        "thought_content": _THOUGHT,
        "reasoning": _THOUGHT,
        "message": _THOUGHT,
        **_spelled(_NUMBER, " current this", " thought step", "number num no nr index idx"),
        **_spelled(
            _TOTAL, "total max expected planned estimated estimatedtotal num numberof totalnumberof n", "thoughts steps"
        ),
        **_spelled(_TOTAL, "total max estimated", " thought step number count"),
        **_spelled(_TOTAL, "thought thoughts step steps", "count total"),
        **_spelled(
            _MORE, "next more another further additional", " thought thoughts step steps", " needed required necessary"
        ),
        **_spelled(_MORE, "need needs require requires has want", "next another further", " thought step"),
        **_spelled(_MORE, " should will", "continue proceed goon keepgoing", " thinking"),
        "of": _TOTAL,
        "out_of": _TOTAL,
        "current": _NUMBER,
        "current_thought": ("thoughtNumber", "thought"),
        "step": ("thoughtNumber", "thought"),
        "number": _NUMBER,
        "step_number": _NUMBER,
        "thought_num": _NUMBER,
        "thought_index": _NUMBER,
        "current_step": _NUMBER,
        "index": _NUMBER,
        "total": _TOTAL,
        "total_steps": _TOTAL,
        "estimated_total": _TOTAL,
        "total_thought": _TOTAL,
        "max_thoughts": _TOTAL,
        "next": _MORE,
        "next_needed": _MORE,
        "next_thought": _MORE,
        "next_step_needed": _MORE,
        "continue": _MORE,
        "more": _MORE,
        "needs_more": ("needsMoreThoughts",),
        **_spelled(
            ("revisesThought",),
            "revised revises revising revise corrects isrevisionof revisionof",
            "thought step",
            " number",
        ),
        "revision": ("isRevision",),
        "revises": ("revisesThought", "isRevision"),
        "is_revision_of": ("revisesThought", "isRevision"),
        "revision_of": ("revisesThought",),
        "branch": ("branchFromThought", "branchId"),
        **_spelled(("branchFromThought",), "branchfrom branchesfrom branchedfrom branchingfrom", " step number"),
        "branch_point": ("branchFromThought",),
        "branch_name": ("branchId",),
        "session": ("sessionId",),
    },
    opposites=dict.fromkeys(ENDED, "nextThoughtNeeded"),
    counted=("thoughtNumber", "totalThoughts"),
    dropped=("revisesThought", "branchFromThought"),
    totals={"thoughtNumber": "totalThoughts"},
    words={"nextThoughtNeeded": dict.fromkeys(ENDING, False) | dict.fromkeys(GOING_ON, True)},
)
