"""Run a job with the project's own pytest, and report over the private channel."""

import os
import sys
from collections.abc import Callable
from typing import Any

from understudy_servers.testing.worker.events import Put, short
from understudy_servers.testing.worker.failures import Sources, describe

DETAILED = 12
QUIET = ["-p", "no:cacheprovider", "-p", "no:debugging", "-p", "no:faulthandler"]


def prepare() -> str | None:
    """Import pytest before the fork; return its version, or None where it is not installed."""
    try:
        import pytest  # noqa: PLC0415 - the project's pytest, in the project's interpreter
    except ImportError:
        return None
    return pytest.__version__


class Reporter:
    """A pytest plugin that writes one event for each report."""

    def __init__(self, put: Put, sources: Sources, select: list[str] | None) -> None:
        self.put, self.sources, self.select = put, sources, select
        self.described = 0
        self.facts: dict[str, dict[str, Any]] = {}

    def pytest_collection_finish(self, session: Any) -> None:
        self.put("collected", ids=[short(item.nodeid, 400) for item in session.items])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            facts = self.facts.pop("collect", None) or {"kind": "import", "message": short(report.longrepr, 600)}
            self.put("collect_error", id=short(report.nodeid, 400), **facts)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        self.described += 1
        if call.excinfo is None or self.described > DETAILED:
            return
        error = call.excinfo.value
        error = error.__cause__ if type(error).__name__ == "CollectError" and error.__cause__ else error
        self.facts["collect" if report.when == "collect" else report.nodeid] = describe(error, self.sources)

    def pytest_runtest_logreport(self, report: Any) -> None:
        facts: dict[str, Any] = {"xfail": True} if hasattr(report, "wasxfail") else {}
        if report.failed:
            self.facts.pop("collect", None)
            facts["text"] = short(report.longreprtext, 1500) if self.described <= DETAILED else ""
            self.pending = (report, facts)
        elif report.skipped and isinstance(report.longrepr, tuple):
            facts["message"] = short(report.longrepr[2], 200)
        self._test(report, facts)

    def _test(self, report: Any, facts: dict[str, Any]) -> None:
        name = short(report.nodeid, 400)
        milliseconds = round(report.duration * 1000, 2)
        self.put("phase", id=name, when=report.when, outcome=report.outcome, ms=milliseconds, **facts)

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        for name, facts in self.facts.items():
            self.put("detail", id=short(name, 400), **facts)
        self.put("finish", failed=session.testsfailed, collected=session.testscollected, errors=0)


def run(job: dict[str, Any], put: Put, last: Callable[[], None]) -> int:
    """Run pytest in this process and return its exit status."""
    import pytest  # noqa: PLC0415 - the project's pytest, in the project's interpreter

    sources = Sources(job["root"], job["tests"], job["candidate"])
    reporter = Reporter(put, sources, job["select"])
    arguments = [*QUIET, "--rootdir", job["root"], "--color=no", "--tb=short", "-q", "--no-header"]
    if job.get("ignore_config"):
        arguments += ["-c", os.devnull, "--confcutdir", job["root"]]
    if job.get("shuffle") is not None:
        arguments += ["-p", "no:randomly"]
    code = int(
        pytest.main([*arguments, *job["pytest_arguments"], *(job["select"] or job["tests"])], plugins=[reporter])
    )
    sys.stdout.flush()
    sys.stderr.flush()
    last()
    put("end", code=code)
    return code
