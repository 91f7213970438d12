"""A trace as a file, and as a tree of lines: who was asked what, what it cost, what the check said."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from understudy.errors import UnderstudyError
from understudy.model import Usage
from understudy.trace import Event, Totals, Trace

FORMAT = "understudy trace 1"


class TraceError(UnderstudyError):
    """The file is no trace."""


@dataclass(kw_only=True)
class Node:
    """A step of a scaffold: its events, and the steps inside it, in the order in which they began."""

    name: str
    events: list[Event] = field(default_factory=list)
    inside: dict[str, "Node"] = field(default_factory=dict)


def save_trace(trace: Trace, path: Path, **about: Any) -> None:
    """Write a trace as JSON lines: a header (`about`: the scaffold, the problem …), then an event a line."""
    rows = [json.dumps({"format": FORMAT, "seconds": trace.now(), **about}, ensure_ascii=False)]
    rows += [json.dumps(event_record(event), ensure_ascii=False) for event in trace]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n", encoding="utf-8", errors="replace")


def load_trace(path: Path) -> tuple[Mapping[str, Any], list[Event]]:
    """Read a trace back.

    Raises:
        TraceError: The file cannot be read, or is no trace.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        header, *rows = (json.loads(line) for line in lines)
        if header.get("format") != FORMAT:
            raise ValueError("it does not begin as one")
        return header, [event_from(row) for row in rows]
    except OSError as error:
        raise TraceError(f"{str(path)!r} cannot be read: {error.strerror}.") from None
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise TraceError(
            f"{str(path)!r} is no trace ({error}). `understudy solve --save-trace FILE` writes one."
        ) from None


def event_record(event: Event) -> dict[str, Any]:
    """An event as JSON data; what is at its default is left out."""
    record: dict[str, Any] = {}
    for spec in fields(event):
        value = getattr(event, spec.name)
        if value != spec.default and value != {}:
            record[spec.name] = asdict(value) if isinstance(value, Usage) else value
    return record


def event_from(record: Mapping[str, Any]) -> Event:
    """Read an event back."""
    known = {spec.name for spec in fields(Event)}
    values = {key: value for key, value in record.items() if key in known}
    if values.get("usage") is not None:
        values["usage"] = Usage(**values["usage"])
    return Event(**{"kind": "note", "path": "", **values})


def tree(events: Iterable[Event]) -> Node:
    """Arrange events by their paths."""
    root = Node(name="")
    for event in sorted(events, key=lambda event: event.at_s):
        node = root
        for step in filter(None, event.path.split("/")):
            node = node.inside.setdefault(step, Node(name=step))
        node.events.append(event)
    return root


def lines(events: Iterable[Event]) -> Iterator[str]:
    """A trace as indented lines."""
    yield from _lines(tree(events), 0)


def _lines(node: Node, depth: int) -> Iterator[str]:
    if node.name:
        yield f"{'  ' * depth}{node.name}"
        depth += 1
    for event in node.events:
        yield f"{'  ' * depth}{describe(event)}"
    for inside in node.inside.values():
        yield from _lines(inside, depth)


def describe(event: Event) -> str:
    """An event in a line: what happened, how long it took, what it used."""
    if event.error is not None:
        return f"{event.kind} {event.name}: FAILED {one_line(event.error)}"
    if event.kind == "generate":
        return f"{event.role} {event.name}: {_used(event)} {one_line(event.detail.get('text', ''))}".rstrip()
    if event.kind == "check":
        counts = f" {event.detail['passed']}/{event.detail['total']}" if event.detail.get("total") else ""
        changes = "".join(
            f", {word} {', '.join(map(_test, event.detail[word]))}"
            for word in ("fixed", "broke")
            if event.detail.get(word)
        )
        return f"check: {event.name}{counts}{changes} ({event.seconds:.2f} s)"
    if event.kind == "call":
        return f"{event.name}: {one_line(event.detail.get('text', ''))} ({event.seconds:.2f} s)"
    told = "; ".join(f"{key} {one_line(str(value))}" for key, value in event.detail.items())
    return f"{event.name}{': ' if told else ''}{told}"


def summary(totals: Totals) -> str:
    """What a trace adds up to, in a sentence."""
    parts = [f"{totals.calls} calls", f"{totals.input_tokens} tokens in, {totals.output_tokens} out"]
    if totals.cached:
        parts.append(f"{totals.cached} from an earlier run")
    if totals.checks:
        parts.append(f"{totals.checks} checks")
    priced = totals.calls - totals.unpriced
    if priced:
        parts.append(
            f"${totals.usd:.4f}" + (f" and {totals.unpriced} calls of unknown price" if totals.unpriced else "")
        )
    elif totals.calls:
        parts.append("price unknown")
    parts.append(f"{totals.seconds:.1f} s")
    return ", ".join(parts)


def one_line(text: str, length: int = 100) -> str:
    """The beginning of a text on one line."""
    line = " ".join(text[: 4 * length].split())
    return line if len(line) <= length else line[: length - 1] + "…"


def _used(event: Event) -> str:
    usage = event.usage
    known = usage is not None and usage.input_tokens is not None
    tokens = f"{usage.input_tokens}+{usage.output_tokens} tokens" if known and usage is not None else "tokens unknown"
    price = f"${event.usd:.5f}" if event.usd is not None else "unpriced"
    return f"[{tokens}, {price}, {event.seconds:.2f} s{', kept' if event.cached else ''}]"


def _test(name: str) -> str:
    return name.rpartition("::")[2] or name
