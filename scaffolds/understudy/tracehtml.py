"""A trace as one HTML file that needs nothing else and asks nobody. Everything in it that a model wrote is escaped."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from understudy.trace import Event, Trace
from understudy.tracefile import Node, describe, summary, tree

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --good: #1a7f37; --bad: #b3261e; --soft: #8881; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; } code, pre { font: 13px/1.45 ui-monospace, monospace; }
details { border-left: 2px solid var(--line); margin: .3rem 0 .3rem .4rem; padding-left: .7rem; }
summary { cursor: pointer; } summary code { overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: var(--soft); padding: .6rem; border-radius: 6px; }
.step { font-weight: 600; } .good { color: var(--good); } .bad { color: var(--bad); } .who { opacity: .7; }
""".strip()

_SAFE = "default-src 'none'; style-src 'unsafe-inline'"


def trace_html(about: Mapping[str, Any], events: Sequence[Event]) -> str:
    """Render a trace: a tree of steps that open to what was asked and answered."""
    whole = Trace()
    whole.events = list(events)
    title = str(about.get("scaffold") or "Trace")
    facts = "".join(
        f"<p><span class=who>{escape(key)}</span> {escape(str(value))}</p>"
        for key, value in about.items()
        if key not in ("format", "scaffold", "seconds")
    )
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_SAFE}">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{escape(title)}</title>\n'
        f"<style>{_STYLE}</style></head><body>\n<h1><code>{escape(title)}</code></h1>\n"
        f"<p>{escape(summary(whole.totals(seconds=float(about.get('seconds') or 0.0))))}</p>\n{facts}\n"
        f"{_node(tree(events))}\n</body></html>\n"
    )


def _node(node: Node) -> str:
    inside = "".join(_event(event) for event in node.events) + "".join(_node(step) for step in node.inside.values())
    if not node.name:
        return inside
    return f"<details open><summary class=step>{escape(node.name)}</summary>{inside}</details>\n"


def _event(event: Event) -> str:
    kind = "bad" if event.error or event.detail.get("accepted") is False else "good" if event.kind == "check" else ""
    body = "".join(_parts(event))
    line = f'<code class="{kind}">{escape(describe(event))}</code>'
    return f"<details><summary>{line}</summary>{body}</details>\n" if body else f"<p>{line}</p>\n"


def _parts(event: Event) -> list[str]:
    detail = event.detail
    parts = [
        f"<p class=who>{escape(str(message.get('role', '')))}</p>{_pre(message)}"
        for message in detail.get("messages", ())
    ]
    texts = {
        name: str(detail[name]) for name in ("reasoning", "text", "feedback", "reason", "fault") if detail.get(name)
    }
    texts |= {name: _json(detail[name]) for name in ("tool_calls", "arguments") if detail.get(name)}
    parts += [
        f"<p class=who>{'answer' if name == 'text' else name}</p><pre>{escape(text)}</pre>"
        for name, text in texts.items()
    ]
    if event.error:
        parts.append(f"<pre class=bad>{escape(event.error)}</pre>")
    return parts


def _pre(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls")
    return f"<pre>{escape(str(message.get('content', '')))}{escape(_json(calls)) if calls else ''}</pre>"


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
