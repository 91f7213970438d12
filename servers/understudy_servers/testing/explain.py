"""Tell how one test failed: the values, the variables at the end, the first and the last steps of the candidate."""

from collections.abc import Callable
from dataclasses import replace

from understudy_servers.testing.plan import Plan
from understudy_servers.testing.result import from_judgement
from understudy_servers.testing.verdict.judge import Judgement
from understudy_servers.testing.worker.events import clip, short

MAX_CHARACTERS = 4_000
RunPlan = Callable[[Plan, int], Judgement]


class Unanswerable(Exception):
    """A question about tests that has no answer; the text says why and what to do."""


def explanation(plan: Plan, run: RunPlan, name: str) -> str:
    """Run the test called `name` under a trace and put what it showed into words.

    Raises:
        Unanswerable: no test has that name, or our side failed.
    """
    if plan.framework == "plain" and not plan.expected:
        raise Unanswerable(f"No test is called {name!r}. Use an id from the failures of run_tests.")
    judgement = run(replace(plan, extra={**plan.extra, "watch": "trace"}), 0)
    if judgement.verdict == "infra_error":
        raise Unanswerable(judgement.reason)
    nothing = not judgement.report.outcomes and not judgement.report.collect_errors
    if nothing and judgement.verdict in {"no_tests", "aborted"}:
        raise Unanswerable(f"No test called {name!r} was run ({judgement.verdict}). Use an id from run_tests.")
    result = from_judgement(judgement, len(plan.expected))
    lines = [f"{name}: {judgement.verdict}" + (f" ({judgement.reason})" if judgement.reason else "")]
    for failure in result.failures[:1]:
        lines.append(failure["message"])
        lines += [f"{key}: {failure[key]}" for key in ("call", "expected", "actual") if failure[key]]
        if failure["where"]:
            lines.append(f"at {failure['where']}: {failure['code']}")
    watched = judgement.report.extra.get("watched", {})
    if watched.get("locals"):
        lines.append(
            "variables at the end: " + ", ".join(f"{key} = {value}" for key, value in watched["locals"].items())
        )
    if watched.get("steps"):
        lines.append(f"steps in your code ({watched.get('count', 0)}):")
        lines += [f"  {short(step, 200)}" for step in watched["steps"]]
    example = _example(judgement)
    return clip("\n".join([*lines, *([f"falsifying example: {example}"] if example else [])]), MAX_CHARACTERS)


def _example(judgement: Judgement) -> str:
    """The shrunk example of a property test, where Hypothesis noted one."""
    for facts in judgement.report.facts.values():
        message = str(facts.get("message", ""))
        if "Falsifying example" in message:
            return short(message.partition("Falsifying example")[2].lstrip(": "), 400)
    return ""
