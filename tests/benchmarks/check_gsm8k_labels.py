"""Our grading of GSM8K beside published labels, item by item; every difference is listed.

Usage: `python tests/benchmarks/check_gsm8k_labels.py GRADE_SCHOOL_MATH ROUTELLM`, checkouts of
https://github.com/openai/grade-school-math at 3101c7d and https://github.com/lm-sys/RouteLLM at 0b64fda. What is not
there is skipped, in words; nothing is downloaded. Exit status 1 where a difference is none of those that are known: a
published label that compares text ("20.00" for 20, "0.5" for 5).
"""

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from understudy.problem import Message, Problem, Reply
from understudy.reply import answer_from_text
from understudy_harness.benchmarks.gsm8k import READ, gold, number, same_number

PROBLEM = Problem(messages=(Message(role="user", content="?"),), reply=Reply(kind="value", pattern=READ))
SOLUTIONS = "grade_school_math/data/example_model_solutions.jsonl"
RESPONSES = "routellm/evals/gsm8k/gsm8k_responses.csv"


class Label(NamedTuple):
    """One published label."""

    source: str
    item: int
    text: str
    right: str
    """The right answer, as a number."""
    published: bool


def of_openai(folder: Path) -> Iterator[Label]:
    """Labels of OpenAI's own four models."""
    for item, line in enumerate((folder / SOLUTIONS).read_text("utf-8").splitlines(), start=1):
        record = json.loads(line)
        right = record["ground_truth"].rpartition("A:")[2].strip().replace(",", "")
        for name, one in record.items():
            if isinstance(one, dict):
                yield Label(f"openai {name}", item, one["solution"], right, bool(one["is_correct"]))


def of_routellm(folder: Path) -> Iterator[Label]:
    """Labels of the two models that RouteLLM routes between."""
    csv.field_size_limit(1 << 24)
    lines = (folder / RESPONSES).with_name("test.jsonl").read_text("utf-8").splitlines()
    answers = {record["question"]: gold(record["answer"]) or "" for record in map(json.loads, lines)}
    with (folder / RESPONSES).open(encoding="utf-8", newline="") as file:
        for item, row in enumerate(csv.DictReader(file), start=1):
            for name in (column for column in row if f"{column}_response" in row):
                yield Label(
                    f"routellm {name}", item, row[f"{name}_response"], answers[row["prompt"]], row[name] == "True"
                )


def compare(labels: Iterator[Label]) -> tuple[int, list[Label]]:
    """Return how many labels were compared and those that our verdict differs from."""
    compared, differing = 0, []
    for label in labels:
        value = answer_from_text(label.text, PROBLEM).value
        compared += 1
        if (value is not None and same_number(value, label.right)) != label.published:
            differing.append(label)
    return compared, differing


def is_known(label: Label) -> bool:
    """Whether the published label compares the end of a text instead of a number."""
    value = answer_from_text(label.text, PROBLEM).value or ""
    found, right = number(value), number(label.right)
    decimals = "." in value
    return decimals or (found is not None and right is not None and str(found).endswith(str(right)))


def main() -> None:
    folders = [Path(word) for word in sys.argv[1:]]
    odd, done = 0, 0
    for path, read in ((SOLUTIONS, of_openai), (RESPONSES, of_routellm)):
        folder = next((one for one in folders if (one / path).is_file()), None)
        if folder is None:
            click.echo(f"SKIPPED: no folder given holds {path}.", err=True)
            continue
        sources: dict[str, list[Label]] = {}
        for label in read(folder):
            sources.setdefault(label.source, []).append(label)
        for source, labels in sources.items():
            compared, differing = compare(iter(labels))
            done += compared
            click.echo(f"{source}: {compared} labels, {compared - len(differing)} the same, {len(differing)} differ")
            for label in differing:
                value = answer_from_text(label.text, PROBLEM).value
                known = is_known(label)
                odd += not known
                click.echo(f"  {'known' if known else 'NEW'}: item {label.item}, {value} for {label.right}")
    sys.exit(1 if odd or not done else 0)


if __name__ == "__main__":
    main()
