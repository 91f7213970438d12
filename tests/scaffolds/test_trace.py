"""Traces as trees, files and spans; scaffolds that other packages offer."""

import json
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from understudy import Budget, Completion, Direct, Escalate, On, Retry, TokenPrice, Trace, Usage, Vote, parse
from understudy.errors import ModelRejected, SpellingError
from understudy.otel import CAPTURE, NotExported, export_spans
from understudy.spelling import known
from understudy.testing import SIMULATED, ScriptedModel, ask, context_for, scripted_tests
from understudy.tracefile import event_from, event_record, lines, load_trace, save_trace, summary

PRICE = TokenPrice(input=1.0, output=2.0)


async def traced() -> Trace:
    models = {"local": ScriptedModel(["bad"], name="ollama:small"), "cloud": ScriptedModel(["good"], name="x:large")}
    context = context_for(models, servers={"testing": scripted_tests(lambda code: "good" in code)}, price=PRICE)
    await Escalate(Direct(), On("cloud", Direct()))(SIMULATED, context)
    return context.trace


async def test_a_trace_is_printed_as_a_tree() -> None:
    shown = [line.partition(" [")[0].partition(" (")[0] for line in lines(await traced())]

    assert shown == [
        "escalate: reason the check says failed",
        "first",
        "  local ollama:small:",
        "  check: failed 0/1",
        "to",
        "  cloud x:large:",
    ]


async def test_a_trace_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    trace = await traced()

    save_trace(trace, tmp_path / "deep" / "t.jsonl", scaffold="Direct()")
    about, events = load_trace(tmp_path / "deep" / "t.jsonl")

    assert about["scaffold"] == "Direct()"
    assert events == list(trace)
    assert all(event_from(json.loads(json.dumps(event_record(event)))) == event for event in trace)


async def test_a_summary_tells_known_prices_from_unknown_ones() -> None:
    free = context_for(ScriptedModel(["a"]))
    mixed = context_for(
        ScriptedModel([Completion(text="a"), Completion(text="b", usage=Usage(input_tokens=10, output_tokens=5))]),
        price=PRICE,
        budget=Budget(),
    )

    await Direct()(ask("?"), free)
    await Vote(n=2)(ask("?"), mixed)

    assert "price unknown" in summary(free.trace.totals())
    assert "$0.0000 and 1 calls of unknown price" in summary(mixed.trace.totals())


async def test_spans_follow_the_conventions_and_keep_texts_to_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = await traced()
    plain, told = InMemorySpanExporter(), InMemorySpanExporter()

    export_spans(trace, plain)
    monkeypatch.setenv(CAPTURE, "true")
    export_spans(trace, told)

    spans = {span.name: span for span in plain.get_finished_spans()}
    assert {"solve", "first", "to", "chat ollama:small", "chat x:large", "check failed"} <= set(spans)
    chat = spans["chat ollama:small"]
    assert chat.attributes is not None
    assert chat.attributes["gen_ai.operation.name"] == "chat"
    assert chat.attributes["gen_ai.provider.name"] == "ollama"
    assert chat.attributes["gen_ai.usage.output_tokens"] == 1
    assert chat.parent is not None
    assert chat.parent.span_id == spans["first"].context.span_id
    assert [event.name for event in spans["solve"].events] == ["escalate"]
    assert not any("bad" in str(span.attributes) for span in plain.get_finished_spans())
    assert any("bad" in str(span.attributes) for span in told.get_finished_spans())


async def test_a_failed_call_is_an_error_in_tree_and_span() -> None:
    context = context_for(ScriptedModel([ModelRejected("no such model", status=404)]))
    with pytest.raises(ModelRejected):
        await Direct()(ask("?"), context)
    exporter = InMemorySpanExporter()

    export_spans(context.trace, exporter)

    assert list(lines(context.trace)) == ["generate scripted: FAILED no such model"]
    assert exporter.get_finished_spans()[0].status.status_code is StatusCode.ERROR


def test_a_package_can_offer_scaffolds_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "offered_scaffolds.py").write_text(
        "from understudy.scaffold import scaffold\n\n\n@scaffold\nclass Offered:\n    depth: int = 1\n\n"
        "    async def __call__(self, problem, context):\n        raise KeyError\n\n\nclass Plain:\n    pass\n"
    )
    info = tmp_path / "offered-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: offered\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[understudy.scaffolds]\nOffered = offered_scaffolds:Offered\nPlain = offered_scaffolds:Plain\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "offered_scaffolds", raising=False)

    assert repr(parse("Retry(Offered(2))")) == "Retry(Offered(2))"
    assert {"Offered", "Retry", "When"} <= set(known())
    with pytest.raises(SpellingError, match="is not made by `scaffold`"):
        parse("Plain()")
    assert Retry(parse("Offered(2)")) == parse("Retry(Offered(2))")


async def test_a_collector_that_takes_nothing_is_one_sentence() -> None:
    class Refusing(InMemorySpanExporter):
        def export(self, spans: object) -> SpanExportResult:
            return SpanExportResult.FAILURE

    trace = await traced()

    with pytest.raises(NotExported, match="OTEL_EXPORTER_OTLP_ENDPOINT"):
        export_spans(trace, Refusing())
