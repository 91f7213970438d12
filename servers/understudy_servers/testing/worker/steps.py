"""Watch the candidate's lines run: which ones (coverage), or the first and last steps with what changed (a trace)."""

import sys
from collections import deque
from types import FrameType
from typing import Any

from understudy_servers.testing.worker.events import short, show
from understudy_servers.testing.worker.failures import Sources

FIRST, LAST, VALUE = 8, 12, 80
MAX_LOCALS = 8


class Coverage:
    """The lines of the candidate's files that ran."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.lines: dict[str, set[int]] = {}
        self._paths: dict[str, str | None] = {}

    def start(self) -> None:
        sys.settrace(self._enter)

    def stop(self) -> None:
        sys.settrace(None)

    def facts(self) -> dict[str, Any]:
        """What ran, for the report."""
        return {"lines": {path: sorted(lines) for path, lines in self.lines.items()}}

    def path_of(self, frame: FrameType) -> str | None:
        """The file of a frame relative to the root, or None where it is not the candidate's."""
        name = frame.f_code.co_filename
        if name not in self._paths:
            path = self.sources.relative(name)
            self._paths[name] = path if path is not None and self.sources.is_candidate(path) else None
        return self._paths[name]

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        path = self.path_of(frame)
        if path is None:
            return None
        lines = self.lines.setdefault(path, set())
        lines.add(frame.f_lineno)

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            lines.add(frame.f_lineno)
            return line

        return line


class Trace(Coverage):
    """The first and the last steps in the candidate's code, each with the variables that it changed."""

    def __init__(self, sources: Sources) -> None:
        super().__init__(sources)
        self.first: list[str] = []
        self.last: deque[str] = deque(maxlen=LAST)
        self.count = 0
        self._known: dict[int, dict[str, str]] = {}
        self.locals: dict[str, str] = {}

    def _enter(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.path_of(frame) is None or frame.f_code.co_name == "<module>":
            return None
        self._note(frame, "call", None)
        return self._step

    def _step(self, frame: FrameType, event: str, argument: Any) -> Any:
        self._note(frame, event, argument)
        return self._step

    def _note(self, frame: FrameType, event: str, argument: Any) -> None:
        path = self.path_of(frame)
        assert path is not None
        now = {name: show(value, VALUE) for name, value in list(frame.f_locals.items())[:MAX_LOCALS]}
        before = self._known.get(id(frame), {})
        changed = ", ".join(f"{name} = {value}" for name, value in now.items() if before.get(name) != value)
        self._known[id(frame)] = now
        self.locals = now
        if event == "return":
            self._known.pop(id(frame), None)
            text = f"{path}:{frame.f_lineno} {frame.f_code.co_name} returns {show(argument, VALUE)}"
        elif event == "exception":
            text = f"{path}:{frame.f_lineno} raises {show(argument[1], VALUE)}"
        else:
            text = f"{path}:{frame.f_lineno} {short(self.sources.line(path, frame.f_lineno), VALUE)}"
        self._keep(f"{text}  [{changed}]" if changed else text)

    def _keep(self, step: str) -> None:
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(step)
        else:
            self.last.append(step)

    def facts(self) -> dict[str, Any]:
        """What an explanation needs, bounded."""
        omitted = self.count - len(self.first) - len(self.last)
        gap = [f"… {omitted} steps …"] if omitted > 0 else []
        return {"steps": [*self.first, *gap, *self.last], "locals": self.locals, "count": self.count}
