"""A small test runner of the standard library only: functions with bare asserts, classes, `unittest`, whole scripts.

It is what runs loose problems, so that a verdict does not depend on whether pytest is installed, and a run costs
milliseconds. Tests that need pytest (fixtures, `parametrize`) are given to pytest by the server.
"""

import ast
import asyncio
import inspect
import os
import random
import sys
import time
import unittest
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

from understudy_servers.testing.worker import asserts
from understudy_servers.testing.worker.events import Put, short
from understudy_servers.testing.worker.failures import Sources, describe

DETAILED = 40  # failures that are described in full; of the others only the name travels


class Item(NamedTuple):
    id: str
    call: Callable[[], object]


class Loaded(NamedTuple):
    """A test file: its tests in order, or the error that kept it from loading."""

    items: list[Item]
    error: BaseException | None


def run(job: dict[str, Any], put: Put, last: Callable[[], None]) -> int:
    """Run the test files of a job; return 0 when every test passed, else 1. `last` may add events before the end."""
    sources = Sources(job["root"], job["tests"], job["candidate"])
    reseed(job["seed"])
    return _Session(job, put, sources).run(last)


class _Session:
    def __init__(self, job: dict[str, Any], put: Put, sources: Sources) -> None:
        self.job, self.put, self.sources = job, put, sources
        self.described = self.failed = self.errors = 0

    def run(self, last: Callable[[], None]) -> int:
        items: list[Item] = []
        for path in self.job["tests"]:
            loaded = self._load(path)
            if loaded.error is not None:
                self.errors += 1
                self.put("collect_error", id=path, **self._describe(loaded.error))
            items += loaded.items
        items = _selected(items, self.job["select"])
        if self.job.get("shuffle") is not None:
            order = list(items)
            random.Random(self.job["shuffle"]).shuffle(order)
            items = order if order != items else items[::-1]  # a shuffle of a few may leave them as they were
        self.put("collected", ids=[item.id for item in items])
        for item in items:
            self._run_item(item)
        sys.stdout.flush()
        sys.stderr.flush()
        code = 1 if self.failed or self.errors else 0
        last()
        self.put("finish", failed=self.failed, collected=len(items), errors=self.errors)
        self.put("end", code=code)
        return code

    def _load(self, path: str) -> Loaded:
        full = os.path.join(self.job["root"], path)
        try:
            with open(full, encoding="utf-8", errors="surrogatepass") as stream:
                source = stream.read()
            tree = ast.parse(source, full)
            scripted = is_script(tree)
            code = asserts.compile_tests(source, full, tree)
            module = ModuleType(os.path.splitext(os.path.basename(path))[0])
            module.__file__ = full
            module.__dict__[asserts.FAIL] = asserts.failure
            sys.modules[module.__name__] = module
            if scripted:
                return Loaded([Item(path, lambda: exec(code, module.__dict__))], None)
            exec(code, module.__dict__)
            return Loaded(list(_items(path, module)), None)
        except BaseException as error:
            return Loaded([], error)

    def _run_item(self, item: Item) -> None:
        started = time.perf_counter()
        outcome = "passed"
        facts: dict[str, Any] = {}
        try:
            item.call()
        except unittest.SkipTest as skip:
            outcome, facts = "skipped", {"message": short(skip, 200)}
        except _Expected:
            outcome, facts = "skipped", {"message": "expected failure", "xfail": True}
        except BaseException as error:
            outcome, facts = "failed", self._describe(error)
            self.failed += 1
        self.put("test", id=item.id, outcome=outcome, ms=round((time.perf_counter() - started) * 1000, 2), **facts)

    def _describe(self, error: BaseException) -> dict[str, Any]:
        self.described += 1
        return describe(error, self.sources) if self.described <= DETAILED else {}


class _Expected(Exception):
    """A test failed as it was marked to, or passed although it was marked to fail."""


def is_script(tree: ast.Module) -> bool:
    """Say whether a file has no test of its own, so that running it is the test."""
    return not any(
        (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"))
        or (isinstance(node, ast.ClassDef) and (node.name.startswith("Test") or _is_case(node)))
        for node in tree.body
    )


def _is_case(node: ast.ClassDef) -> bool:
    return any("TestCase" in ast.unparse(base) for base in node.bases)


def _items(path: str, module: ModuleType) -> Iterator[Item]:
    for name, value in list(vars(module).items()):
        if name.startswith("test") and inspect.isfunction(value) and value.__module__ == module.__name__:
            yield Item(f"{path}::{name}", _maybe_async(value))
        elif isinstance(value, type) and value.__module__ == module.__name__:
            yield from _methods(path, name, value)


def _methods(path: str, name: str, kind: type) -> Iterator[Item]:
    if issubclass(kind, unittest.TestCase):
        methods = unittest.defaultTestLoader.getTestCaseNames(kind)
        group = _Group(kind, len(methods))
        for method in methods:
            yield Item(f"{path}::{name}::{method}", group.call(method))
    elif name.startswith("Test"):
        for method, value in list(vars(kind).items()):
            if method.startswith("test") and callable(value):
                yield Item(f"{path}::{name}::{method}", _bound(kind, method))


def _bound(kind: type, method: str) -> Callable[[], object]:
    def call() -> object:
        instance = kind()
        getattr(instance, "setup_method", _nothing)()
        try:
            return _maybe_async(getattr(instance, method))()
        finally:
            getattr(instance, "teardown_method", _nothing)()

    return call


def _nothing() -> None:
    return None


def _maybe_async(function: Callable[[], Any]) -> Callable[[], object]:
    if inspect.iscoroutinefunction(function):
        return lambda: asyncio.run(function())
    return function


class _Group:
    """The tests of one `TestCase`, which share `setUpClass` and `tearDownClass`."""

    def __init__(self, kind: type[unittest.TestCase], count: int) -> None:
        self.kind, self.left, self.ready = kind, count, False

    def call(self, method: str) -> Callable[[], object]:
        return lambda: self._run(method)

    def _run(self, method: str) -> None:
        if not self.ready:
            self.ready = True
            self.kind.setUpClass()
        result = _Result()
        self.kind(method).run(result)
        self.left -= 1
        if self.left == 0:
            self.kind.tearDownClass()
            self.kind.doClassCleanups()
        if result.error is not None:
            raise result.error
        if result.skip_reason is not None:
            raise unittest.SkipTest(result.skip_reason)
        if result.expected:
            raise _Expected


class _Result(unittest.TestResult):
    """Keep the first thing that went wrong; the base class would format tracebacks nobody reads."""

    def __init__(self) -> None:
        super().__init__()
        self.error: BaseException | None = None
        self.skip_reason: str | None = None
        self.expected = False

    def addError(self, test: Any, err: Any) -> None:
        self.error = self.error or err[1]

    def addFailure(self, test: Any, err: Any) -> None:
        self.error = self.error or err[1]

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        if err is not None:
            self.error = self.error or err[1]

    def addSkip(self, test: Any, reason: str) -> None:
        self.skip_reason = reason

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        self.expected = True

    def addUnexpectedSuccess(self, test: Any) -> None:
        self.expected = True


def _selected(items: list[Item], select: list[str] | None) -> list[Item]:
    if select is None:
        return items
    return [item for item in items if any(_matches(item.id, word) for word in select)]


def _matches(name: str, word: str) -> bool:
    """A word selects a test by its id, by the file or class it is in, or by a part of its own name."""
    word = word.partition("[")[0]
    return name == word or name.startswith(f"{word}::") or ("::" not in word and word in name.partition("::")[2])


def reseed(seed: int) -> None:
    """Give every run the same random numbers, also from a numpy that was loaded before the fork."""
    random.seed(seed)
    legacy = sys.modules.get("numpy.random")
    if legacy is not None:
        legacy.seed(seed % (1 << 32))
