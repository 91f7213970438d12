"""Adapters against the real packages: Inspect, pydantic-ai, and a plain function."""

from pathlib import Path
from typing import Any

import pytest
from inspect_ai import Task, eval_async
from inspect_ai.dataset import Sample
from inspect_ai.model import GenerateConfig, Model, ModelAPI, ModelOutput, ModelUsage, get_model, modelapi
from inspect_ai.scorer import match
from pydantic_ai import Agent
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel

from understudy import Completion, Direct, Form, Message, On, Options, Plan, Retry, Tool, ToolCall, Vote, solve
from understudy.adapters.function import as_function
from understudy.adapters.inspect_ai import InspectModel, scaffold_solver
from understudy.adapters.pydantic_ai import PydanticAIModel, ScaffoldModel
from understudy.model import Request
from understudy.testing import ScriptedModel, ask

# Inspect still calls tenacity in a way that tenacity has deprecated, and leaves a stream of its own unclosed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'initial' parameter is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@modelapi(name="scripted")
class ScriptedAPI(ModelAPI):
    """An Inspect provider that answers from a script; Inspect's own mock asks the network for a tokenizer."""

    def __init__(self, model_name: str, base_url=None, api_key=None, config=GenerateConfig(), outputs=()):  # type: ignore[no-untyped-def]  # noqa: B008
        super().__init__(model_name, base_url, api_key, [], config)
        self.outputs: list[ModelOutput] = list(outputs)
        self.answer: Any = None

    async def generate(self, input, tools, tool_choice, config):  # type: ignore[no-untyped-def]
        output = self.answer(input, tools, tool_choice, config) if self.answer else self.outputs.pop(0)
        output.usage = ModelUsage(input_tokens=7, output_tokens=2, total_tokens=9, input_tokens_cache_read=3)
        return output


def scripted(*outputs: ModelOutput) -> Model:
    return get_model("scripted/any", memoize=False, outputs=outputs)


async def test_a_scaffold_is_a_plain_function() -> None:
    capital = as_function(Vote(n=3), models=ScriptedModel(["Paris", "Lyon", "Paris"]))

    assert await capital("Capital of France?") == "Paris"


async def test_a_scaffold_is_an_inspect_solver(tmp_path: Path) -> None:
    model = scripted(*(ModelOutput.from_content("scripted", text) for text in ("", "Paris")))
    task = Task(
        dataset=[Sample(input="Capital of France?", target="Paris")],
        solver=scaffold_solver(Retry(), check=Form()),
        scorer=match(),
    )

    (log,) = await eval_async(
        task,
        model=model,
        log_dir=str(tmp_path),
        log_format="json",
    )

    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    assert log.samples is not None
    assert log.samples[0].metadata["understudy"]["verdict"] == "passed"


async def test_an_inspect_model_is_a_model() -> None:
    model = InspectModel(scripted(ModelOutput.for_tool_call("scripted", "clock", {"zone": "UTC"})))
    clock = Tool(name="clock", parameters={"type": "object", "properties": {"zone": {"type": "string"}}})

    completion = await model.generate(Request(messages=ask("?").messages, tools=(clock,)))

    assert [(call.name, call.arguments) for call in completion.tool_calls] == [("clock", '{"zone": "UTC"}')]
    assert (completion.usage.input_tokens, completion.usage.cache_read_tokens) == (10, 3)


async def test_an_inspect_model_reads_the_whole_conversation_and_the_schema() -> None:
    seen: list[Any] = []

    def reply(input: Any, tools: Any, tool_choice: Any, config: Any) -> ModelOutput:
        seen.extend([input, config])
        return ModelOutput.from_content("scripted", '{"x": 1}')

    calls = (
        ToolCall(name="clock", arguments='{"zone": "UTC"}', id="1"),
        ToolCall(name="clock", arguments="{oops", id="2"),
    )
    messages = (
        *ask("What time?").messages,
        Message(role="assistant", tool_calls=calls),
        Message(role="tool", content="noon", tool_call_id="1"),
        Message(role="tool", content="Write JSON.", tool_call_id="2"),
    )
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    api = scripted()
    api.api.answer = reply  # type: ignore[attr-defined]

    completion = await InspectModel(api).generate(
        Request(messages=messages, options=Options(response_format=wanted, stop=("END",)))
    )

    conversation, config = seen
    assert completion.text == '{"x": 1}'
    assert [message.role for message in conversation] == ["user", "assistant", "tool", "tool"]
    assert conversation[1].tool_calls[0].arguments == {"zone": "UTC"}
    assert "{oops" in conversation[1].tool_calls[1].parse_error  # what was malformed is said to be, not replaced
    assert (config.response_schema.name, config.stop_seqs) == ("x", ["END"])


async def test_a_scaffold_is_a_pydantic_ai_model_with_the_agents_tools() -> None:
    calling = Completion(tool_calls=(ToolCall(name="double", arguments='{"number": 21}', id="a"),))
    model = ScriptedModel([calling, "It is 42."])
    agent = Agent(ScaffoldModel(Direct(), models={"local": model}), instructions="Be brief.")

    @agent.tool_plain
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    result = await agent.run("Double 21.")

    assert result.output == "It is 42."
    assert [message.role for message in model.requests[0].messages] == ["system", "user"]
    assert model.requests[0].tools[0].parameters["required"] == ["number"]
    last = model.requests[1].messages[-1]
    assert (last.role, last.content, last.tool_call_id) == ("tool", "42", "a")
    assert result.usage.input_tokens > 0


async def test_a_pydantic_ai_model_plays_a_role() -> None:
    def reply(messages, info):  # type: ignore[no-untyped-def]
        return ModelResponse([TextPart("1. Think. 2. Answer.")])

    cloud, local = PydanticAIModel(FunctionModel(reply)), ScriptedModel(["done"])

    answer = await solve(
        Plan(On("cloud", Direct()), Direct()), "?", models={"local": local, "cloud": cloud}, price=lambda name: None
    )

    assert answer.text == "done"
    assert "1. Think. 2. Answer." in local.requests[0].messages[0].content


async def test_a_pydantic_ai_model_delivers_calls_and_usage() -> None:
    def reply(messages, info):  # type: ignore[no-untyped-def]
        return ModelResponse([ToolCallPart("clock", {"zone": "UTC"}, "1")])

    completion = await PydanticAIModel(FunctionModel(reply)).generate(Request(messages=ask("What time?").messages))

    assert completion.tool_calls == (ToolCall(name="clock", arguments='{"zone":"UTC"}', id="1"),)
    assert completion.usage.input_tokens
