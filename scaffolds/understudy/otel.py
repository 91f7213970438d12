"""A trace as OpenTelemetry spans, by the GenAI semantic conventions (https://opentelemetry.io/docs/specs/semconv/gen-ai/).

Spans are made after the fact, with the times at which things happened. Texts are left out unless the standard variable
OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT is true. Needs the extra `otel`; nothing else imports this module.
"""

import json
import logging
import os
import time
from collections.abc import Mapping
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from understudy.errors import UnderstudyError
from understudy.trace import Event, Trace
from understudy.tracefile import Node, tree

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
SECOND = 1_000_000_000  # nanoseconds
TIMEOUT_S = 5  # of sending, all tries together


def export_spans(trace: Trace, exporter: SpanExporter | None = None) -> None:
    """Send a trace to a collector, by default the one that the OTEL_* variables name (http://localhost:4318).

    Raises:
        NotExported: The collector did not take it.
    """
    target = exporter or OTLPSpanExporter(timeout=TIMEOUT_S)
    provider, ended = TracerProvider(), Ended()
    provider.add_span_processor(ended)
    began = time.time() - trace.now()
    tracer = provider.get_tracer("understudy")
    root = tree(trace)
    root.name = "solve"
    _node(tracer, root, began, otel_context.Context())
    quiet = logging.getLogger("opentelemetry")
    level = quiet.level
    quiet.setLevel(logging.CRITICAL)  # the SDK logs every try of its own; one sentence says what came of them
    try:
        result = target.export(ended.spans)
    finally:
        quiet.setLevel(level)
    if result is not SpanExportResult.SUCCESS:
        raise NotExported("The OpenTelemetry collector did not take the trace. Check OTEL_EXPORTER_OTLP_ENDPOINT.")


class NotExported(UnderstudyError):
    """The collector did not take the spans."""


class Ended(SpanProcessor):
    """Collects spans as they end, so that they travel in one request."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self.spans.append(span)


def _node(tracer: otel.Tracer, node: Node, began: float, parent: otel_context.Context) -> tuple[float, float]:
    """Make the span of a step and of all inside it; return when it began and ended, in seconds of the trace."""
    events = list(_all(node))
    start = min((event.at_s for event in events), default=0.0)
    end = max((event.at_s + event.seconds for event in events), default=start)
    span = tracer.start_span(node.name, context=parent, start_time=_at(began, start))
    here = otel.set_span_in_context(span, parent)
    for event in node.events:
        _event(tracer, event, began, here, span)
    for inside in node.inside.values():
        _node(tracer, inside, began, here)
    span.end(_at(began, end))
    return start, end


def _event(tracer: otel.Tracer, event: Event, began: float, here: otel_context.Context, step: otel.Span) -> None:
    if event.kind == "note":
        told = {key: str(value) for key, value in event.detail.items()}
        step.add_event(event.name, told, timestamp=_at(began, event.at_s))
        return
    kind = otel.SpanKind.CLIENT if event.kind == "generate" else otel.SpanKind.INTERNAL
    span = tracer.start_span(_name(event), context=here, kind=kind, start_time=_at(began, event.at_s))
    span.set_attributes(_attributes(event))
    if event.error is not None:
        span.set_status(otel.Status(otel.StatusCode.ERROR, event.error))
    span.end(_at(began, event.at_s + event.seconds))


def _name(event: Event) -> str:
    verb = {"generate": "chat", "call": "execute_tool", "check": "check"}[event.kind]
    return f"{verb} {event.name}"


def _attributes(event: Event) -> Mapping[str, Any]:
    known: dict[str, Any] = {"understudy.path": event.path, "understudy.role": event.role}
    if event.kind == "check":
        known |= {"understudy.verdict": event.name, "understudy.accepted": bool(event.detail.get("accepted"))}
    elif event.kind == "call":
        known |= {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": event.name}
    else:
        known |= _of_call(event)
    return {key: value for key, value in known.items() if value not in (None, "")}


def _of_call(event: Event) -> dict[str, Any]:
    usage, detail = event.usage, event.detail
    known: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": event.name.partition(":")[0],
        "gen_ai.request.model": event.name,
        "gen_ai.request.temperature": detail.get("temperature"),
        "gen_ai.response.finish_reasons": [str(detail["finish"])] if "finish" in detail else None,
        "understudy.usd": event.usd,
        "understudy.cached": event.cached,
    }
    if usage is not None:
        known |= {
            "gen_ai.usage.input_tokens": usage.input_tokens,
            "gen_ai.usage.output_tokens": usage.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens,
        }
    if os.environ.get(CAPTURE, "").lower() == "true":
        known |= {
            "gen_ai.input.messages": json.dumps(detail.get("messages", []), ensure_ascii=False),
            "gen_ai.output.messages": str(detail.get("text", "")),
        }
    return known


def _all(node: Node) -> Any:
    yield from node.events
    for inside in node.inside.values():
        yield from _all(inside)


def _at(began: float, seconds: float) -> int:
    return int((began + seconds) * SECOND)
