"""Vitest and jest, through reporters of ours in their main process, as the project has them installed."""

import json
from collections.abc import Sequence
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks.foreign import SUPPORT, MissingToolchain, own, program
from understudy_servers.testing.verdict.judge import Report, read_events

SHARED = "reporter_events.mjs"


class Installed:
    """A runner that lives in the project's node_modules."""

    verified = True

    def __init__(self, name: str, script: str, arguments: Sequence[str], select: str) -> None:
        self.name, self.script, self.arguments, self.select = name, script, tuple(arguments), select

    def found(self, root: Path) -> bool:
        try:
            package = json.loads((root / "package.json").read_text(encoding="utf-8"))
            known = {**package.get("devDependencies", {}), **package.get("dependencies", {})}
            script = str(package.get("scripts", {}).get("test", ""))
        except (OSError, ValueError, AttributeError, TypeError):
            return False
        return self.name in known or self.name in script

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        node = program("node", "Install Node.js 20 or newer.")
        script = root / "node_modules" / self.script
        if not script.exists():
            raise MissingToolchain(
                f"These tests need {self.name}, which is not in {root}/node_modules. Run `npm install`."
            )
        words = [self.select, "|".join(select)] if select else []
        return [node, str(script), *self.arguments, *words]

    def support(self) -> dict[str, str]:
        return own(f"{self.name}_reporter.mjs", SHARED)

    def readable(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {"NO_COLOR": "1", "CI": "1"}

    def read(self, raw: Raw, mark: str) -> Report:
        return read_events(bytes(raw.events), mark)


VITEST = Installed(
    "vitest",
    "vitest/vitest.mjs",
    ["run", "--configLoader=runner", f"--reporter={SUPPORT}/vitest_reporter.mjs", "--cache=false"],
    "-t",
)
JEST = Installed(
    "jest",
    "jest/bin/jest.js",
    [
        "--cacheDirectory=/tmp/tmp/jest",
        "--watchman=false",
        "--workerThreads=false",
        "--workerIdleMemoryLimit=1GB",  # then jest runs even a single file outside of its main process
        f"--reporters={SUPPORT}/jest_reporter.mjs",
    ],
    "-t",
)
