"""Does the model pick the right tool, with the right arguments, and none when none fits? A suite that a laptop can run.

Written for this project (MIT), so no model has met it before it was published. Four tools stand in every problem; the
rules of comparison are BFCL's (`bfcl_checker`). Categories: `tool` (which one), `arguments` (values that must be worked
out), `several` (more than one call), `none` (no tool fits, or what it needs was not said).
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from understudy.answer import Answer
from understudy.problem import Form, Message, Options, Problem, Reply, Tool
from understudy_harness.benchmarks.bfcl import grade_calls, legal_names, legal_schema
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grade, Grader, Sample, Split, Statement, split_by_cluster

_SYSTEM = (
    "Call a function when one does what is asked. When none does, or a value it needs is missing, say so in words."
)
_RULES = {"tool": "multiple", "arguments": "multiple", "several": "parallel", "none": "irrelevance"}


@dataclass(frozen=True)
class ToolCalling:
    """The bundled suite."""

    name: str = "toolcalling"

    @property
    def statement(self) -> Statement:
        """What is measured, in words."""
        return Statement(
            check="the form of the calls: known functions, arguments that fit their schemas",
            grade="the expected calls, by BFCL's rules of comparison; no call where none fits",
            cluster="the set of tools",
            reply="the native calls of the reply, else its text in BFCL's Python form",
            source="understudy (MIT)",
        )

    def samples(self, split: Split) -> tuple[Sample, ...]:
        """Return the samples of a split, set of tools by set of tools."""
        return split_by_cluster(_all(), split)

    async def grade(self, sample: Sample, answer: Answer, grader: Grader) -> Grade:
        """Compare the calls; nothing is run."""
        return grade_calls(sample, answer)


def open_toolcalling(spec: Spec) -> ToolCalling:
    """Open the suite.

    Raises:
        BenchmarkError: A path was given; the suite is bundled.
    """
    if spec.path is not None:
        raise BenchmarkError(f"The benchmark {spec.name!r} is bundled and takes no path: write {spec.name!r} alone.")
    return ToolCalling()


@cache
def _all() -> tuple[Sample, ...]:
    text = resources.files(__package__).joinpath("toolcalling.json").read_text(encoding="utf-8")
    return tuple(_sample(domain, item) for domain in json.loads(text)["domains"] for item in domain["items"])


def _sample(domain: dict[str, Any], item: dict[str, Any]) -> Sample:
    functions = domain["tools"]
    names = legal_names(functions)
    tools = tuple(
        Tool(name=legal, description=function["description"], parameters=legal_schema(function["parameters"]))
        for legal, function in zip(names, functions, strict=True)
    )
    return Sample(
        id=f"toolcalling/{item['id']}",
        problem=Problem(
            messages=(Message(role="system", content=_SYSTEM), Message(role="user", content=item["question"])),
            tools=tools,
            check=Form(),
            reply=Reply(kind="calls"),
            options=Options(max_tokens=256),
        ),
        cluster=domain["cluster"],
        hidden={"rule": _RULES[item["category"]], "functions": functions, "names": names, "allowed": item["calls"]},
        category=item["category"],
    )
