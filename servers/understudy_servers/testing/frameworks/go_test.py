"""Go, through `go test -json`: events on standard output, where tests print too, so the channel is not verified."""

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks.foreign import finished, program
from understudy_servers.testing.verdict.judge import Report

OUTCOMES = {"pass": "passed", "fail": "failed", "skip": "skipped"}
KEPT = 6_000  # characters that are kept of what a test printed; a panic begins with its reason
NOISE = ("=== RUN", "=== PAUSE", "=== CONT", "=== NAME")


class GoTest:
    """Packages of a Go module."""

    name = "go test"
    verified = False

    def found(self, root: Path) -> bool:
        return (root / "go.mod").exists()

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        go = program("go", "Install Go 1.20 or newer.")
        return [go, "test", "-json", "-count=1", *(["-run", "|".join(select)] if select else []), "./..."]

    def support(self) -> dict[str, str]:
        return {}

    def readable(self) -> list[str]:
        go = shutil.which("go")
        root = [os.path.dirname(os.path.dirname(os.path.realpath(go)))] if go else []  # the compiler and the library
        return [*root, str(Path.home() / "go" / "pkg" / "mod")]

    def environment(self) -> dict[str, str]:
        return {"GOFLAGS": "-mod=mod", "GOCACHE": "/tmp/tmp/go-build", "GOPROXY": "off"}

    def read(self, raw: Raw, mark: str) -> Report:
        return parse(bytes(raw.output).decode("utf-8", "replace"), _code(raw))


def parse(text: str, code: int) -> Report:
    """Read the events; of each failing test keep what it printed."""
    report = Report()
    printed: dict[str, str] = {}
    for line in text.splitlines():
        event = _event(line)
        if event is None:
            continue
        name = f"{event.get('Package', '')}::{event['Test']}" if "Test" in event else str(event.get("Package", ""))
        if event.get("Action") == "run":
            report.outcomes[name] = "begun"
        elif event.get("Action") == "output" and not str(event.get("Output", "")).startswith(NOISE):
            printed[name] = (printed.get(name, "") + str(event.get("Output", "")))[:KEPT]
        elif event.get("Action") in OUTCOMES:
            _outcome(report, name, OUTCOMES[event["Action"]], printed.get(name, ""), is_test="Test" in event)
    for name in report.of("begun"):  # the program left in the middle of it
        _outcome(report, name, "failed", printed.get(name, "") or "it began and never ended", is_test=True)
    return finished(report, code)


def _outcome(report: Report, name: str, outcome: str, printed: str, *, is_test: bool) -> None:
    if is_test:
        report.outcomes[name] = outcome
        if outcome == "failed":
            report.facts[name] = {"id": name, "kind": "exception", "message": printed.strip()}
    elif outcome == "failed" and not any(known.startswith(f"{name}::") for known in report.of("failed")):
        report.collect_errors.append({"id": name, "kind": "syntax", "message": printed.strip() or "the build failed"})


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "Action" in event else None


def _code(raw: Raw) -> int:
    return 1 if raw.status else 0
