"""Work that takes its time: streams stay alive, tests decide, our own tools run first, a log says what it took."""

import json
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from tests.scaffolds.proxy.serving import client_of, service_of, serving

from understudy import Answer, Direct, Message, Problem, Retry, Vote
from understudy.context import ToolResult
from understudy.model import Completion, Request
from understudy.problem import Tool, ToolCall
from understudy.project import ProjectError
from understudy.proxy.inner import Inner
from understudy.testing import ScriptedModel, ScriptedServer
from understudy.tools import Tools
from understudy.trace import Event, Trace

ASKED: Any = [{"role": "user", "content": "?"}]
EDIT: Any = {
    "type": "function",
    "function": {
        "name": "edit",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


class Held:
    """A model that answers when it is let go."""

    name = "held"

    def __init__(self) -> None:
        self.go = anyio.Event()

    async def generate(self, request: Request) -> Completion:
        await self.go.wait()
        return Completion(text="at last")


@pytest.mark.parametrize("path", ["chat/completions", "responses"])
async def test_a_silent_stream_is_kept_alive_by_comments_and_by_events(path: str) -> None:
    model = Held()
    body = {"model": "x", "messages": ASKED, "input": "?", "stream": True}
    lines: list[str] = []
    service = service_of(Vote(Direct(), n=1), model)
    async with (
        serving(service, heartbeat_s=0.02, event_s=0.06) as url,
        httpx2.AsyncClient() as http,
        http.stream("POST", f"{url}/{path}", json=body) as response,
    ):
        assert response.status_code == 200
        async for line in response.aiter_lines():
            lines.append(line)
            alive = sum(line.startswith(": working") for line in lines) >= 6
            if alive and sum('"content": ""' in line or "in_progress" in line for line in lines) >= 3:
                model.go.set()
    assert any("at last" in line for line in lines)


async def test_progress_is_shown_as_thinking_where_that_is_asked_for() -> None:
    service = service_of(Vote(Direct(), n=2), ScriptedModel(["secret answer"] * 2))
    async with client_of(service, progress=True) as sdk:
        stream = await sdk.chat.completions.create(model="x", messages=ASKED, stream=True)
        deltas = [chunk.choices[0].delta async for chunk in stream if chunk.choices]
    thought = "".join((delta.model_extra or {}).get("reasoning_content", "") for delta in deltas)
    assert "vote/0 generate local scripted" in thought
    assert "secret" not in thought


def project(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    (tmp_path / "tests" / "test_calc.py").write_text(
        "from calc import add\n\ndef test_add():\n    assert add(1, 1) == 2\n"
    )
    return tmp_path


def judge(seen: list[dict[str, Any]]) -> ScriptedServer:
    def run_tests(arguments: Any) -> ToolResult:
        seen.append(dict(arguments["files"]))
        right = "a + b" in arguments["files"]["calc.py"]
        word = "passed" if right else "failed"
        return ToolResult(
            text=word, data={"verdict": word, "ok": right, "passed": int(right), "total": 1, "failures": []}
        )

    return ScriptedServer({"run_tests": run_tests})


async def test_an_answer_is_judged_by_the_projects_tests_and_a_pending_call_by_its_form(tmp_path: Path) -> None:
    root, seen = project(tmp_path), list[dict[str, Any]]()
    calls = (ToolCall(name="edit", arguments='{"path": "calc.py"}'),)
    model = ScriptedModel(["I am done.", Completion(tool_calls=calls), "Now I am."])
    service = service_of(Retry(Direct(), tries=2), model, servers={"testing": judge(seen)}, project=root)
    async with client_of(service) as sdk:
        first = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[EDIT])
        assert first.choices[0].message.tool_calls  # the tests failed, so the next try was one that works on
        (root / "calc.py").write_text("def add(a, b):\n    return a + b\n")  # what the client's tool does
        second = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[EDIT])
    assert second.choices[0].message.content == "Now I am."
    assert second.model_extra is not None
    assert second.model_extra["understudy"]["verdict"] == "passed"
    assert [set(files) for files in seen] == [{"calc.py"}] * 2


async def test_our_own_tools_run_first_and_what_they_said_comes_back_with_the_clients_result() -> None:
    lookup = ToolCall(name="lookup", arguments='{"word": "calc"}', id="own1")
    edit = ToolCall(name="edit", arguments='{"path": "calc.py"}', id="theirs")
    model = ScriptedModel([Completion(tool_calls=(lookup,)), Completion(tool_calls=(edit,)), "done"])
    schema = {"type": "object", "properties": {"word": {"type": "string"}}}
    docs = ScriptedServer({"lookup": lambda arguments: "calc adds"}, tools=(Tool(name="lookup", parameters=schema),))
    async with client_of(service_of(Tools(), model, servers={"docs": docs})) as sdk:
        first = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[EDIT])
        made = first.choices[0].message.tool_calls
        assert made is not None
        assert len(made) == 1
        assert made[0].type == "function"
        assert made[0].function.name == "edit"
        talk: Any = [
            *ASKED,
            first.choices[0].message.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": made[0].id, "content": "edited"},
        ]
        last = await sdk.chat.completions.create(model="x", messages=talk, tools=[EDIT])
    assert last.choices[0].message.content == "done"
    sent = [(m.role, m.content, [call.name for call in m.tool_calls]) for m in model.requests[2].messages]
    assert sent == [
        ("user", "?", []),
        ("assistant", "", ["lookup"]),
        ("tool", "calc adds", []),
        ("assistant", "", ["edit"]),
        ("tool", "edited", []),
    ]


async def test_an_own_call_beside_the_clients_is_run_and_remembered_too() -> None:
    lookup = ToolCall(name="lookup", arguments='{"word": "calc"}')
    edit = ToolCall(name="edit", arguments='{"path": "calc.py"}')
    model = ScriptedModel([Completion(tool_calls=(lookup, edit)), "done"])
    schema = {"type": "object", "properties": {"word": {"type": "string"}}}
    docs = ScriptedServer({"lookup": lambda arguments: "calc adds"}, tools=(Tool(name="lookup", parameters=schema),))
    async with client_of(service_of(Tools(), model, servers={"docs": docs})) as sdk:
        first = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[EDIT])
        made = first.choices[0].message.tool_calls
        assert made is not None
        result = {"role": "tool", "tool_call_id": made[0].id, "content": "edited"}
        talk: Any = [*ASKED, first.choices[0].message.model_dump(exclude_none=True), result]
        await sdk.chat.completions.create(model="x", messages=talk, tools=[EDIT])
    sent = [(m.role, m.content, [call.name for call in m.tool_calls]) for m in model.requests[1].messages]
    assert sent[1:3] == [("assistant", "", ["lookup"]), ("tool", "calc adds", [])]
    assert [names for _, _, names in sent if names] == [["lookup"], ["edit"]]


async def test_what_is_kept_of_inner_turns_is_bounded() -> None:
    inner = Inner(most=2)
    trace = Trace()
    asked = Message(role="user", content="?")
    shown = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "inner"}]
    trace.add(Event(kind="call", path="step/0", detail={"text": "said"}))
    trace.add(Event(kind="generate", path="step/1", detail={"messages": shown}))
    for number in range(4):
        answer = Answer(tool_calls=(ToolCall(name="edit", arguments="{}", id=f"c{number}"),))
        inner.keep(answer, Problem(messages=(asked,)), trace)
    turns = [
        inner.restored([Message(role="assistant", tool_calls=(ToolCall(name="edit", arguments="", id=f"c{n}"),))])
        for n in range(4)
    ]
    assert [len(turn) for turn in turns] == [1, 1, 2, 2]


async def test_the_log_says_what_was_used_and_not_what_was_said(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "usage.jsonl"
    service = service_of(Vote(Direct(), n=2), ScriptedModel(["a private answer"] * 2), log=path)
    async with client_of(service) as sdk:
        await sdk.chat.completions.create(model="x", messages=[{"role": "user", "content": "a private question"}])
    text = path.read_text()
    row = json.loads(text)
    assert "private" not in text
    assert (row["kind"], row["scaffold"], len(row["calls"])) == ("proxy", "Vote(n=2)", 2)
    assert row["calls"][0]["model"] == "scripted"
    assert row["calls"][0]["usd"] > 0
    assert path.stat().st_mode & 0o077 == 0


async def test_the_log_keeps_text_only_when_asked_and_errors_always(tmp_path: Path) -> None:
    path = tmp_path / "usage.jsonl"
    service = service_of(Direct(), ScriptedModel(["words"]), log=path, text=True)
    async with serving(service) as url, httpx2.AsyncClient() as http:
        for _ in range(2):
            await http.post(f"{url}/chat/completions", json={"messages": ASKED})
    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["asked"], first["answered"]) == ([{"role": "user", "content": "?"}], "words")
    assert second["error"] == "ModelError"
    assert second["calls"][0]["error"] is True


async def test_a_folder_without_tests_is_named(tmp_path: Path) -> None:
    (tmp_path / "calc.py").write_text("x = 1\n")
    service = service_of(
        Retry(Direct(), tries=1), ScriptedModel(["done"]), servers={"testing": judge([])}, project=tmp_path
    )
    async with serving(service) as url, httpx2.AsyncClient() as http:
        response = await http.post(f"{url}/chat/completions", json={"messages": ASKED})
    assert response.status_code == 400
    assert str(tmp_path) in response.json()["error"]["message"]
    assert issubclass(ProjectError, Exception)
