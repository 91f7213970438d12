"""One line per request in a file of one's own: what was used, never what was said, unless that is asked for.

`understudy usage` adds the lines up. Nothing of it leaves the machine.
"""

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from understudy.answer import Answer
from understudy.proxy.asked import Asked
from understudy.scaffold import Scaffold
from understudy.trace import Event, Trace


def default_path() -> Path:
    """Where the log is unless another file is named."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "understudy" / "usage.jsonl"


class Log:
    """Appends lines to a file that only its owner may read."""

    def __init__(
        self, path: Path, *, text: bool = False, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """Make the folder and the file.

        Args:
            path: The file.
            text: Also keep what was asked and answered.
            now: The clock.

        Raises:
            OSError: The file cannot be made.
        """
        self.path, self._text, self._now = path, text, now
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600))

    def write(
        self,
        asked: Asked,
        scaffold: Scaffold,
        trace: Trace,
        answer: Answer,
        *,
        id: str,
        seconds: float,
        error: str = "",
    ) -> None:
        """Append a request."""
        row: dict[str, Any] = {
            "kind": "proxy",
            "time": self._now().isoformat(timespec="seconds"),
            "id": id,
            "scaffold": repr(scaffold),
            "seconds": round(seconds, 3),
            "calls": [call_record(event) for event in trace if event.kind == "generate"],
        }
        if error:
            row["error"] = error
        if answer.verdict is not None:
            row["verdict"] = answer.verdict.word
        if answer.stopped is not None:
            row["stopped"] = answer.stopped
        if answer.tool_calls:
            row["tool_calls"] = len(answer.tool_calls)
        if self._text:
            row["asked"] = [{"role": message.role, "content": message.content} for message in asked.messages]
            row["answered"] = answer.text
        line = json.dumps(row, ensure_ascii=False) + "\n"
        with self.path.open("ab") as file:  # one write per line, so that two proxies may share the file
            file.write(line.encode("utf-8", "replace"))


def call_record(event: Event) -> dict[str, Any]:
    """What a call used, as it stands in a line of the log."""
    row: dict[str, Any] = {"role": event.role, "model": event.name, "seconds": round(event.seconds, 3)}
    if event.error is not None:
        return {**row, "error": True}
    if event.usage is not None:
        row |= {"input": event.usage.input_tokens, "output": event.usage.output_tokens}
        row["cached"] = event.usage.cache_read_tokens
    row["usd"] = event.usd
    return row
