"""BFCL (Berkeley Function-Calling Leaderboard v4, data Apache-2.0): simple, multiple, parallel and irrelevance.

Functions are offered to models under legal names and JSON-schema types; both are mapped back before the checker's rules
apply. A call in the text counts when the reply makes no native one, as the reference's prompting mode has it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from understudy.answer import Answer
from understudy.problem import Form, Message, Options, Problem, Reply, Role, Tool
from understudy_harness.benchmarks import bfcl_calls, bfcl_checker
from understudy_harness.benchmarks.data import Record, read_records
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

CATEGORIES = {
    "bfcl": ("simple_python", "multiple", "parallel", "parallel_multiple", "irrelevance"),
    "bfcl-live": (
        "live_simple",
        "live_multiple",
        "live_parallel",
        "live_parallel_multiple",
        "live_irrelevance",
        "live_relevance",
    ),
}
_FILE = re.compile(r"BFCL_v\d+_([a-z_]+?)(?:_\d+)?\.json$")
_ROLES: dict[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_LEGAL = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_TYPES = {
    "float": "number",
    "dict": "object",
    "tuple": "array",
    "any": "string",
    **{name: name for name in ("string", "integer", "number", "boolean", "array", "object")},
}


@dataclass(frozen=True)
class Bfcl:
    """A folder of BFCL's files, or one of them."""

    name: str
    path: Path
    categories: tuple[str, ...]

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="the form of the calls: known functions, arguments that fit their schemas",
            grade="BFCL's checker",
            cluster="the functions that are offered",
            reply="the native calls of the reply, else its text in BFCL's Python form",
            source="BFCL v4 (gorilla, Apache-2.0)",
        )

    @cached_property
    def _all(self) -> tuple[Sample, ...]:
        return tuple(sample for path in self._files() for sample in _read(path))

    def _files(self) -> list[Path]:
        if self.path.is_file():
            return [self.path]
        files = [self.path / f"BFCL_v4_{category}.json" for category in self.categories]
        if not any(path.exists() for path in files):
            raise BenchmarkError(f"{self.path} holds none of {', '.join(path.name for path in files)}. Check the path.")
        return [path for path in files if path.exists()]

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split, file by file."""
        return split_by_cluster(self._all, split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Apply the rules of BFCL's checker; nothing is run."""
        return grade_calls(sample, answer)


def open_bfcl(spec: Spec) -> Bfcl:
    """Open a folder or a file of BFCL."""
    return Bfcl(spec.text, spec.data(), CATEGORIES[spec.name])


def grade_calls(sample: Sample, answer: Answer) -> Grade:
    """Grade the calls of an answer by a sample's hidden part: BFCL's rule, functions, names and allowed calls."""
    hidden = sample.hidden
    try:
        calls = _calls(answer, hidden["names"])
        fault = "" if calls else "the reply makes no call"
    except bfcl_calls.Undecodable as error:
        calls, fault = [], str(error)
    if "relevance" in hidden["rule"]:
        called = bool(calls or answer.tool_calls)
        right = called == ("irrelevance" not in hidden["rule"])
        return Grade(score=float(right), word="right" if right else "called" if called else "no_call", detail=fault)
    if not calls:
        return Grade(score=0.0, word="malformed" if answer.tool_calls else "no_call", detail=fault)
    try:
        bfcl_checker.check(hidden["functions"], calls, hidden["allowed"], hidden["rule"])
    except bfcl_checker.Fault as found:
        return Grade(score=0.0, word=found.word, detail=found.detail)
    return Grade(score=1.0, word="right")


def legal_names(functions: list[Mapping[str, Any]]) -> dict[str, str]:
    """Map the names that models see (letters, digits, `_` and `-`, at most 64) back to the benchmark's own."""
    mapped: dict[str, str] = {}
    for function in functions:
        legal = _LEGAL.sub("_", function["name"])[:_LONGEST_NAME] or "f"
        unique, number = legal, 2
        while unique in mapped:
            unique = f"{legal[: _LONGEST_NAME - 3]}_{number}"
            number += 1
        mapped[unique] = function["name"]
    return mapped


def legal_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a parameter's description into JSON schema, at every depth."""
    legal = {key: value for key, value in schema.items() if key not in ("optional", "required")}
    legal["type"] = _TYPES.get(schema.get("type", "string"), "string")
    if isinstance(schema.get("required"), list):
        legal["required"] = schema["required"]
    if isinstance(schema.get("properties"), dict):
        legal["properties"] = {name: legal_schema(inner) for name, inner in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        legal["items"] = legal_schema(schema["items"])
    return legal


def _calls(answer: Answer, names: Mapping[str, str]) -> list[bfcl_calls.Call]:
    if answer.tool_calls:
        return bfcl_calls.from_tool_calls(answer.tool_calls, names)
    # In the text too a model uses the names that it was shown; the benchmark's own are read as well.
    return [
        bfcl_calls.Call(names.get(call.name, call.name), call.arguments) for call in bfcl_calls.from_text(answer.text)
    ]


def _read(path: Path) -> list[Sample]:
    match = _FILE.search(path.name)
    if match is None:
        raise BenchmarkError(f"{path} is not named like BFCL_v4_simple_python.json, so its category is unknown.")
    category = match.group(1)
    allowed: dict[str, list[Any]] = {}
    if "relevance" not in category:
        answers = path.parent / "possible_answer" / path.name
        allowed = {record.get("id", str): record.get("ground_truth", list) for record in read_records(answers)}
    return [_sample(record, category, allowed) for record in read_records(path)]


def _sample(record: Record, category: str, allowed: Mapping[str, list[Any]]) -> Sample:
    sample_id, turns = record.get("id", str), record.get("question", list)
    functions: list[Mapping[str, Any]] = record.get("function", list)
    try:
        messages = tuple(Message(role=_ROLES[turn["role"]], content=turn["content"]) for turn in turns[0])
        names = legal_names(functions)
        tools = tuple(
            Tool(
                name=legal,
                description=function.get("description", ""),
                parameters=legal_schema(function["parameters"]),
            )
            for legal, function in zip(names, functions, strict=True)
        )
    except (KeyError, TypeError, IndexError, AttributeError) as error:
        record.broken(f"the question or a function is not in BFCL's form ({error!r})")
    if "relevance" not in category and sample_id not in allowed:
        record.broken(f"possible_answer/{record.path.name} holds no answer for {sample_id!r}")
    return Sample(
        id=sample_id,
        problem=Problem(
            messages=messages,
            tools=tools,
            check=Form(non_empty=False),
            reply=Reply(kind="calls"),
            options=Options(max_tokens=512),
        ),
        cluster=" ".join(sorted(function["name"] for function in functions)),
        hidden={"rule": category, "functions": functions, "names": names, "allowed": allowed.get(sample_id, [])},
        category=category,
    )
