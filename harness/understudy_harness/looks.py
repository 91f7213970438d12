"""Count how often test samples were looked at: whoever chooses by the test split and reports on it fools himself."""

import json
from datetime import UTC, datetime
from typing import Any

from understudy_harness.analysis import Analysis

LOOKS = "looks.jsonl"


def count_look(analysis: Analysis) -> int:
    """Note a look at a run's test samples beside its folder; return how many there were, this one included.

    Looks at dev samples are free and return 0. A look at the same rows again is no new look.
    """
    if analysis.header.get("split") not in ("test", "all"):
        return 0
    path = analysis.columns.folder.resolve().parent / LOOKS
    datasets = sorted(str(result.about.get("dataset", "")) for result in analysis.benchmarks)
    names = sorted(result.name for result in analysis.benchmarks)
    look = {
        "benchmarks": names,
        "datasets": datasets,
        "run": analysis.columns.folder.resolve().name,
        "rows": analysis.columns.rows,
    }
    before = _looks(path.read_text("utf-8")) if path.is_file() else []
    same_data = [
        found
        for found in before
        if set(found["datasets"]) & set(datasets) or set(found.get("benchmarks", ())) & set(names)
    ]
    if any({name: found.get(name) for name in look} == look for found in same_data):
        return len(same_data)
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**look, "at": datetime.now(UTC).isoformat(timespec="seconds")}) + "\n")
    except OSError:  # results on a read-only disk can be read, and nothing can be chosen by them there
        pass
    return len(same_data) + 1


def _looks(text: str) -> list[dict[str, Any]]:
    found = []
    for line in text.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and {"datasets", "run", "rows"} <= set(entry):
            found.append(entry)
    return found
