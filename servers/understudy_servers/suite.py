"""`understudy serve all`: the three servers in one process behind one connection.

The only file that may import more than one server. The thinking server is light and answers at once; the other two are
built in threads while it does, and only what needs them waits for them. Requests are dispatched to the servers' own
handlers behind their own repair, so that a tool behaves here as it does alone.
"""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import anyio
import click
from anyio import to_thread
from mcp import MCPError
from mcp.server.lowlevel import Server
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    CompleteResult,
    Completion,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    TextContent,
)

from understudy_servers.launch import MCPApplication

INSTRUCTIONS = (
    "Think in steps with sequentialthinking; look up the installed version of a library with query-docs before using "
    "it; run run_tests after each change and repair what it names."
)
BUILT_IN = frozenset(type(one) for one in Server("").middleware)  # tracing, which the outer server has too
ROUTED = frozenset(
    {"tools/list", "tools/call", "resources/list", "resources/templates/list", "resources/read"}
    | {"prompts/list", "prompts/get", "completion/complete"}
)


@dataclass(eq=False)
class Part:
    """One server of the suite: how it is built, and, once it is, what it answers with."""

    name: str
    build: Callable[[], MCPApplication]
    ready: anyio.Event = field(default_factory=anyio.Event)
    server: Any = None
    state: Any = None
    """What the server's own lifespan yielded."""
    failure: str | None = None

    @property
    def middleware(self) -> list[Any]:
        """The server's own middleware; tracing is the outer server's."""
        return [one for one in self.server.middleware if type(one) not in BUILT_IN]

    async def answer(self, method: str, ctx: Any, params: Any) -> Any:
        """Call the server's handler of a method; None when it has none."""
        entry = self.server.get_request_handler(method)
        return None if entry is None else await entry.handler(replace(ctx, lifespan_context=self.state), params)


class Suite:
    """Several servers as one."""

    def __init__(self, parts: list[Part]) -> None:
        self.parts = parts

    @asynccontextmanager
    async def lifespan(self, _: Any) -> AsyncGenerator[None]:
        """Build every part, each in a thread, and keep its own lifespan open until the end."""
        async with anyio.create_task_group() as group:
            stop = anyio.Event()
            for part in self.parts:
                part.ready = anyio.Event()
                group.start_soon(self._live, part, stop)
            try:
                yield None
            finally:
                stop.set()

    async def _live(self, part: Part, stop: anyio.Event) -> None:
        try:
            built = await to_thread.run_sync(part.build)
            part.server = getattr(
                built, "_lowlevel_server", built
            )  # `MCPServer` wraps one and has no public door to it
        except Exception as error:  # a part that cannot start must not take the others with it
            part.failure = f"the {part.name} server could not start: {error}"
            click.echo(part.failure, err=True)
            part.ready.set()
            return
        async with part.server.lifespan(part.server) as part.state:
            part.ready.set()
            await stop.wait()

    async def route(self, ctx: Any, call_next: Any) -> Any:
        """Middleware: wait for the parts a request needs, and put their own middleware in front of it."""
        if ctx.method not in ROUTED:
            return await call_next(ctx)
        name = (ctx.params or {}).get("name")
        light = ctx.method == "tools/call" and name == "sequentialthinking"
        call = call_next
        for part in reversed(await self.running(self.parts[:1] if light else self.parts)):
            for middleware in reversed(part.middleware):
                call = partial(middleware, call_next=call)
        return await call(ctx)

    async def running(self, parts: list[Part] | None = None) -> list[Part]:
        """The parts that started, once each has or has not."""
        chosen = self.parts if parts is None else parts
        for part in chosen:
            await part.ready.wait()
        return [part for part in chosen if part.failure is None]

    async def gather(self, method: str, attribute: str, ctx: Any, params: Any) -> list[Any]:
        """Concatenate what every part lists. No server of ours pages its lists."""
        found: list[Any] = []
        for part in await self.running():
            listed = await part.answer(method, ctx, params)
            found += [] if listed is None else getattr(listed, attribute)
        return found

    async def holder(self, method: str, attribute: str, name: str, ctx: Any) -> Part | None:
        """The part that lists something of this name; parts are asked in order, and no further than needed."""
        for part in self.parts:
            await part.ready.wait()
            listed = None if part.failure else await part.answer(method, ctx, None)
            if listed is not None and any(one.name == name for one in getattr(listed, attribute)):
                return part
        return None


class Front:
    """The suite's request handlers: lists are concatenated, everything else goes to the part that has it."""

    def __init__(self, suite: Suite) -> None:
        self.suite = suite

    async def list_tools(self, ctx: Any, params: Any) -> ListToolsResult:
        return ListToolsResult(tools=await self.suite.gather("tools/list", "tools", ctx, params))

    async def call_tool(self, ctx: Any, params: Any) -> Any:
        part = await self.suite.holder("tools/list", "tools", params.name, ctx)
        if part is None:
            failures = " ".join(f"({one.failure})" for one in self.suite.parts if one.failure)
            text = f"No tool {params.name[:60]!r} here. {failures}".strip()
            return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
        return await part.answer("tools/call", ctx, params)

    async def list_resources(self, ctx: Any, params: Any) -> ListResourcesResult:
        return ListResourcesResult(resources=await self.suite.gather("resources/list", "resources", ctx, params))

    async def list_templates(self, ctx: Any, params: Any) -> ListResourceTemplatesResult:
        found = await self.suite.gather("resources/templates/list", "resource_templates", ctx, params)
        return ListResourceTemplatesResult(resource_templates=found)

    async def read_resource(self, ctx: Any, params: Any) -> Any:
        refusal = MCPError(INVALID_PARAMS, f"No resource {str(params.uri)[:80]!r}.")
        for part in await self.suite.running():
            try:
                answer = await part.answer("resources/read", ctx, params)
            except MCPError as error:
                refusal = error
                continue
            if answer is not None:
                return answer
        raise refusal

    async def list_prompts(self, ctx: Any, params: Any) -> ListPromptsResult:
        return ListPromptsResult(prompts=await self.suite.gather("prompts/list", "prompts", ctx, params))

    async def get_prompt(self, ctx: Any, params: Any) -> Any:
        part = await self.suite.holder("prompts/list", "prompts", params.name, ctx)
        if part is None:
            raise MCPError(INVALID_PARAMS, f"No prompt {params.name[:60]!r}. List them with prompts/list.")
        return await part.answer("prompts/get", ctx, params)

    async def complete(self, ctx: Any, params: Any) -> Any:
        for part in await self.suite.running():
            answer = await part.answer("completion/complete", ctx, params)
            if answer is not None and answer.completion.values:
                return answer
        return CompleteResult(completion=Completion(values=[], total=0, has_more=False))


def build_suite(parts: list[Part]) -> Server[Any]:
    """Build the one server in front of `parts`."""
    suite = Suite(parts)
    front = Front(suite)
    server: Server[Any] = Server(
        "understudy",
        title="Understudy",
        version=metadata.version("understudy"),
        instructions=INSTRUCTIONS,
        lifespan=suite.lifespan,
        on_list_tools=front.list_tools,
        on_call_tool=front.call_tool,
        on_list_resources=front.list_resources,
        on_list_resource_templates=front.list_templates,
        on_read_resource=front.read_resource,
        on_list_prompts=front.list_prompts,
        on_get_prompt=front.get_prompt,
        on_completion=front.complete,
    )
    server.middleware.append(suite.route)
    return server


def parts_of(roots: tuple[Path, ...], store: Path | None, isolation: Any, *, local: bool = True) -> list[Part]:
    """The three servers with the options that `serve all` offers; each alone offers more.

    `local` says that the client runs on this machine, so that the folders it names are folders here.
    """

    def thinking() -> MCPApplication:
        from understudy_servers.thinking.server import build_server  # noqa: PLC0415 - a part loads in its own thread
        from understudy_servers.thinking.shelf import Shelf  # noqa: PLC0415
        from understudy_servers.thinking.store import Store  # noqa: PLC0415

        return build_server(Shelf(clock=time.time, store=Store(store).prepare() if store else None))

    def docs() -> MCPApplication:
        from understudy_servers.docs.commands import open_dense, open_store  # noqa: PLC0415
        from understudy_servers.docs.desk import Desk  # noqa: PLC0415
        from understudy_servers.docs.index.building import ProcessBuilder  # noqa: PLC0415
        from understudy_servers.docs.project import Project  # noqa: PLC0415
        from understudy_servers.docs.server import build_server  # noqa: PLC0415

        kept = open_store(None)
        project = Project(roots=roots or (Path.cwd(),), pythons=())
        desk = Desk(kept, project, ProcessBuilder(kept), dense=open_dense(kept, "", ""), added=[])
        return cast("MCPApplication", build_server(desk, asks_roots=local and not roots))

    def testing() -> MCPApplication:
        from understudy_servers.testing.commands import settings  # noqa: PLC0415
        from understudy_servers.testing.server import build_server  # noqa: PLC0415

        chosen = settings(roots[0] if roots else None, policy=isolation)
        return cast("MCPApplication", build_server(chosen))

    return [Part("thinking", thinking), Part("docs", docs), Part("testing", testing)]
