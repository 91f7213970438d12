"""CTRF, the common test report format in JSON (https://ctrf.io): written, never read."""

import json

from understudy_servers.testing.result import Result

STATUS = {"passed": "passed", "failed": "failed", "skipped": "skipped"}


def export(result: Result) -> str:
    """Write a result as a CTRF document."""
    told = {failure["id"]: failure for failure in result.failures}
    tests = [
        {
            "name": name,
            "status": STATUS.get(outcome, "other"),
            "duration": 0,
            **({"message": told[name]["message"]} if name in told else {}),
        }
        for name, outcome in result.outcomes.items()
    ]
    other = sum(test["status"] == "other" for test in tests)
    summary = {
        "tests": len(tests), "passed": result.passed, "failed": result.failed, "skipped": result.skipped,
        "pending": 0, "other": other, "start": 0, "stop": round(result.ms),
    }  # fmt: skip
    document = {"results": {"tool": {"name": "understudy"}, "summary": summary, "tests": tests}}
    return json.dumps(document, ensure_ascii=False, indent=1)
