"""The thinking server's MCP surface: one tool, and resources and prompts that cost the model nothing.

Built on the SDK's low-level server: the tool's schema is written by hand, calls are repaired before they are read, and
the one handler never waits, so that pipelined thoughts keep their order.
"""

import json
import os
import select
import time
from dataclasses import dataclass
from importlib import metadata
from typing import Any
from urllib.parse import quote, unquote

from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    CompleteRequestParams,
    CompleteResult,
    Completion,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptArgument,
    PromptMessage,
    PromptReference,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from understudy_servers.repair import repairing
from understudy_servers.thinking import export, prompts, reference, tool
from understudy_servers.thinking.guidance import clipped
from understudy_servers.thinking.shelf import Kept, Place, Shelf, TooManySessions
from understudy_servers.thinking.store import StoreError
from understudy_servers.thinking.thought import NoThought, Thought, drafted, named

NAME = "sequential-thinking-server"  # the reference's: some clients key their settings on it
LOGGED = 200  # characters of a thought's line on standard error
LIST_TTL_MS = 3_600_000  # the tool never changes while the server runs

Context = ServerRequestContext[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """What the model gets to see.

    Attributes:
        compat: answer exactly as the reference server does.
        advise: add `next`, `hint` and `recap` to replies.
        lite: offer a tool with the thought as its only argument.
        log: write one line for each thought to standard error.
    """

    compat: bool = False
    advise: bool = True
    lite: bool = False
    log: bool = False


def build_server(shelf: Shelf | None = None, surface: Surface | None = None) -> Server[Any]:
    """Build the server around `shelf`, which holds all its state."""
    shelf = Shelf(clock=time.time) if shelf is None else shelf
    surface = Surface() if surface is None else surface
    if surface.compat:
        return _compat_server(shelf, surface)
    definition = _definition(surface, stored=shelf.store is not None)

    async def list_tools(ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[definition])

    async def known_tools() -> list[Tool]:
        return [definition.model_copy(update={"input_schema": tool.INPUT_SCHEMA})]  # lite reads what it does not list

    handlers = _Handlers(shelf, surface)
    server: Server[Any] = Server(
        NAME,
        version=metadata.version("understudy"),
        title="Understudy thinking",
        cache_hints={"tools/list": CacheHint(ttl_ms=LIST_TTL_MS, scope="public")},
        on_list_tools=list_tools,
        on_call_tool=handlers.call,
        on_list_resources=handlers.list_resources,
        on_list_resource_templates=handlers.list_templates,
        on_read_resource=handlers.read_resource,
        on_list_prompts=handlers.list_prompts,
        on_get_prompt=handlers.get_prompt,
        on_completion=handlers.complete,
    )
    server.middleware.append(repairing(known_tools, {tool.NAME: tool.SPELLING}))
    return server


def _definition(surface: Surface, *, stored: bool) -> Tool:
    return Tool(
        name=tool.NAME,
        title=tool.TITLE,
        description=tool.LITE_DESCRIPTION if surface.lite else tool.DESCRIPTION,
        input_schema=tool.LITE_INPUT_SCHEMA if surface.lite else tool.INPUT_SCHEMA,
        output_schema=tool.OUTPUT_SCHEMA,
        # Read-only while nothing is written anywhere: some hosts ask before each call of any other tool.
        annotations=ToolAnnotations(
            read_only_hint=not stored, destructive_hint=False, idempotent_hint=False, open_world_hint=False
        ),
    )


class _Handlers:
    """The request handlers of one server."""

    def __init__(self, shelf: Shelf, surface: Surface) -> None:
        self.shelf, self.surface = shelf, surface

    async def call(self, ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        if params.name != tool.NAME:
            return _failure(f"No tool {clipped(params.name, 60)!r} here. Call {tool.NAME}.")
        arguments = params.arguments or {}
        try:
            kept = self.shelf.think(drafted(arguments), place(ctx), named(arguments.get("sessionId")))
        except (NoThought, TooManySessions, StoreError) as error:
            return _failure(str(error))
        if self.surface.log:
            log(kept)
        return _success(self._fields(kept))

    def _fields(self, kept: Kept) -> dict[str, object]:
        fields = kept.reply.reference()
        if self.surface.advise:
            fields["next"] = kept.reply.next
            if kept.hint is not None:
                fields["hint"] = kept.hint.text
                fields["hintKind"] = kept.hint.kind
            if kept.reply.recap is not None:
                fields["recap"] = kept.reply.recap
        if kept.show_id:
            fields["sessionId"] = kept.session.name
        return fields

    async def list_resources(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
        where = place(ctx)
        resources = [
            Resource(uri="thinking://current", name="current", title="The running chain", mime_type="text/markdown"),
            Resource(uri="thinking://sessions", name="sessions", title="All sessions", mime_type="application/json"),
        ]
        resources += [
            Resource(
                uri=f"thinking://session/{quote(session.name, safe='')}",
                name=session.name,
                title=f"{session.notebook.length} thoughts",
                mime_type="text/markdown",
            )
            for session in self.shelf.visible(where)
        ]
        return ListResourcesResult(resources=resources)

    async def list_templates(self, ctx: Context, params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
        kinds = [
            ("", "text/markdown", "Markdown"),
            (".json", "application/json", "JSON"),
            (".mermaid", "text/plain", "Mermaid"),
        ]
        return ListResourceTemplatesResult(
            resource_templates=[
                ResourceTemplate(
                    uri_template=f"thinking://session/{{id}}{suffix}",
                    name=f"session{suffix}",
                    title=f"One session as {label}",
                    mime_type=mime,
                )
                for suffix, mime, label in kinds
            ]
        )

    async def read_resource(self, ctx: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri, where = str(params.uri), place(ctx)
        if uri == "thinking://sessions":
            return _resource(uri, "application/json", json.dumps(self._sessions(where), ensure_ascii=False))
        if uri == "thinking://current":
            session = self.shelf.current(where)
            name, thoughts = (session.name, list(session.notebook.thoughts)) if session else ("(none)", [])
            return _resource(uri, "text/markdown", export.markdown(name, thoughts))
        if not uri.startswith("thinking://session/"):
            raise MCPError(INVALID_PARAMS, f"No resource {clipped(uri, 80)!r}. Read thinking://sessions.")
        return self._read_session(uri, where)

    def _read_session(self, uri: str, where: Place) -> ReadResourceResult:
        path = unquote(uri.removeprefix("thinking://session/"))
        for suffix, mime, write in (
            (".json", "application/json", export.as_json),
            (".mermaid", "text/plain", export.mermaid),
            ("", "text/markdown", export.markdown),
        ):
            name = path.removesuffix(suffix)
            if path.endswith(suffix) and (thoughts := self._thoughts(name, where)) is not None:
                return _resource(uri, mime, write(name, thoughts))
        raise MCPError(INVALID_PARAMS, f"No session {clipped(path, 60)!r}. Read thinking://sessions.")

    def _thoughts(self, name: str, where: Place) -> list[Thought] | None:
        notebook = self.shelf.find(name, where)
        return None if notebook is None else list(notebook.thoughts)

    def _sessions(self, where: Place) -> list[dict[str, object]]:
        return [
            {
                "sessionId": session.name,
                "thoughts": session.notebook.length,
                "branches": list(session.notebook.branches),
                "ended": session.notebook.last is not None and not session.notebook.last.more,
            }
            for session in self.shelf.visible(where)
        ]

    async def list_prompts(self, ctx: Context, params: PaginatedRequestParams | None) -> ListPromptsResult:
        return ListPromptsResult(
            prompts=[
                Prompt(
                    name=prompt.name,
                    description=prompt.description,
                    arguments=[
                        PromptArgument(name=name, description=description, required=required)
                        for name, description, required in prompt.arguments
                    ],
                )
                for prompt in prompts.PROMPTS
            ]
        )

    async def get_prompt(self, ctx: Context, params: GetPromptRequestParams) -> GetPromptResult:
        prompt = next((prompt for prompt in prompts.PROMPTS if prompt.name == params.name), None)
        if prompt is None:
            known = ", ".join(prompt.name for prompt in prompts.PROMPTS)
            raise MCPError(INVALID_PARAMS, f"No prompt {clipped(params.name, 60)!r}. There are: {known}.")
        arguments = params.arguments or {}
        for name, _, required in prompt.arguments:
            if required and not arguments.get(name, "").strip():
                raise MCPError(INVALID_PARAMS, f"The prompt {prompt.name!r} needs the argument {name!r}.")
        text = self._prompt_text(prompt.name, arguments, place(ctx))
        message = PromptMessage(role="user", content=TextContent(type="text", text=text))
        return GetPromptResult(description=prompt.description, messages=[message])

    def _prompt_text(self, name: str, arguments: dict[str, str], where: Place) -> str:
        if name == "think":
            return prompts.think(arguments["problem"])
        if name == "compare":
            ways = arguments.get("ways", "2").strip()
            if ways not in prompts.WAYS:
                raise MCPError(INVALID_PARAMS, f"ways={ways!r} is not a number from 2 to 5.")
            return prompts.compare(arguments["problem"], int(ways))
        thoughts = self._thoughts(arguments["session"], where)
        if thoughts is None:
            raise MCPError(
                INVALID_PARAMS, f"No session {clipped(arguments['session'], 60)!r}. Read thinking://sessions."
            )
        return prompts.resume(arguments["session"], thoughts)

    async def complete(self, ctx: Context, params: CompleteRequestParams) -> CompleteResult:
        given = params.argument.value
        choices: list[str] = []
        if params.argument.name == "ways":
            choices = list(prompts.WAYS)
        elif params.argument.name in ("session", "id"):
            choices = [session.name for session in self.shelf.visible(place(ctx))]
            if self.shelf.store is not None and not place(ctx).remote and isinstance(params.ref, PromptReference):
                choices += [one.session for one in self.shelf.store.sessions() if one.session not in choices]
        values = [choice for choice in choices if choice.startswith(given)]
        return CompleteResult(completion=Completion(values=values[:100], total=len(values), has_more=len(values) > 100))


def place(ctx: Context) -> Place:
    """Say where a request came from: one client over stdio, a connection, or nobody in particular."""
    if ctx.request is None:
        return Place()
    if ctx.protocol_version in MODERN_PROTOCOL_VERSIONS:
        return Place(scope="http", anonymous=True, remote=True)
    # The SDK has checked this id against its open connections; without one (its stateless mode) nobody is named.
    connection = ctx.request.headers.get("mcp-session-id")
    if connection is None:
        return Place(scope="http", anonymous=True, remote=True)
    return Place(scope=f"connection {connection}", remote=True)


def log(kept: Kept) -> None:
    """Write a thought's line to standard error, unless nobody reads it: a full pipe must not stop the thinking."""
    reply = kept.reply
    thought = kept.session.notebook.last
    line = clipped(f"{reply.number}/{reply.total} {thought.text if thought else ''}", LOGGED) + "\n"
    try:
        if select.select([], [2], [], 0)[1]:
            os.write(2, line.encode("utf-8", "replace"))
    except (OSError, ValueError):
        return


def _success(fields: dict[str, object]) -> CallToolResult:
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=fields)


def _failure(text: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)


def _resource(uri: str, mime: str, text: str) -> ReadResourceResult:
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, mime_type=mime, text=text)])


def _compat_server(shelf: Shelf, surface: Surface) -> Server[Any]:
    """Build the server that answers as the reference does; no repair, no resources, no prompts."""
    definition = Tool(
        name=tool.NAME,
        title=tool.TITLE,
        description=reference.DESCRIPTION,
        input_schema=reference.INPUT_SCHEMA,
        output_schema=reference.OUTPUT_SCHEMA,
        annotations=ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )

    async def list_tools(ctx: Context, params: PaginatedRequestParams | None) -> ListToolsResult:
        return ListToolsResult(tools=[definition])

    async def call(ctx: Context, params: CallToolRequestParams) -> CallToolResult:
        if params.name != tool.NAME:
            return _failure(reference.unknown_tool(params.name))
        arguments, complaints = reference.validated(params.arguments or {})
        if complaints:
            return _failure(reference.refusal(complaints))
        try:
            kept = shelf.think(drafted(arguments), Place(scope=place(ctx).scope))
        except StoreError as error:
            return _failure(reference.pretty({"error": str(error), "status": "failed"}))
        if surface.log:
            log(kept)
        fields = kept.reply.reference()
        text = TextContent(type="text", text=reference.pretty(fields))
        return CallToolResult(content=[text], structured_content=fields)

    return Server(reference.NAME, version=reference.VERSION, on_list_tools=list_tools, on_call_tool=call)
