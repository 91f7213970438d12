"""Inspect (https://inspect.aisi.org.uk): a scaffold as a solver, and an Inspect model as ours. Needs the extra
`inspect`."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from inspect_ai.model import (
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageTool,
    ChatMessageUser,
    GenerateConfig,
    ModelOutput,
    ResponseSchema,
    get_model,
)
from inspect_ai.model import Model as TheirModel
from inspect_ai.solver import Generate, Solver, TaskState, solver
from inspect_ai.tool import ToolCall as TheirCall
from inspect_ai.tool import ToolChoice, ToolFunction, ToolInfo, ToolParams
from inspect_ai.util import JSONSchema

from understudy.budget import Budget
from understudy.model import Completion, FinishReason, Request, Usage
from understudy.problem import Check, Message, Options, Problem, Reply, Role, Tool, ToolCall
from understudy.scaffold import Scaffold
from understudy.solving import solve

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "filtered",
}


class InspectModel:
    """An Inspect model behind our protocol."""

    def __init__(self, model: TheirModel) -> None:
        self._model = model

    @property
    def name(self) -> str:
        """Inspect's name of it, such as `openai/gpt-5`."""
        return str(self._model)

    async def generate(self, request: Request) -> Completion:
        """Draw a completion."""
        options, sampling = request.options, request.sampling
        config = GenerateConfig(
            max_tokens=options.max_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            seed=sampling.seed,
            stop_seqs=list(options.stop) or None,
            response_schema=_schema(options.response_format),
        )
        output = await self._model.generate(
            [_theirs(message) for message in request.messages],
            tools=[_tool_info(tool) for tool in request.tools],
            tool_choice=_choice(options.tool_choice),
            config=config,
        )
        return _completion(output)


@solver
def scaffold_solver(
    scaffold: Scaffold,
    *,
    models: Mapping[str, str] | None = None,
    servers: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    check: Check | None = None,
    reply: Reply | None = None,
    max_tokens: int = 2048,
) -> Solver:
    """Solve samples with a scaffold. The task's model plays the role "local"; `models` names others as Inspect does."""

    async def run(state: TaskState, generate: Generate) -> TaskState:
        roles = {"local": InspectModel(get_model())}
        roles |= {role: InspectModel(get_model(name)) for role, name in (models or {}).items()}
        problem = Problem(
            messages=tuple(_ours(message) for message in state.messages),
            check=check,
            reply=reply or Reply(),
            options=Options(max_tokens=max_tokens),
        )
        answer = await solve(scaffold, problem, models=roles, servers=servers, budget=budget, price=lambda name: None)
        state.output = ModelOutput.from_content(str(state.model), answer.text)
        state.messages.append(state.output.message)
        state.metadata["understudy"] = {
            "scaffold": repr(scaffold),
            "verdict": answer.verdict.word if answer.verdict else None,
            "stopped": answer.stopped,
            "value": answer.value,
            "files": dict(answer.files),
        }
        return state

    return run


def _theirs(message: Message) -> ChatMessage:
    if message.role == "system":
        return ChatMessageSystem(content=message.content)
    if message.role == "user":
        return ChatMessageUser(content=message.content)
    if message.role == "tool":
        return ChatMessageTool(content=message.content, tool_call_id=message.tool_call_id)
    return ChatMessageAssistant(content=message.content, tool_calls=[*map(_their_call, message.tool_calls)] or None)


def _their_call(call: ToolCall) -> TheirCall:
    try:
        value = json.loads(call.arguments or "{}")
    except ValueError as error:
        return TheirCall(id=call.id, function=call.name, arguments={}, parse_error=f"{error}: {call.arguments}")
    return TheirCall(id=call.id, function=call.name, arguments=value if isinstance(value, dict) else {"value": value})


def _ours(message: ChatMessage) -> Message:
    role: Role = message.role
    return Message(
        role=role,
        content=message.text,
        tool_calls=_calls(getattr(message, "tool_calls", None) or ()),
        tool_call_id=getattr(message, "tool_call_id", None),
    )


def _completion(output: ModelOutput) -> Completion:
    usage = output.usage
    known = Usage()
    if usage is not None:
        read, write = usage.input_tokens_cache_read or 0, usage.input_tokens_cache_write or 0
        known = Usage(
            input_tokens=usage.input_tokens + read + write,
            output_tokens=usage.output_tokens,
            cache_read_tokens=read,
            cache_write_tokens=write,
            reasoning_tokens=usage.reasoning_tokens or 0,
        )
    message = output.message
    return Completion(
        text=message.text,
        tool_calls=_calls(message.tool_calls or ()),
        finish=_FINISH.get(output.stop_reason, "unknown"),
        usage=known,
        model=output.model,
    )


def _calls(calls: Sequence[TheirCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(name=call.function, arguments=json.dumps(call.arguments, ensure_ascii=False), id=call.id)
        for call in calls
    )


def _tool_info(tool: Tool) -> ToolInfo:
    return ToolInfo(name=tool.name, description=tool.description, parameters=ToolParams(**tool.parameters))


def _schema(wanted: Mapping[str, Any] | None) -> ResponseSchema | None:
    named = (wanted or {}).get("json_schema")
    if not isinstance(named, Mapping):
        return None
    return ResponseSchema(name=named.get("name") or "reply", json_schema=JSONSchema(**named.get("schema", {})))


def _choice(choice: str | None) -> ToolChoice | None:
    if choice is None:
        return None
    plain: dict[str, ToolChoice] = {"auto": "auto", "none": "none", "required": "any"}
    return plain.get(choice) or ToolFunction(name=choice)
