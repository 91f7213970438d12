"""Rust, through the text of libtest: stable Rust has no machine-readable report, so the channel is not verified."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks.foreign import finished, program
from understudy_servers.testing.verdict.judge import Report

LINE = re.compile(r"^test (?P<name>.+?)(?: - should panic)? \.\.\. (?P<word>ok|FAILED|ignored)\b", re.MULTILINE)
SECTION = re.compile(
    r"^---- (?P<name>.+?) stdout ----\n(?P<text>.*?)(?=^---- |^failures:$|\Z)", re.MULTILINE | re.DOTALL
)
PANIC = re.compile(r"panicked at (?P<where>[^\n:]+:\d+)(?::\d+)?:?\n(?P<message>.*?)(?:\nnote:|\Z)", re.DOTALL)
SIDE = re.compile(r"^\s*(?P<side>left|right): (?P<value>.*)$", re.MULTILINE)
ERROR = re.compile(r"^error(?:\[\w+\])?: (?P<message>.*?)\n\s*--> (?P<where>[^\n]+)", re.MULTILINE)
OUTCOMES = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


class CargoTest:
    """A Cargo package."""

    name = "cargo test"
    verified = False

    def found(self, root: Path) -> bool:
        return (root / "Cargo.toml").exists()

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        cargo = program("cargo", "Install Rust with rustup.")
        return [cargo, "test", "--offline", "--no-fail-fast", "--color=never", *(select or ())]

    def support(self) -> dict[str, str]:
        return {}

    def readable(self) -> list[str]:
        return [self._home("CARGO_HOME", ".cargo"), self._home("RUSTUP_HOME", ".rustup")]

    def environment(self) -> dict[str, str]:
        homes = {"CARGO_HOME": self._home("CARGO_HOME", ".cargo"), "RUSTUP_HOME": self._home("RUSTUP_HOME", ".rustup")}
        return {**homes, "CARGO_TARGET_DIR": "/tmp/tmp/target"}

    def _home(self, variable: str, folder: str) -> str:
        return os.environ.get(variable) or str(Path.home() / folder)

    def read(self, raw: Raw, mark: str) -> Report:
        return parse(bytes(raw.output).decode("utf-8", "replace"), 1 if raw.status else 0)


def parse(text: str, code: int) -> Report:
    """Read the lines of libtest, the panics of failing tests, or the first errors of the compiler."""
    report = Report()
    for match in LINE.finditer(text):
        report.outcomes[match["name"]] = OUTCOMES[match["word"]]
    for match in SECTION.finditer(text):
        name = match["name"]
        if report.outcomes.get(name) == "failed":
            report.facts[name] = {"id": name, **_panic(match["text"])}
    for name in report.of("failed"):
        report.facts.setdefault(name, {"id": name, "kind": "exception", "message": "failed"})
    if not report.outcomes:
        errors = [
            {"id": m["where"], "kind": "syntax", "message": m["message"], "where": m["where"]}
            for m in ERROR.finditer(text)
        ]
        report.collect_errors = errors[:5]
    return finished(report, code)


def _panic(text: str) -> dict[str, str]:
    found = PANIC.search(text)
    message = found["message"].strip() if found else text.strip()
    sides = {match["side"]: match["value"] for match in SIDE.finditer(message)}
    facts = {"kind": "assert" if sides else "exception", "message": message, "where": found["where"] if found else ""}
    return {**facts, "actual": sides.get("left", ""), "expected": sides.get("right", "")}
