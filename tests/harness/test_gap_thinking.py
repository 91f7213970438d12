"""`understudy gap thinking`: every arm runs against its own server with a model that calls tools."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.clients.installed import scripted_endpoint

from understudy_harness.run_commands import thinking
from understudy_harness.thinking import SERVERS, cells

pytestmark = pytest.mark.slow


def think_once(request: dict[str, Any]) -> dict[str, Any]:
    """Call the thinking tool once where it is offered, then answer 4."""
    tools = request.get("tools") or []
    if tools and request["messages"][-1]["role"] != "tool":
        function = tools[0]["function"]
        call = {"thought": "2 + 2 = 4", "thoughtNumber": 1, "totalThoughts": 2, "nextThoughtNeeded": True}
        known = {key: value for key, value in call.items() if key in function["parameters"]["properties"]}
        return {"tool_calls": [{"name": function["name"], "arguments": known}]}
    return {"content": "4"}


def test_all_arms_answer_and_each_tool_arm_meets_its_own_server(tmp_path: Path) -> None:
    samples = tmp_path / "sums.jsonl"
    rows = [{"id": f"s{n}", "prompt": f"What is {n} + {4 - n}?", "number": 4} for n in range(1, 4)]
    samples.write_text("".join(json.dumps(row) + "\n" for row in rows))
    benchmark = f"jsonl:{samples}"
    with scripted_endpoint(think_once) as (url, requests):
        words = ["--local", f"{url}#scripted", "--benchmark", benchmark, "--split", "all", "--allow-truncated"]
        words += ["--out", str(tmp_path / "out")]
        result = CliRunner().invoke(
            thinking,
            words,
        )
    assert result.exit_code == 0, result.output
    replies = [
        message["content"] for request in requests for message in request["messages"] if message["role"] == "tool"
    ]
    assert any('"thoughtNumber": 1,' in reply for reply in replies), "the reference answers pretty-printed"
    assert any('"next":"' in reply for reply in replies), "ours says what is next"
    assert any('"next"' not in reply and '"thoughtNumber":1,' in reply for reply in replies), "ours without advice"
    offered = {len(tool["function"]["parameters"]["properties"]) for r in requests for tool in r.get("tools") or []}
    assert offered >= {1, 9}, "the thought alone, and the whole tool without its session"
    for label in ("no tool", "reference", "ours", "ours without next", "thought only", "ours, driven"):
        assert label.split()[0] in result.output


def test_the_arms_differ_by_their_server_alone() -> None:
    (cell,) = cells(local="fixture:nano", benchmarks=["gsm8k"], thoughts=5, driven=True, seed=0)
    assert [(arm.kind, arm.label, arm.scaffold) for arm in cell.arms] == [
        ("L", "no tool", "Direct()"),
        ("S", "reference", "Think(mode='tool', thoughts=5, server='reference')"),
        ("S", "ours", "Think(mode='tool', thoughts=5)"),
        ("S", "ours without next", "Think(mode='tool', thoughts=5, server='plain')"),
        ("S", "thought only", "Think(mode='tool', thoughts=5, server='lite')"),
        ("S", "ours, driven", "Think(thoughts=5)"),
    ]
    assert set(SERVERS) == {"thinking", "reference", "plain", "lite"}
