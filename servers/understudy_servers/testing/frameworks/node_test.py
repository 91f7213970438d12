"""node:test, through a reporter of ours in the main process, which loads no test file."""

import json
from collections.abc import Sequence
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks.foreign import SUPPORT, own, program
from understudy_servers.testing.frameworks.javascript import SHARED
from understudy_servers.testing.verdict.judge import Report, read_events


class NodeTest:
    """Node's own test runner, version 20 or newer."""

    name = "node:test"
    verified = True

    def found(self, root: Path) -> bool:
        try:
            script = json.loads((root / "package.json").read_text(encoding="utf-8")).get("scripts", {}).get("test", "")
        except (OSError, ValueError, AttributeError):
            return False
        return "node --test" in str(script) or "node:test" in str(script)

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        node = program("node", "Install Node.js 20 or newer.")
        names = [argument for word in select or () for argument in ("--test-name-pattern", word)]
        ours = (f"--import={SUPPORT}/node_guard.mjs", f"--test-reporter={SUPPORT}/node_reporter.mjs")
        return [node, *ours, "--test", *names]

    def support(self) -> dict[str, str]:
        return own("node_reporter.mjs", "node_guard.mjs", SHARED)

    def readable(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {"NO_COLOR": "1"}

    def read(self, raw: Raw, mark: str) -> Report:
        return read_events(bytes(raw.events), mark)
