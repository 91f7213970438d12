"""The MCP surface of the docs server: Context7's two tools with their names and formats, and what goes beyond them."""

from collections.abc import Awaitable, Callable
from importlib.metadata import version as installed_version
from typing import TYPE_CHECKING, Annotated, Any, cast

import anyio
from anyio import to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations

from understudy_servers.docs.catalog import Library, NotIndexed
from understudy_servers.docs.desk import Desk, StillIndexing
from understudy_servers.docs.ids import BadLibraryId
from understudy_servers.docs.reading import UnreadableSource
from understudy_servers.docs.reply import (
    DEFAULT_TOKENS,
    DocsFields,
    LibrariesFields,
    library_fields,
    library_text,
    pack,
)
from understudy_servers.errors import readable
from understudy_servers.repair import Spelling, repairing

if TYPE_CHECKING:
    from mcp.server.context import ServerMiddleware

INSTRUCTIONS = (
    "Documentation of the exact library versions this project has installed. Use it before writing code against a "
    "library's API. Call query-docs with a library name and one question."
)
READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
UNLISTED = frozenset({"get-library-docs"})
EXPECTED = (NotIndexed, BadLibraryId, StillIndexing, UnreadableSource)
WAIT_SECONDS = 45.0  # below the 60 s after which common clients give a call up
POLL_SECONDS = 0.03
SPELLINGS = {
    "resolve-library-id": Spelling(
        main="libraryName",
        aliases={
            "userQuery": ("query",),
            "question": ("query",),
            "library": ("libraryName",),
            "name": ("libraryName",),
        },
    ),
    "query-docs": Spelling(
        main="query",
        aliases={
            "userQuery": ("query",),
            "question": ("query",),
            "topic": ("query",),
            "context7CompatibleLibraryID": ("libraryId",),
            "libraryID": ("libraryId",),
            "libraryName": ("libraryId",),
            "library": ("libraryId",),
        },
        counted=("page",),
        dropped=("tokens",),
    ),
    "get-library-docs": Spelling(
        main="topic",
        aliases={
            "libraryId": ("context7CompatibleLibraryID",),
            "libraryName": ("context7CompatibleLibraryID",),
            "query": ("topic",),
        },
        counted=("page",),
        dropped=("tokens",),
    ),
}


class Answers:
    """The tools as functions over a desk."""

    def __init__(self, desk: Desk, *, tokens: int = DEFAULT_TOKENS) -> None:
        self.desk = desk
        self.tokens = tokens

    async def resolve(self, libraryName: str, query: str = "") -> Annotated[CallToolResult, LibrariesFields]:
        """Find the id and versions of a library. query-docs also takes plain names, so this is only for lookups."""
        with readable(BadLibraryId):
            try:
                found = await to_thread.run_sync(self.desk.resolve, libraryName)
            except NotIndexed as refusal:
                fields = LibrariesFields(libraries=[], message=str(refusal))
                return result(f"No libraries found matching the provided name. {refusal}", fields)
        fields = LibrariesFields(libraries=[library_fields(one) for one in found[:8]])
        entries = "\n----------\n".join(map(library_text, fields.libraries))
        return result(f"Available Libraries:\n\n{entries}", fields)

    async def query(
        self, libraryId: str, query: str, ctx: Context[Any], tokens: int = 0, page: int = 1
    ) -> Annotated[CallToolResult, DocsFields]:
        """Read documentation of a library: how to do something, or what a function takes.

        libraryId: a name (pydantic, pydantic@2.11, npm:react) or id (/pypi/pydantic). query: one question. tokens: size
        limit, default 2000. page: 2 for more results.
        """
        with readable(*EXPECTED):
            library, number = await to_thread.run_sync(self.desk.locate, libraryId)
            await self.ready(library, number, ctx)
            found = await to_thread.run_sync(self.desk.ask, library, number, query)
        secret = self.desk.store.setting("secret")
        return result(*pack(found, query=query, tokens=tokens or self.tokens, page=page, secret=secret))

    async def legacy(
        self,
        context7CompatibleLibraryID: str,
        ctx: Context[Any],
        topic: str = "",
        tokens: int = 0,
        page: int = 1,
        mode: str = "code",
    ) -> Annotated[CallToolResult, DocsFields]:
        """Read documentation of a library, as Context7 1.x named it."""
        return await self.query(context7CompatibleLibraryID, topic or "overview getting started", ctx, tokens, page)

    async def ready(self, library: Library, number: str, ctx: Context[Any]) -> None:
        """Wait until a version is indexed, saying how far it is."""
        job = await to_thread.run_sync(self.desk.job, library, number)
        if job is None:
            return
        with anyio.move_on_after(WAIT_SECONDS):
            while not (state := await to_thread.run_sync(self.desk.check, job)).finished:
                await ctx.report_progress(state.done, state.total or None, f"indexing {library.title} {number}")
                await anyio.sleep(POLL_SECONDS)
            return
        raise StillIndexing(f"{library.title} {number} is still being indexed. Ask again in a minute.")


def result(text: str, fields: DocsFields | LibrariesFields) -> CallToolResult:
    """Return text and fields, each complete."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=fields.model_dump())


def build_server(desk: Desk, *, tokens: int = DEFAULT_TOKENS, legacy: bool = False) -> MCPServer[Any]:
    """Return the server over a desk.

    Args:
        tokens: the cap of a reply when the caller names none.
        legacy: also list the tool of Context7 1.x, which is callable anyway.
    """
    answers = Answers(desk, tokens=tokens)
    tools = [
        tool(answers.resolve, "resolve-library-id", "Find Library"),
        tool(answers.query, "query-docs", "Query Documentation"),
        tool(answers.legacy, "get-library-docs", "Get Library Docs"),
    ]
    hidden = frozenset() if legacy else UNLISTED
    middleware = cast(
        "list[ServerMiddleware[Any]]", [listing(hidden), repairing(lambda: server.list_tools(), SPELLINGS)]
    )
    server: MCPServer[Any] = MCPServer(
        "understudy-docs",
        title="Understudy docs",
        version=installed_version("understudy"),
        instructions=INSTRUCTIONS,
        tools=tools,
        middleware=middleware,
    )
    return server


def tool(function: Callable[..., Awaitable[CallToolResult]], name: str, title: str) -> Tool:
    """Return a tool with a plain schema: no titles, which cost a quarter of a definition's tokens."""
    made = Tool.from_function(function, name=name, title=title, annotations=READ)
    made.description = " ".join((made.description or "").split())
    made.parameters = _slim(made.parameters)
    return made


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {
        key: {name: part for name, part in value.items() if name != "title"}
        for key, value in schema.get("properties", {}).items()
    }
    return {key: value for key, value in schema.items() if key not in ("title", "properties")} | {
        "properties": properties
    }


def listing(hidden: frozenset[str]) -> Callable[..., Awaitable[Any]]:
    """Return the middleware that leaves tools out of tools/list; they stay callable."""

    async def leave_out(ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        answer = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(answer, dict):
            answer = {**answer, "tools": [one for one in answer["tools"] if one["name"] not in hidden]}
        return answer

    return leave_out
