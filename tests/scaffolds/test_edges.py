"""The edges: settings that cannot be meant, forms that are refused, replies that decide nothing."""

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from understudy import (
    Answer,
    BestOf,
    Completion,
    Direct,
    Docs,
    Escalate,
    Form,
    MapReduce,
    On,
    Plan,
    Program,
    Repair,
    Reply,
    Retry,
    Scaffold,
    SelfRefine,
    Think,
    Tool,
    ToolCall,
    Tools,
    Vote,
)
from understudy.checks import check_form
from understudy.context import ToolResult
from understudy.errors import BudgetExceeded, MissingCheck, ServerError
from understudy.project import read_project
from understudy.schema import argument_fault, schema_fault
from understudy.testing import ScriptedModel, ScriptedServer, ask, context_for, verdict_word

CLOCK = Tool(
    name="clock",
    parameters={"type": "object", "properties": {"zone": {"type": "string"}}, "required": ["zone"]},
)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda: Direct(temperature=-1.0), "negative", id="temperature"),
        pytest.param(lambda: Retry(tries=0), "at least 1 try", id="tries"),
        pytest.param(lambda: Retry(stale=-1), "stale", id="stale"),
        pytest.param(lambda: Vote(n=0), "at least 1", id="votes"),
        pytest.param(lambda: BestOf(n=0), "at least 1", id="draws"),
        pytest.param(lambda: Escalate(Direct(), Direct(), agreement=1.5), "from 0 to 1", id="agreement"),
        pytest.param(lambda: Plan(rounds=0), "at least 1 round", id="rounds"),
        pytest.param(lambda: SelfRefine(rounds=0), "at least 1 round", id="refinements"),
        pytest.param(lambda: MapReduce(part=10, overlap=10), "overlap", id="overlap"),
        pytest.param(lambda: Think(thoughts=0), "at least 1 thought", id="thoughts"),
        pytest.param(lambda: Tools(steps=0), "at least 1 step", id="steps"),
        pytest.param(lambda: Program(tries=0), "at least 1 try", id="programs"),
        pytest.param(lambda: Repair(asks=-1), "0 or more", id="asks"),
        pytest.param(lambda: Docs(snippets=0), "at least 1", id="snippets"),
        pytest.param(lambda: Docs(Vote(), mode="tools"), "no inner scaffold", id="docs as tools"),
        pytest.param(lambda: On("cloud", "x"), "a scaffold for 'inner'", id="text for a scaffold"),  # type: ignore[arg-type]
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused_when_the_scaffold_is_made(
    make: Callable[[], Scaffold], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def call(arguments: str, name: str = "clock") -> Answer:
    return Answer(tool_calls=(ToolCall(name=name, arguments=arguments),))


@pytest.mark.parametrize(
    ("answer", "reply", "words"),
    [
        pytest.param(Answer(text=" "), "text", "empty", id="empty"),
        pytest.param(Answer(text="x", complete=False), "text", "cut off", id="cut off"),
        pytest.param(Answer(text="x"), "code", "no code", id="no code"),
        pytest.param(Answer(text="x"), "value", "no value", id="no value"),
        pytest.param(call("{}"), "calls", "'zone' is a required property", id="missing argument"),
        pytest.param(call('{"zone": 1}'), "calls", "is not of type 'string'", id="wrong type"),
        pytest.param(call("{}", "watch"), "calls", "no function 'watch'. Call one of: clock", id="unknown function"),
        pytest.param(call('{"zone": "UTC"}'), "calls", "", id="a call that fits"),
    ],
)
def test_the_form_of_an_answer_is_checked_by_pure_code(answer: Answer, reply: str, words: str) -> None:
    problem = replace(ask("?"), tools=(CLOCK,), reply=Reply(kind=reply))  # type: ignore[arg-type]

    verdict = check_form(Form(), problem, answer)

    assert verdict.accepted == (not words)
    assert words in verdict.feedback
    assert verdict_word(Answer(verdict=verdict)) == ("malformed" if words else "passed")


def test_a_required_call_is_missed() -> None:
    problem = replace(ask("?"), tools=(CLOCK,))
    required = replace(problem, options=replace(problem.options, tool_choice="required"))

    assert check_form(Form(), problem, Answer(text="x")).accepted
    assert "call is required" in check_form(Form(), required, Answer(text="x")).feedback


def test_a_schema_that_cannot_be_used_refuses_nothing_and_fetches_nothing() -> None:
    assert schema_fault({"a": 1}, {"type": "no such type"}) is None
    assert schema_fault({"a": 1}, {"$ref": "http://127.0.0.1:9/schema.json"}) is None
    assert argument_fault("", {}) is None
    assert argument_fault("[1]", {}) is not None


async def test_a_call_in_the_text_that_cannot_be_read_is_explained_to_the_model() -> None:
    server = ScriptedServer({"clock": lambda arguments: "noon"}, tools=[CLOCK])
    model = ScriptedModel(['<tool_call>{"name": "clock", "arguments": {"zone": </tool_call>', "It is noon."])

    answer = await Tools()(ask("?"), context_for(model, servers={"clock": server}))

    assert answer.text == "It is noon."
    assert server.calls == []
    assert "cannot be read" in model.requests[1].messages[-1].content


async def test_rounds_of_calls_end_in_one_last_request() -> None:
    server = ScriptedServer({"clock": lambda arguments: "noon"}, tools=[CLOCK])
    zones = iter("abcdefgh")

    def reply(request):  # type: ignore[no-untyped-def]
        if request.options.tool_choice == "none":
            return "Enough."
        return Completion(tool_calls=(ToolCall(name="clock", arguments=f'{{"zone": "{next(zones)}"}}', id="1"),))

    answer = await Tools(steps=3)(ask("?"), context_for(ScriptedModel(reply), servers={"clock": server}))

    assert (answer.text, answer.stopped) == ("Enough.", "steps")
    assert len(server.calls) == 3


async def test_documentation_can_be_offered_as_tools() -> None:
    docs = ScriptedServer({"query-docs": lambda arguments: "timeout = 12"})
    calling = Completion(tool_calls=(ToolCall(name="query-docs", arguments='{"query": "timeout"}', id="1"),))

    answer = await Docs(mode="tools")(ask("?"), context_for(ScriptedModel([calling, "12"]), servers={"docs": docs}))

    assert answer.text == "12"


async def test_an_error_of_a_tool_is_what_the_model_reads() -> None:
    server = ScriptedServer({"clock": lambda arguments: ToolResult(text="no such zone", is_error=True)}, tools=[CLOCK])
    calling = Completion(tool_calls=(ToolCall(name="clock", arguments='{"zone": "?"}', id="1"),))
    model = ScriptedModel([calling, "Sorry."])

    await Tools()(ask("?"), context_for(model, servers={"clock": server}))

    assert model.requests[1].messages[-1].content == "no such zone"


async def test_a_program_for_code_without_a_check_refuses_at_once() -> None:
    with pytest.raises(MissingCheck, match="Program needs a check"):
        await Program()(ask("?", reply=Reply(kind="code")), context_for(ScriptedModel([])))


async def test_an_empty_thought_asks_for_the_answer() -> None:
    notebook = ScriptedServer({"sequentialthinking": lambda arguments: {"hintKind": "runaway"}})
    model = ScriptedModel(["", "Answer: 1", "a thought", "Answer: 2"])

    first = await Think()(ask("?"), context_for(model, servers={"thinking": notebook}))
    second = await Think()(ask("?"), context_for(model, servers={"thinking": notebook}))

    assert (first.text, second.text) == ("1", "2")
    assert len(notebook.calls) == 1


def test_errors_keep_their_facts_when_they_travel_between_processes() -> None:

    for error in (
        MissingCheck("Retry", ", or else"),
        BudgetExceeded(kind="usd", spent=1, reserved=0, asked=2, cap=2),
        ServerError("down", server="docs"),
    ):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), str(error))


def test_a_project_without_git_leaves_out_what_is_hidden_or_built(tmp_path) -> None:  # type: ignore[no-untyped-def]
    for name in ("a.py", "tests/test_a.py", ".secret", ".venv/x.py", "node_modules/y.js", "__pycache__/z.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "big.txt").write_text("x" * 600_000)

    project = read_project(tmp_path, ["tests"])

    assert sorted(project.files) == ["a.py", "tests/test_a.py"]
    assert project.left_out == ("big.txt",)
