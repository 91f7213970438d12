"""Malformed calls are read as meant, or refused in one line; the process and the notebook survive them all."""

from typing import Any

import pytest
from tests.servers.thinking.malformed import CASES, NAMES, THOUGHTLESS, T
from tests.servers.thinking.wire import OURS, served

from understudy_servers.repair import Shape, repair
from understudy_servers.thinking.thought import Draft, NoThought, drafted
from understudy_servers.thinking.tool import INPUT_SCHEMA, NAME, SPELLING

SHAPE = Shape(NAME, INPUT_SCHEMA, SPELLING)


@pytest.mark.parametrize(("sent", "meant"), CASES.values(), ids=CASES.keys())
def test_a_malformed_call_is_read_as_it_was_meant(sent: Any, meant: Draft) -> None:
    assert drafted(repair(SHAPE, sent)) == meant


@pytest.mark.parametrize("sent", [case for case in THOUGHTLESS.values() if case is not ...])
def test_a_call_without_a_thought_is_refused(sent: Any) -> None:
    with pytest.raises(NoThought):
        drafted(repair(SHAPE, sent))


def test_on_the_wire_no_malformed_call_is_a_protocol_error_or_ends_the_process() -> None:
    with served([*OURS, "--no-rollover"]) as wire:
        for count, (name, (sent, meant)) in enumerate(CASES.items(), start=1):
            result = wire.call(sent)
            assert not result.get("isError"), name
            assert result["structuredContent"]["thoughtHistoryLength"] == count
            assert meant.number in (None, result["structuredContent"]["thoughtNumber"]), name
        for name in NAMES:
            assert wire.call({"thought": T}, name=name)["structuredContent"]["thoughtHistoryLength"] > len(CASES), name
        for sent in THOUGHTLESS.values():
            params = {"name": NAME} if sent is ... else {"name": NAME, "arguments": sent}
            result = wire.ask("tools/call", params)["result"]
            assert result["isError"]
            text = result["content"][0]["text"]
            assert len(text) < 160
            assert '{"thought": ' in text
        kept = wire.call({"thought": "still here"})["structuredContent"]["thoughtHistoryLength"]
        assert kept == len(CASES) + len(NAMES) + 1


def test_another_tool_is_refused_with_the_name_of_the_right_one() -> None:
    with served(OURS) as wire:
        result = wire.call({}, name="run_tests")
        assert result["isError"]
        assert result["content"][0]["text"] == "No tool 'run_tests' here. Call sequentialthinking."
