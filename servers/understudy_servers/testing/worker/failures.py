"""What a failure was, in facts that a small model can use: the call, expected, actual, and the line of its own code."""

import os
from collections.abc import Mapping
from types import FrameType, TracebackType
from typing import Any

from understudy_servers.testing.worker.events import MESSAGE, PLACE, VALUE, short, show

Frame = tuple[str, int, str, FrameType]  # path relative to the root, line, function, the frame itself


class Sources:
    """Where the root is, which files are the candidate's, and the text of the files for quoting."""

    def __init__(self, root: str, tests: list[str], candidate: list[str]) -> None:
        self.root = os.path.realpath(root) + os.sep
        self.tests, self.candidate = set(tests), set(candidate)
        self.lines: dict[str, list[str]] = {}

    def relative(self, path: str) -> str | None:
        full = path if path.startswith(self.root) else os.path.realpath(path)
        inside = full.startswith(self.root) and f"{os.sep}site-packages{os.sep}" not in full
        return full[len(self.root) :] if inside else None

    def line(self, path: str, number: int) -> str:
        if path not in self.lines:
            try:
                with open(self.root + path, encoding="utf-8", errors="replace") as stream:
                    self.lines[path] = stream.read(1 << 20).splitlines()
            except OSError:
                self.lines[path] = []
        lines = self.lines[path]
        return lines[number - 1].strip() if 0 < number <= len(lines) else ""

    def segment(self, path: str, span: tuple[int, int, int, int] | None) -> str:
        """The source between two places; columns count bytes, as in `ast`."""
        if span is None:
            return ""
        self.line(path, 1)
        first, start, last, end = span
        lines = [line.encode() for line in self.lines[path][first - 1 : last]]
        if not lines:
            return ""
        lines[-1] = lines[-1][:end]
        lines[0] = lines[0][start:]
        return " ".join(line.decode(errors="replace").strip() for line in lines)

    def is_candidate(self, path: str) -> bool:
        return path in self.candidate if self.candidate else path not in self.tests


def describe(error: BaseException, sources: Sources) -> dict[str, Any]:
    """The facts of one failure, every text clipped and clean, whatever the error does when it is looked at."""
    try:
        return _described(error, sources)
    except BaseException as second:
        words = f"{type(error).__name__}, which cannot be shown: looking at it raises {type(second).__name__}"
        empty = dict.fromkeys(("call", "expected", "actual", "where", "code"), "")
        return {"kind": "exception", **empty, "message": short(words, MESSAGE)}


def _described(error: BaseException, sources: Sources) -> dict[str, Any]:
    frames = _frames(error.__traceback__, sources)
    facts = _asserted(error, frames, sources)
    kind = "assert" if isinstance(error, AssertionError) else "exception"
    if isinstance(error, SyntaxError) and not isinstance(error, AssertionError):
        kind = "syntax"
    elif isinstance(error, ImportError):
        kind = "import"
    return {"kind": kind, **facts, **_place(error, frames, sources), "message": _message(error, facts)}


def _frames(traceback: TracebackType | None, sources: Sources) -> list[Frame]:
    frames: list[Frame] = []
    while traceback is not None and len(frames) < 2000:
        code = traceback.tb_frame.f_code
        path = sources.relative(code.co_filename)
        if path is not None:
            frames.append((path, traceback.tb_lineno, code.co_name, traceback.tb_frame))
        elif code.co_name.startswith("assert") and code.co_filename.endswith("unittest/case.py"):
            frames.append(("", traceback.tb_lineno, code.co_name, traceback.tb_frame))
        traceback = traceback.tb_next
    return frames


def _asserted(error: BaseException, frames: list[Frame], sources: Sources) -> dict[str, str]:
    known = getattr(error, "facts", None)
    own = [frame for frame in frames if frame[0]]
    if isinstance(known, dict) and own:
        path, _, _, frame = own[-1]
        call = sources.segment(path, known.get("call")) or sources.segment(path, known.get("whole"))
        return {
            "call": short(_with_values(call, frame), VALUE),
            "expected": short(known.get("expected", ""), VALUE),
            "actual": short(known.get("actual", ""), VALUE),
            "short": short(known.get("short", ""), VALUE),
        }
    for path, _, _, frame in frames:
        if not path and {"first", "second"} <= frame.f_locals.keys():
            first, second = show(frame.f_locals["first"]), show(frame.f_locals["second"])
            return {"call": _test_line(own, sources), "expected": second, "actual": first, "short": ""}
    return {"call": _test_line(own, sources), "expected": "", "actual": "", "short": ""}


def _test_line(frames: list[Frame], sources: Sources) -> str:
    """The last line of the tests themselves, which holds the call that raised."""
    for path, line, _, _ in reversed(frames):
        if path in sources.tests:
            return short(sources.line(path, line), VALUE)
    return ""


def _with_values(call: str, frame: FrameType) -> str:
    """Append the values of plain variables in a call: `add(a, b) with a = 2, b = 3`."""
    inside = call.partition("(")[2]
    words = dict.fromkeys("".join(c if c.isidentifier() or c.isdigit() else " " for c in inside).split())
    values = [f"{word} = {show(frame.f_locals[word], 60)}" for word in words if _plain(word, frame.f_locals)]
    return f"{call} with {', '.join(values[:4])}" if values else call


def _plain(word: str, scope: Mapping[str, Any]) -> bool:
    plain = (bool, int, float, str, bytes, list, tuple, dict, set, type(None))
    return word in scope and isinstance(scope[word], plain) and not word.startswith("@")


def _place(error: BaseException, frames: list[Frame], sources: Sources) -> dict[str, str]:
    if isinstance(error, SyntaxError) and error.filename:
        path = sources.relative(error.filename) or error.filename
        return {"where": short(f"{path}:{error.lineno}", PLACE), "code": short((error.text or "").strip(), PLACE)}
    own = [frame for frame in frames if frame[0]]
    chosen = next((frame for frame in reversed(own) if sources.is_candidate(frame[0])), own[-1] if own else None)
    if chosen is None:
        return {"where": "", "code": ""}
    path, line, name, _ = chosen
    return {"where": short(f"{path}:{line} in {name}", PLACE), "code": short(sources.line(path, line), PLACE)}


def _message(error: BaseException, facts: Mapping[str, str]) -> str:
    try:
        text = str(error)
    except BaseException as second:
        text = f"<its text raises {type(second).__name__}>"
    if isinstance(error, AssertionError):
        shown = f"assert {facts['short']}" if facts["short"] else ""
        return short(": ".join(part for part in (text, shown) if part) or "assertion failed", MESSAGE)
    notes = "; ".join(str(note) for note in getattr(error, "__notes__", ())[:2])
    return short(f"{type(error).__name__}: {text}{' (' + notes + ')' if notes else ''}".removesuffix(": "), MESSAGE)
