"""TAP, the Test Anything Protocol (https://testanything.org/tap-version-14-specification.html), read from output."""

import re

from understudy_servers.testing.frameworks.foreign import finished
from understudy_servers.testing.verdict.judge import Report

PLAN = re.compile(r"^1\.\.(\d+)", re.MULTILINE)
TEST = re.compile(
    r"^(?P<no>not )?ok\b *(?P<number>\d+)? *-? *(?P<name>[^#\n]*)(?:# *(?P<word>skip|todo))?", re.MULTILINE | re.I
)


def parse(text: str, code: int) -> Report:
    """Read test lines; a number that the plan promised and that is missing is a failed test."""
    report = Report()
    for index, match in enumerate(TEST.finditer(text), start=1):
        name = f"{match['number'] or index} {match['name'].strip()}".strip()
        outcome = "skipped" if match["word"] else "failed" if match["no"] else "passed"
        report.outcomes[name] = outcome
        if outcome == "failed":
            report.facts[name] = {"id": name, "kind": "exception", "message": match["name"].strip() or "not ok"}
    plan = PLAN.search(text)
    for number in range(len(report.outcomes) + 1, int(plan[1]) + 1 if plan and int(plan[1]) < 100_000 else 0):
        name = f"{number} (missing)"
        report.outcomes[name] = "failed"
        report.facts[name] = {"id": name, "kind": "exception", "message": "promised by the plan and not reported"}
    return finished(report, code)
