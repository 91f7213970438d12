"""pydantic-ai (https://ai.pydantic.dev): a scaffold as a model, and a pydantic-ai model as ours."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic_ai import messages as theirs
from pydantic_ai.direct import model_request
from pydantic_ai.models import Model as TheirModel
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.settings import ModelSettings
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from understudy.budget import Budget
from understudy.model import Completion, FinishReason, Model, Request, Usage
from understudy.problem import Message, Options, Problem, Tool, ToolCall
from understudy.scaffold import Scaffold
from understudy.solving import solve
from understudy.trace import Trace

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "tool_call": "tool_calls",
    "content_filter": "filtered",
}


class ScaffoldModel(TheirModel):
    """A scaffold behind pydantic-ai's model interface; the agent's tools are the problem's tools."""

    def __init__(
        self,
        scaffold: Scaffold,
        *,
        models: Mapping[str, Model | str],
        servers: Mapping[str, Any] | None = None,
        budget: Budget | None = None,
        max_tokens: int = 2048,
    ) -> None:
        super().__init__()
        self._scaffold, self._models, self._servers, self._budget = scaffold, models, servers, budget
        self._max_tokens = max_tokens

    @property
    def model_name(self) -> str:
        """The scaffold's spelling."""
        return repr(self._scaffold)

    @property
    def system(self) -> str:
        """The provider's name in traces."""
        return "understudy"

    async def request(
        self,
        messages: list[theirs.ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
    ) -> theirs.ModelResponse:
        """Answer the conversation by the scaffold."""
        settings, parameters = self.prepare_request(model_settings, model_request_parameters)
        tools = (*parameters.function_tools, *parameters.output_tools)
        must_call = bool(parameters.output_tools) and not parameters.allow_text_output
        problem = Problem(
            messages=tuple(_ours(messages)),
            tools=tuple(_tool(tool) for tool in tools),
            options=Options(
                max_tokens=(settings or {}).get("max_tokens") or self._max_tokens,
                tool_choice="required" if must_call else None,
            ),
        )
        trace = Trace()
        answer = await solve(
            self._scaffold, problem, models=self._models, servers=self._servers, budget=self._budget, trace=trace
        )
        parts: list[theirs.ModelResponsePart] = [theirs.TextPart(answer.text)] if answer.text else []
        parts += [
            theirs.ToolCallPart(call.name, call.arguments, call.id or f"call_{n}")
            for n, call in enumerate(answer.tool_calls)
        ]
        totals = trace.totals()
        used = RequestUsage(input_tokens=totals.input_tokens, output_tokens=totals.output_tokens)
        return theirs.ModelResponse(parts, usage=used, model_name=self.model_name)


class PydanticAIModel:
    """A pydantic-ai model behind our protocol."""

    def __init__(self, model: TheirModel | str) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Provider and model, as pydantic-ai writes them."""
        return self._model if isinstance(self._model, str) else f"{self._model.system}:{self._model.model_name}"

    async def generate(self, request: Request) -> Completion:
        """Draw a completion."""
        settings = ModelSettings(max_tokens=request.options.max_tokens, temperature=request.sampling.temperature)
        if request.sampling.seed is not None:
            settings["seed"] = request.sampling.seed
        if request.options.stop:
            settings["stop_sequences"] = list(request.options.stop)
        tools = [
            ToolDefinition(name=tool.name, description=tool.description, parameters_json_schema=dict(tool.parameters))
            for tool in request.tools
        ]
        response = await model_request(
            self._model,
            _theirs(request.messages),
            model_settings=settings,
            model_request_parameters=ModelRequestParameters(function_tools=tools),
        )
        return _completion(response)


def _ours(messages: Sequence[theirs.ModelMessage]) -> Iterator[Message]:
    for message in messages:
        if isinstance(message, theirs.ModelResponse):
            calls = tuple(
                ToolCall(name=part.tool_name, arguments=part.args_as_json_str(), id=part.tool_call_id)
                for part in message.tool_calls
            )
            yield Message(role="assistant", content=message.text or "", tool_calls=calls)
            continue
        if message.instructions:
            yield Message(role="system", content=message.instructions)
        for part in message.parts:
            yield _asked(part)


def _asked(part: theirs.ModelRequestPart) -> Message:
    if isinstance(part, theirs.SystemPromptPart):
        return Message(role="system", content=part.content)
    if isinstance(part, theirs.ToolReturnPart):
        return Message(role="tool", content=part.model_response_str(), tool_call_id=part.tool_call_id)
    if isinstance(part, theirs.RetryPromptPart) and part.tool_name is not None:
        return Message(role="tool", content=part.model_response(), tool_call_id=part.tool_call_id)
    if isinstance(part, theirs.RetryPromptPart):
        return Message(role="user", content=part.model_response())
    content = getattr(part, "content", "")
    if isinstance(content, str):
        return Message(role="user", content=content)
    if not all(isinstance(item, str) for item in content):
        raise ValueError("This scaffold reads text; the prompt holds pictures, sound or files.")
    return Message(role="user", content="\n".join(content))


def _theirs(messages: Sequence[Message]) -> list[theirs.ModelMessage]:
    made: list[theirs.ModelMessage] = []
    names = {call.id: call.name for message in messages for call in message.tool_calls}
    for message in messages:
        if message.role == "assistant":
            parts: list[theirs.ModelResponsePart] = [theirs.TextPart(message.content)] if message.content else []
            parts += [theirs.ToolCallPart(call.name, call.arguments, call.id) for call in message.tool_calls]
            made.append(theirs.ModelResponse(parts))
        elif message.role == "system":
            made.append(theirs.ModelRequest([theirs.SystemPromptPart(message.content)]))
        elif message.role == "tool":
            id = message.tool_call_id or ""
            made.append(theirs.ModelRequest([theirs.ToolReturnPart(names.get(id, ""), message.content, id)]))
        else:
            made.append(theirs.ModelRequest([theirs.UserPromptPart(message.content)]))
    return made


def _completion(response: theirs.ModelResponse) -> Completion:
    usage = response.usage
    return Completion(
        text=response.text or "",
        reasoning=response.thinking or "",
        tool_calls=tuple(
            ToolCall(name=part.tool_name, arguments=part.args_as_json_str(), id=part.tool_call_id)
            for part in response.tool_calls
        ),
        finish=_FINISH.get(response.finish_reason or "stop", "unknown"),
        usage=Usage(
            input_tokens=usage.input_tokens,
            output_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_tokens,
            cache_write_tokens=usage.cache_write_tokens,
        ),
        model=response.model_name or "",
    )


def _tool(tool: ToolDefinition) -> Tool:
    schema = json.loads(json.dumps(tool.parameters_json_schema))
    return Tool(name=tool.name, description=tool.description or "", parameters=schema)
