"""OpenAI's own SDK against the proxy: both endpoints, whole and streamed, calls, errors, usage."""

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import openai
import pytest
from tests.scaffolds.proxy.serving import client_of, service_of

from understudy import Answer, Context, Direct, Escalate, Form, On, Retry, Vote
from understudy.budget import Budget
from understudy.errors import ModelRejected, ModelUnavailable, WindowExceeded
from understudy.model import Completion, Delta, Request, Usage
from understudy.problem import Problem, ToolCall
from understudy.repair import Repair
from understudy.scaffold import scaffold
from understudy.testing import HangingModel, ScriptedModel

ADD: Any = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Adds.",
        "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    },
}
ASKED: Any = [{"role": "user", "content": "What is six times seven?"}]


def counted(text: str = "", **given: Any) -> Completion:
    usage = Usage(input_tokens=100, output_tokens=10, cache_read_tokens=40, reasoning_tokens=4)
    return Completion(text=text, usage=usage, **given)


class Talking:
    """A model that streams its answer word by word."""

    name = "talking"

    def __init__(self, *pieces: str | Delta, then: Exception | None = None) -> None:
        self.pieces, self.then = pieces, then

    async def generate(self, request: Request) -> Completion:
        raise AssertionError("it was to be streamed")

    async def stream(self, request: Request) -> AsyncIterator[Delta | Completion]:
        deltas = [Delta(text=piece) if isinstance(piece, str) else piece for piece in self.pieces]
        for delta in deltas:
            yield delta
            await anyio.lowlevel.checkpoint()
        if self.then is not None:
            raise self.then
        yield counted("".join(delta.text for delta in deltas))


async def test_a_chat_is_answered_and_the_usage_adds_up_every_inner_call() -> None:
    service = service_of(Vote(Direct(), n=3), ScriptedModel([counted("42"), counted("41"), counted("42")]))
    async with client_of(service) as sdk:
        answer = await sdk.chat.completions.create(model="understudy", messages=ASKED)
    assert answer.choices[0].message.content == "42"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (300, 30, 330)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 120
    assert answer.model_extra is not None
    assert answer.model_extra["understudy"]["calls"] == 3
    assert answer.model_extra["understudy"]["agreement"] == pytest.approx(2 / 3)


async def test_a_call_is_passed_through_with_an_id_of_its_own() -> None:
    call = ToolCall(name="add", arguments='{"x": 1}')
    service = service_of(Direct(), ScriptedModel([counted(tool_calls=(call,), finish="tool_calls")]))
    async with client_of(service) as sdk:
        answer = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[ADD])
    made = answer.choices[0].message.tool_calls
    assert made is not None
    assert made[0].type == "function"
    assert (made[0].function.name, made[0].function.arguments) == ("add", '{"x": 1}')
    assert made[0].id.startswith("call_")
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_a_malformed_call_is_rescued_even_behind_a_bare_model() -> None:
    service = service_of(Direct(), ScriptedModel(["<tool_call>{'name': 'add', 'arguments': {'x': 1,}}</tool_call>"]))
    async with client_of(service) as sdk:
        answer = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[ADD])
    made = answer.choices[0].message.tool_calls
    assert made is not None
    assert made[0].type == "function"
    assert json.loads(made[0].function.arguments) == {"x": 1}
    assert answer.choices[0].message.content is None


async def test_a_call_that_cannot_be_read_is_never_made_with_invented_arguments() -> None:
    broken = "<tool_call>{'name': 'add', 'arguments': {'x': </tool_call>"
    service = service_of(Repair(Direct(), asks=1), ScriptedModel([broken, broken]))
    async with client_of(service) as sdk:
        answer = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[ADD])
    assert not answer.choices[0].message.tool_calls
    assert answer.choices[0].message.content == broken


async def test_vote_compares_calls_by_what_they_say() -> None:
    calls = ['{"x": 1}', '{"x":2}', '{ "x" : 1 }']
    script = [counted(tool_calls=(ToolCall(name="add", arguments=text),)) for text in calls]
    service = service_of(Vote(Direct(), n=3), ScriptedModel(script))
    async with client_of(service) as sdk:
        answer = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[ADD])
    assert answer.model_extra is not None
    assert answer.model_extra["understudy"]["agreement"] == pytest.approx(2 / 3)


async def test_a_form_that_fails_is_tried_again_and_then_given_to_another_model() -> None:
    local = ScriptedModel(["", ""])
    cloud = ScriptedModel(["from the cloud"])
    scaffold = Escalate(Retry(Direct(), tries=2, stale=0), On("cloud", Direct()))
    async with client_of(service_of(scaffold, {"local": local, "cloud": cloud})) as sdk:
        answer = await sdk.chat.completions.create(model="understudy", messages=ASKED)
    assert answer.choices[0].message.content == "from the cloud"
    assert len(local.requests) == 2


async def test_a_role_can_be_asked_bare_by_its_name() -> None:
    local, cloud = ScriptedModel(["l"]), ScriptedModel(["c"])
    async with client_of(service_of(Vote(Direct(), n=3), {"local": local, "cloud": cloud})) as sdk:
        names = [model.id async for model in sdk.models.list()]
        answer = await sdk.chat.completions.create(model="cloud", messages=ASKED)
    assert names == ["understudy", "local", "cloud"]
    assert answer.choices[0].message.content == "c"
    assert len(cloud.requests) == 1


async def test_what_the_client_fixes_reaches_the_model() -> None:
    model = ScriptedModel(["ok"])
    async with client_of(service_of(Direct(), model)) as sdk:
        await sdk.chat.completions.create(
            model="x",
            messages=[
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text", "text": "!"}]},
            ],
            max_completion_tokens=7,
            temperature=0.5,
            seed=11,
            stop=["."],
            tools=[ADD],
            tool_choice={"type": "function", "function": {"name": "add"}},
            response_format={"type": "json_object"},
        )
    (request,) = model.requests
    assert [(m.role, m.content) for m in request.messages] == [("system", "Be brief."), ("user", "Hi!")]
    assert (request.options.max_tokens, request.options.stop, request.options.tool_choice) == (7, (".",), "add")
    assert request.options.response_format == {"type": "json_object"}
    assert request.sampling.temperature == 0.5
    assert request.tools[0].name == "add"


async def test_a_bare_model_is_streamed_word_by_word() -> None:
    model = Talking(Delta(reasoning="Hm."), "four", "ty", "-two")
    async with client_of(service_of(Direct(), model)) as sdk:
        stream = await sdk.chat.completions.create(
            model="x", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks if chunk.choices]
    assert [delta.content for delta in deltas if delta.content] == ["four", "ty", "-two"]
    assert [d.model_extra["reasoning_content"] for d in deltas if d.model_extra] == ["Hm."]
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 110


async def test_thinking_that_was_left_in_the_text_is_not_streamed_as_the_answer() -> None:
    model = ScriptedModel([])
    talking = Talking("<think>", "Sevens", "</think>", "42")
    del model
    async with client_of(service_of(Direct(), talking)) as sdk:
        stream = await sdk.chat.completions.create(model="x", messages=ASKED, stream=True)
        text = "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
    assert text == "<think>Sevens</think>42"  # what the model gave as its answer, once and whole


async def test_calls_and_text_of_a_scaffold_are_streamed_when_it_has_answered() -> None:
    call = ToolCall(name="add", arguments='{"x": 1}')
    service = service_of(Retry(Direct(), tries=2), ScriptedModel(["", counted("I add.", tool_calls=(call,))]))
    async with client_of(service) as sdk:
        stream = await sdk.chat.completions.create(model="x", messages=ASKED, tools=[ADD], stream=True)
        chunks = [chunk async for chunk in stream]
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas) == "I add."
    calls = [call for delta in deltas for call in delta.tool_calls or ()]
    assert calls[0].function is not None
    assert calls[0].function.arguments == '{"x": 1}'
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        pytest.param(ModelRejected("no such model", status=404), openai.InternalServerError, None, id="rejected"),
        pytest.param(ModelUnavailable("gone"), openai.InternalServerError, None, id="unavailable"),
        pytest.param(ModelUnavailable("slow", reason="rate_limited"), openai.RateLimitError, None, id="rate limited"),
        pytest.param(WindowExceeded("too long"), openai.BadRequestError, "context_length_exceeded", id="window"),
    ],
)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_an_error_comes_in_the_wires_own_form(
    failure: Exception, kind: type[openai.APIStatusError], code: str | None, stream: bool
) -> None:
    async with client_of(service_of(Direct(), ScriptedModel([failure] * 2))) as sdk:
        with pytest.raises(kind, match=str(failure)) as caught:
            await sdk.chat.completions.create(model="x", messages=ASKED, stream=stream)
    assert caught.value.code == code


async def test_a_bug_is_a_500_that_tells_a_client_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def buggy(request: Request) -> str:
        raise ZeroDivisionError("a path such as /home/me/secret")

    async with client_of(service_of(Direct(), ScriptedModel(buggy))) as sdk:
        with pytest.raises(openai.InternalServerError, match="its own log says why") as caught:
            await sdk.chat.completions.create(model="x", messages=ASKED)
    assert "secret" not in str(caught.value)
    assert "ZeroDivisionError" in caplog.text


async def test_a_stream_that_breaks_after_its_beginning_ends_in_an_error_event() -> None:
    model = Talking("four", then=ModelUnavailable("it broke off", billed=True))
    async with client_of(service_of(Direct(), model)) as sdk:
        stream = await sdk.chat.completions.create(model="x", messages=ASKED, stream=True)
        with pytest.raises(openai.APIError, match="broke off"):
            [chunk async for chunk in stream]


async def test_a_spent_budget_is_an_error_that_no_client_tries_again() -> None:
    async with client_of(service_of(Direct(), ScriptedModel(["42"] * 9), budget=Budget(calls=1))) as sdk:
        await sdk.chat.completions.create(model="x", messages=ASKED)
        with pytest.raises(openai.APIStatusError, match="budget of 1 calls") as caught:
            await sdk.chat.completions.create(model="x", messages=ASKED)
    assert (caught.value.status_code, caught.value.code) == (402, "budget_exceeded")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"messages": []}, "at least one message", id="no messages"),
        pytest.param({"messages": [{"role": "pope", "content": "x"}]}, "role must be one of", id="an unknown role"),
        pytest.param(
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "only text is served",
            id="an image",
        ),
        pytest.param({"messages": ASKED, "n": 3}, "n must be 1", id="n"),
        pytest.param({"messages": ASKED, "max_tokens": -1}, "whole number from 1", id="max_tokens"),
        pytest.param({"messages": ASKED, "tools": [{"type": "x"}]}, "must be a function with a name", id="a tool"),
        pytest.param({"messages": ASKED, "tool_choice": 7}, "tool_choice", id="a choice"),
        pytest.param({"messages": ASKED, "stop": 7}, "stop must be", id="stop"),
        pytest.param({"messages": ASKED, "stream": "true"}, "stream must be true or false", id="stream as a text"),
        pytest.param({"messages": ASKED, "logprobs": True}, "logprobs is not served", id="logprobs"),
        pytest.param({"messages": ASKED, "functions": [{"name": "f"}]}, "as tools", id="the old form of tools"),
        pytest.param({"messages": ASKED, "temperature": -1}, "0 or more", id="a temperature below 0"),
        pytest.param({"messages": ASKED, "seed": 10**400}, "of a usual size", id="a number beyond all floats"),
        pytest.param({"messages": ASKED, "max_tokens": 10**9}, "from 1 to 10000000", id="no limit at all"),
        pytest.param(
            {"messages": ASKED, "tools": [ADD], "tool_choice": {"type": "function", "function": {"name": "div"}}},
            "'div', which is not among the tools",
            id="a choice of a tool that is not there",
        ),
        pytest.param({"messages": ASKED, "tool_choice": "required"}, "there are no tools", id="a choice of nothing"),
        pytest.param(
            {"messages": ASKED, "response_format": {"type": "json_schema", "json_schema": 7}}, "a schema", id="a schema"
        ),
    ],
)
async def test_a_request_that_cannot_be_served_is_refused_in_words(body: dict[str, Any], words: str) -> None:
    async with client_of(service_of(Direct(), ScriptedModel([]))) as sdk:
        with pytest.raises(openai.BadRequestError, match=words):
            await sdk.post("/chat/completions", body={"model": "x", **body}, cast_to=object)


async def test_a_client_that_names_no_limit_gets_the_users() -> None:
    model = ScriptedModel([counted("42")] * 4)
    async with client_of(service_of(Direct(), model), max_tokens=99) as sdk:
        await sdk.chat.completions.create(model="x", messages=ASKED)
        await sdk.responses.create(model="x", input="?")
        await sdk.chat.completions.create(model="x", messages=ASKED, max_tokens=7)
        await sdk.responses.create(model="x", input="?", max_output_tokens=8)

    assert [request.options.max_tokens for request in model.requests] == [99, 99, 7, 8]


async def test_words_of_other_providers_are_understood() -> None:
    """As LiteLLM and older clients send them: parameters of others, `any`, arguments as an object, parts of texts."""
    model = ScriptedModel([counted("42")])
    call = {"id": "1", "type": "function", "function": {"name": "add", "arguments": {"x": 1}}}
    messages = [
        {
            "role": "developer",
            "content": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        },
        *ASKED,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {
            "role": "tool",
            "tool_call_id": "1",
            "content": [{"type": "text", "text": "3"}, {"type": "text", "text": None}],
        },
    ]
    odd = {"top_k": 3, "min_p": 0.1, "logit_bias": {"1": 2}, "reasoning_effort": "low", "user": "u", "logprobs": False}
    body = {"messages": messages, "tools": [ADD], "tool_choice": "any", "parallel_tool_calls": False, "n": 1, **odd}
    async with client_of(service_of(Direct(), model)) as sdk:
        await sdk.post("/chat/completions", body=body, cast_to=object)

    (request,) = model.requests
    assert [message.content for message in request.messages] == ["Be brief.", ASKED[0]["content"], "", "3"]
    assert json.loads(request.messages[2].tool_calls[0].arguments) == {"x": 1}
    assert request.options.tool_choice == "required"


async def test_a_model_can_be_looked_up_by_its_name() -> None:
    async with client_of(service_of(Direct(), ScriptedModel([]))) as sdk:
        assert [model.id async for model in sdk.models.list()] == ["understudy", "local"]
        assert (await sdk.models.retrieve("local")).owned_by == "understudy"
        with pytest.raises(
            openai.NotFoundError, match=r"no model 'gpt-9' here\. There are: understudy, local"
        ) as caught:
            await sdk.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param({"input": None}, "a text or at least one item", id="nothing"),
        pytest.param({"input": [{"type": "riddle"}]}, "'riddle', which is not served", id="an unknown item"),
        pytest.param({"input": "x", "background": True}, "Ask for a stream", id="in the background"),
        pytest.param({"input": "x", "conversation": "c"}, "the whole conversation", id="a conversation of theirs"),
    ],
)
async def test_a_response_that_cannot_be_made_is_refused_in_words(body: dict[str, Any], words: str) -> None:
    async with client_of(service_of(Direct(), ScriptedModel([]))) as sdk:
        with pytest.raises(openai.BadRequestError, match=words):
            await sdk.post("/responses", body={"model": "x", **body}, cast_to=object)


async def test_responses_are_answered_and_continued_by_their_id() -> None:
    model = ScriptedModel([counted("42"), counted("43")])
    async with client_of(service_of(Direct(), model)) as sdk:
        first = await sdk.responses.create(model="x", input="Six times seven?", instructions="Be brief.")
        second = await sdk.responses.create(model="x", input="And one more?", previous_response_id=first.id)
    assert (first.output_text, second.output_text, second.status) == ("42", "43", "completed")
    assert first.usage is not None
    assert (first.usage.input_tokens, first.usage.output_tokens_details.reasoning_tokens) == (100, 4)
    assert [(m.role, m.content) for m in model.requests[1].messages] == [
        ("system", "Be brief."),
        ("user", "Six times seven?"),
        ("assistant", "42"),
        ("user", "And one more?"),
    ]


async def test_a_response_that_is_not_kept_is_named() -> None:
    async with client_of(service_of(Direct(), ScriptedModel([]))) as sdk:
        with pytest.raises(openai.NotFoundError, match="Send the whole conversation"):
            await sdk.responses.create(model="x", input="?", previous_response_id="resp_gone")


FUNCTION: Any = {"type": "function", "name": "add", "parameters": ADD["function"]["parameters"], "strict": False}
PATCH: Any = {"type": "custom", "name": "patch", "description": "Applies a patch."}


async def test_responses_pass_functions_and_custom_tools_through_and_take_their_results() -> None:
    calls = (ToolCall(name="add", arguments='{"x": 1}'), ToolCall(name="patch", arguments='{"input": "*** Begin"}'))
    model = ScriptedModel([counted(tool_calls=calls), counted("done")])
    async with client_of(service_of(Direct(), model)) as sdk:
        first = await sdk.responses.create(model="x", input="Go.", tools=[FUNCTION, PATCH, {"type": "web_search"}])
        function, custom = first.output
        assert function.type == "function_call"
        assert custom.type == "custom_tool_call"
        assert (function.arguments, custom.input) == ('{"x": 1}', "*** Begin")
        results: Any = [
            {"role": "user", "content": "Go."},
            {"type": "reasoning", "id": "r", "summary": []},
            *[item.model_dump() for item in first.output],
            {"type": "function_call_output", "call_id": function.call_id, "output": "2"},
            {"type": "custom_tool_call_output", "call_id": custom.call_id, "output": "applied"},
        ]
        second = await sdk.responses.create(model="x", input=results, tools=[FUNCTION, PATCH])
    assert second.output_text == "done"
    sent = model.requests[1].messages
    assert [m.role for m in sent] == ["user", "assistant", "tool", "tool"]
    assert [call.name for call in sent[1].tool_calls] == ["add", "patch"]
    assert sent[2].tool_call_id == sent[1].tool_calls[0].id
    assert [tool.name for tool in model.requests[0].tools] == ["add", "patch"]


async def test_responses_are_streamed_in_the_order_that_clients_expect() -> None:
    call = ToolCall(name="add", arguments='{"x": 1}')
    service = service_of(Retry(Direct(), tries=1), ScriptedModel([counted("I add.", tool_calls=(call,))]))
    async with client_of(service) as sdk:
        stream = await sdk.responses.create(model="x", input="Go.", tools=[FUNCTION], stream=True)
        events = [event async for event in stream]
    assert [event.type for event in events] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(13))
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == "I add."
    assert last.response.usage is not None


async def test_a_response_that_fails_in_its_stream_says_so() -> None:
    model = Talking("four", then=ModelUnavailable("it broke off", billed=True))
    async with client_of(service_of(Direct(), model)) as sdk:
        stream = await sdk.responses.create(model="x", input="Go.", stream=True)
        events = [event async for event in stream]
    last = events[-1]
    assert last.type == "response.failed"
    assert last.response.error is not None
    assert "broke off" in last.response.error.message


async def test_a_schema_is_asked_for_through_either_endpoint() -> None:
    form: Any = {"type": "json_schema", "name": "n", "schema": {"type": "object"}}
    model = ScriptedModel(["{}", "{}"])
    async with client_of(service_of(Direct(), model)) as sdk:
        await sdk.responses.create(model="x", input="Go.", text={"format": form})
        await sdk.chat.completions.create(
            model="x",
            messages=ASKED,
            response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
        )
    formats = [request.options.response_format for request in model.requests]
    assert formats[0] == formats[1]


async def test_a_client_that_leaves_cancels_the_work() -> None:
    model = HangingModel()
    service = service_of(Direct(), model)
    async with client_of(service) as sdk:
        with anyio.move_on_after(0.3):
            await sdk.chat.completions.create(model="x", messages=ASKED)
        with anyio.fail_after(5):
            while service.meter.open_reservations:
                await anyio.lowlevel.checkpoint()
    assert service.meter.open_reservations == 0


async def test_the_check_is_the_form_of_the_answer() -> None:
    seen: list[object] = []

    @scaffold
    class Looking:
        async def __call__(self, problem: Problem, context: Context) -> Answer:
            seen.append(problem.check)
            return await Direct()(problem, context)

    async with client_of(service_of(Looking(), ScriptedModel(["ok"]))) as sdk:
        await sdk.chat.completions.create(model="x", messages=ASKED)
    assert seen == [Form()]
