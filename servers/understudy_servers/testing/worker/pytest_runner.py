"""Run a job with the project's own pytest, and report over the private channel."""

import importlib
import os
import random
import re
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from understudy_servers.testing.worker import turbo
from understudy_servers.testing.worker.events import Put, short, show
from understudy_servers.testing.worker.failures import Sources, describe
from understudy_servers.testing.worker.origin import elsewhere

DETAILED = 40
WHERE = re.compile(r"\+\s+where .+? = (.+)")  # the call in the wording of pytest
WHERE_LINES = re.compile(r"\n \+\s+where .+? = .+\Z")  # the last one, once the call is known


def prepare() -> str | None:
    """Warm the project's pytest before the fork, with its plugins; return its version, or None where there is none.

    One throwaway test is run, so that everything a run imports is imported. No project code is.
    """
    try:
        import pytest  # noqa: PLC0415 - the project's pytest, in the project's interpreter
    except ImportError:
        return None
    for name in ("difflib", "pprint", "unittest.mock"):  # what a failing test will want
        importlib.import_module(name)

    path, known, output = list(sys.path), set(sys.modules), os.dup(1)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    try:
        with tempfile.TemporaryDirectory(prefix="understudy-prime-") as folder:
            test = os.path.join(folder, "test_understudy_prime.py")
            with open(test, "w") as stream:
                stream.write("def test_prime(tmp_path, capsys):\n    assert 1 == 1\n")
            pytest.main(["-q", "-c", os.devnull, "--rootdir", folder, f"--basetemp={folder}/temp", test])
            sys.stdout.flush()
    finally:
        os.dup2(output, 1)
        os.close(output)
        os.close(silence)
        sys.path[:] = path
        for name in [name for name in sys.modules.keys() - known if "understudy_prime" in name]:
            del sys.modules[name]
    turbo.build_config()
    return pytest.__version__


class Reporter:
    """A pytest plugin that writes one event for each report."""

    def __init__(self, put: Put, sources: Sources, shuffle: int | None = None, *, by_file: bool = False) -> None:
        self.put, self.sources = put, sources
        self.shuffle, self.by_file = shuffle, by_file
        self.described = 0
        self.compared: dict[str, str] = {}
        self.facts: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        self.taken: set[str] = set()

    def _name(self, nodeid: str) -> str:
        """A clean, bounded id; two tests whose ids differ only in what was cleaned away stay two."""
        if nodeid not in self.names:
            name = plain = short(nodeid, 400)
            while name in self.taken:
                name = f"{plain} #{len(self.taken)}"
            self.taken.add(name)
            self.names[nodeid] = name
        return self.names[nodeid]

    def pytest_collection_finish(self, session: Any) -> None:
        self.put("collected", ids=[self._name(item.nodeid) for item in session.items])

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        """Shuffle the order: of single tests, in a project of whole files."""
        if self.shuffle is None:
            return
        groups: dict[Any, list[Any]] = {}
        for item in items:
            groups.setdefault(item.path if self.by_file else item, []).append(item)
        order = list(groups)
        random.Random(self.shuffle).shuffle(order)
        if order == list(groups):
            order.reverse()  # a shuffle of a few may leave them as they were
        items[:] = [item for key in order for item in groups[key]]

    def pytest_deselected(self, items: Any) -> None:
        self.put("deselected", ids=[self._name(item.nodeid) for item in items])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            facts = self.facts.pop("collect", None) or {"kind": "import", "message": short(report.longrepr, 600)}
            self.put("collect_error", id=self._name(report.nodeid), **facts)

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        """Keep both sides of the comparison that failed; pytest words it as it always does."""
        sign = "" if op == "==" else op
        self.compared = {"actual": show(left), "expected": f"{sign} {show(right)}".strip()}

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        self.described += 1
        if call.excinfo is None or self.described > DETAILED:
            return
        error = call.excinfo.value
        error = error.__cause__ if type(error).__name__ == "CollectError" and error.__cause__ else error
        facts = describe(error, self.sources)
        compared, self.compared = self.compared, {}
        if facts["kind"] == "assert" and not facts["actual"]:
            where = WHERE.search(facts["message"])
            facts |= compared | ({"call": where[1], "message": WHERE_LINES.sub("", facts["message"])} if where else {})
        self.facts["collect" if report.when == "collect" else report.nodeid] = facts

    def pytest_runtest_logreport(self, report: Any) -> None:
        facts: dict[str, Any] = {"xfail": True} if hasattr(report, "wasxfail") else {}
        if type(report).__name__.lower() == "subtestreport":
            facts["part"] = True  # of a test that reports several times
        if report.failed:
            self.facts.pop("collect", None)
            output = f"{report.capstdout}{report.capstderr}"
            facts["output"] = short(output, 400) if self.described <= DETAILED else ""
        elif report.skipped and isinstance(report.longrepr, tuple):
            facts["message"] = short(report.longrepr[2], 200)
        self._test(report, facts)

    def _test(self, report: Any, facts: dict[str, Any]) -> None:
        name = self._name(report.nodeid)
        milliseconds = round(report.duration * 1000, 2)
        self.put("phase", id=name, when=report.when, outcome=report.outcome, ms=milliseconds, **facts)

    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> None:
        for name, facts in self.facts.items():
            self.put("detail", id=self._name(name), **facts)
        self.put("finish", failed=session.testsfailed, collected=session.testscollected, errors=0)


def run(job: dict[str, Any], put: Put, last: Callable[[], None]) -> int:
    """Run pytest in this process and return its exit status."""
    import pytest  # noqa: PLC0415 - the project's pytest, in the project's interpreter

    turbo.use_config()
    turbo.use_rewritten(job["root"])
    sources = Sources(job["root"], job["tests"], job["candidate"])
    reporter = Reporter(put, sources, job.get("shuffle"), by_file=bool(job.get("project")))
    cache = f"cache_dir={os.environ['TMPDIR']}/pytest_cache"  # the project is read-only
    arguments = ["-o", cache, "--rootdir", job["root"], "--color=no", "--tb=no", "-qq", "--no-header", "--no-summary"]
    if job.get("ignore_config"):
        arguments += ["-c", os.devnull, "--confcutdir", job["root"]]
    if job.get("shuffle") is not None:
        arguments += ["-p", "no:randomly"]
    chosen = job["select"] or ([] if job.get("project") else job["tests"])  # a project's own settings decide
    code = int(pytest.main([*arguments, *job["pytest_arguments"], *chosen], plugins=[reporter]))
    sys.stdout.flush()
    sys.stderr.flush()
    last()
    if job.get("project"):
        put("elsewhere", names=elsewhere(job))
    put("end", code=code)
    return code
