"""The MCP surface of the docs server: Context7's two tools with their names and formats, and what goes beyond them."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

import anyio
from anyio import to_thread
from mcp.server.mcpserver import Context, ListRoots, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.resources import ResourceSecurity
from mcp.server.mcpserver.tools import Tool, ToolManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INVALID_PARAMS,
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    ListRootsResult,
    Resource,
    TextContent,
    ToolAnnotations,
)

from understudy_servers.docs import outline
from understudy_servers.docs.catalog import Library, NotIndexed
from understudy_servers.docs.desk import Desk, StillIndexing
from understudy_servers.docs.ids import BadLibraryId, symbol_name
from understudy_servers.docs.index.store import IndexUnusable
from understudy_servers.docs.reply import (
    DEFAULT_TOKENS,
    DocsFields,
    LibrariesFields,
    library_fields,
    library_text,
    list_reply,
    pack,
)
from understudy_servers.docs.sources.addable import CannotAdd
from understudy_servers.docs.sources.reading import UnreadableSource
from understudy_servers.docs.spellings import SPELLINGS, blanks
from understudy_servers.errors import readable
from understudy_servers.repair import repairing

if TYPE_CHECKING:
    from mcp.server.context import ServerMiddleware

INSTRUCTIONS = (
    "Documentation of the exact library versions this project has installed. Use it before writing code against a "
    "library's API. Call query-docs with a library name and one question."
)
READ = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
WRITE = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=True)
UNLISTED = frozenset({"get-library-docs"})
EXPECTED = (NotIndexed, BadLibraryId, StillIndexing, UnreadableSource, IndexUnusable)
OVERVIEW = "overview getting started"  # what an empty question asks
MAX_QUESTION = 20_000  # characters that are read of a question; a pasted log says no more in its second megabyte
WAIT_SECONDS = 45.0  # below the 60 s after which common clients give a call up
POLL_SECONDS = 0.03
MAX_RESOURCES = 200


def client_roots(ctx: Context["Answers"]) -> ListRoots | ListRootsResult:
    """Ask the client for its folders, once, when it can tell and the user has not said them already."""
    capabilities = ctx.client_capabilities
    if not ctx.request_context.lifespan_context.asks_roots or capabilities is None or capabilities.roots is None:
        return ListRootsResult(roots=[])
    return ListRoots()


Roots = Annotated[ListRootsResult, Resolve(client_roots)]


class Answers:
    """The tools as functions over a desk."""

    def __init__(self, desk: Desk, *, tokens: int = DEFAULT_TOKENS, asks_roots: bool = False) -> None:
        self.desk = desk
        self.tokens = tokens
        self.asks_roots = asks_roots
        self.secret = desk.store.setting("secret")

    async def resolve(
        self, libraryName: str, roots: Roots, query: str = ""
    ) -> Annotated[CallToolResult, LibrariesFields]:
        """Find the id and versions of a library. Not needed first: query-docs takes plain names too."""
        self.enter(roots)
        with readable(BadLibraryId, IndexUnusable):
            try:
                found = await to_thread.run_sync(self.desk.resolve, libraryName)
            except NotIndexed as refusal:
                fields = LibrariesFields(libraries=[], message=str(refusal))
                return result(f"No libraries found matching the provided name. {refusal}", fields)
        fields = LibrariesFields(libraries=[library_fields(one, self.desk.dense) for one in found[:8]])
        entries = "\n----------\n".join(map(library_text, fields.libraries))
        return result(f"Available Libraries:\n\n{entries}", fields)

    async def query(
        self, libraryId: str, query: str, ctx: Context[Any], roots: Roots, tokens: int = 0, page: int = 1
    ) -> Annotated[CallToolResult, DocsFields]:
        """Read documentation of a library: how to do something, or what a function takes.

        libraryId: name (pydantic, pydantic@2.11, npm:react) or id. query: one question. tokens: size limit, default
        2000. page: 2 for more.
        """
        self.enter(roots)
        query = query.strip()[:MAX_QUESTION] or OVERVIEW
        with readable(*EXPECTED):
            if not libraryId.strip():
                raise await to_thread.run_sync(which_library, self.desk, query)
            library, number = await to_thread.run_sync(self.desk.locate, libraryId)
            await self.ready(library, number, ctx)
            found = await to_thread.run_sync(self.desk.ask, library, number, query)
        return result(*pack(found, query=query, tokens=tokens or self.tokens, page=page, secret=self.secret))

    async def legacy(
        self,
        context7CompatibleLibraryID: str,
        ctx: Context[Any],
        roots: Roots,
        topic: str = "",
        tokens: int = 0,
        page: int = 1,
        mode: str = "code",
    ) -> Annotated[CallToolResult, DocsFields]:
        """Read documentation of a library, as Context7 1.x named it."""
        return await self.query(context7CompatibleLibraryID, topic, ctx, roots, tokens, page)

    async def symbol(
        self, name: str, ctx: Context[Any], roots: Roots, libraryId: str = ""
    ) -> Annotated[CallToolResult, DocsFields]:
        """Look up one function, class or method by name: signature and documentation."""
        self.enter(roots)
        name = symbol_name(name)
        with readable(*EXPECTED):
            if not name:
                raise BadLibraryId("name is missing. Write one symbol's name, such as 'pydantic.BaseModel'.")
            places, said = await to_thread.run_sync(self.desk.places, name, libraryId)
            for library, number in places:
                await self.ready(library, number, ctx)
            found = await to_thread.run_sync(partial(self.desk.symbol, places, name, said=said))
        return result(*pack(found, query=name, tokens=self.tokens, page=1, secret=self.secret))

    async def libraries(self, roots: Roots, filter: str = "") -> Annotated[CallToolResult, LibrariesFields]:
        """List libraries with version, source and state of the index."""
        self.enter(roots)
        with readable(IndexUnusable):
            libraries = await to_thread.run_sync(self.desk.libraries)
            wanted = [one for one in libraries.values() if filter.lower() in one.title.lower()]
            digest = await to_thread.run_sync(self.desk.store.digest)
            return result(*list_reply(wanted, self.desk.dense, notes=self.desk.project.notes, digest=digest))

    async def add(
        self, source: str, ctx: Context[Any], roots: Roots, libraryId: str = ""
    ) -> Annotated[CallToolResult, LibrariesFields]:
        """Index more documentation: a folder or file, pypi:x==1, npm:x@1, or a URL."""
        self.enter(roots)
        with readable(*EXPECTED, CannotAdd):
            added = await to_thread.run_sync(partial(self.desk.add, source, name=libraryId))
            library, number = await to_thread.run_sync(self.desk.locate, added.id)
            try:
                await self.ready(library, number, ctx)
            except UnreadableSource:
                self.desk.added = [one for one in self.desk.added if one.id != added.id]
                raise
            library, number = await to_thread.run_sync(self.desk.locate, added.id)
        fields = library_fields(library, self.desk.dense)
        text = (
            f"Indexed {library.title} {number}".rstrip()
            + f": {fields.snippets} snippets. Ask with libraryId {added.id!r}."
        )
        return result(text, LibrariesFields(libraries=[fields], message=text))

    def enter(self, roots: ListRootsResult) -> None:
        """Work in the client's folders from now on, if it named any."""
        folders = [path for root in roots.roots if (path := local_path(str(root.uri))) is not None]
        if folders:
            self.asks_roots = False
            self.desk.project.roots = folders

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


def which_library(desk: Desk, query: str) -> BadLibraryId:
    """Return the refusal of a question that names no library: those its words name are offered, none is assumed."""
    titles = {one.title.lower(): one.title for one in desk.libraries().values()}
    named = [titles[word] for word in dict.fromkeys(re.findall(r"[\w.-]+", query.lower())) if word in titles]
    hint = f"the question names {', '.join(named[:3])}" if named else "`list-libraries` shows what there is"
    return BadLibraryId(f"libraryId is missing. Write the library's name, such as 'pydantic'; {hint}.")


def local_path(uri: str) -> Path | None:
    """Return the folder of a `file:` root that exists on this machine."""
    parts = urlsplit(uri)
    path = Path(url2pathname(parts.path))
    return path if parts.scheme == "file" and path.is_dir() else None


def result(text: str, fields: DocsFields | LibrariesFields) -> CallToolResult:
    """Return text and fields, each complete."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=fields.model_dump())


def build_server(
    desk: Desk,
    *,
    tokens: int = DEFAULT_TOKENS,
    legacy: bool = False,
    read_only: bool = False,
    asks_roots: bool = False,
) -> MCPServer[Any]:
    """Return the server over a desk.

    Args:
        tokens: the cap of a reply when the caller names none.
        legacy: also list the tool of Context7 1.x, which is callable anyway.
        read_only: offer no tool that changes the index.
        asks_roots: take the project's folders from the client, for a server that runs on the client's machine.
    """
    answers = Answers(desk, tokens=tokens, asks_roots=asks_roots)

    def tools() -> list[Tool]:
        made = [
            tool(answers.resolve, "resolve-library-id", "Find Library"),
            tool(answers.query, "query-docs", "Query Documentation"),
            tool(answers.symbol, "get-symbol", "Get Symbol"),
            tool(answers.libraries, "list-libraries", "List Libraries"),
            tool(answers.legacy, "get-library-docs", "Get Library Docs"),
        ]
        return made if read_only else [*made, tool(answers.add, "add-docs", "Add Documentation", WRITE)]

    hidden: frozenset[str] = frozenset() if legacy else UNLISTED
    middleware = cast(
        "list[ServerMiddleware[Any]]",
        [
            starting(desk),
            listing(hidden),
            repairing(lambda: server.list_tools(), SPELLINGS),
            blanks(lambda name: required(server, name)),
        ],
    )

    @asynccontextmanager
    async def lifespan(_: MCPServer[Answers]) -> AsyncIterator[Answers]:
        yield answers

    server: MCPServer[Answers] = DocsServer(
        desk,
        tools,
        "understudy-docs",
        title="Understudy docs",
        version=installed_version("understudy"),
        instructions=INSTRUCTIONS,
        middleware=middleware,
        lifespan=lifespan,
    )
    readable_parts(server, desk)
    return server


async def required(server: MCPServer[Any], name: str) -> list[str]:
    """Return the parameters that a tool insists on."""
    return [
        field for one in await server.list_tools() if one.name == name for field in one.input_schema.get("required", ())
    ]


class LazyTools(ToolManager):
    """Makes its tools with the first request that needs one: their schemas take longer than the rest of a start."""

    def __init__(self, make: Callable[[], list[Tool]]) -> None:
        super().__init__()
        self._make = make

    def list_tools(self) -> list[Tool]:
        if not self._tools:
            self._tools = {tool.name: tool for tool in self._make()}
        return super().list_tools()

    def get_tool(self, name: str) -> Tool | None:
        self.list_tools()
        return super().get_tool(name)


class DocsServer(MCPServer[Answers]):
    """A server whose tools are made when they are asked for, and whose list of resources follows the index."""

    def __init__(self, desk: Desk, tools: Callable[[], list[Tool]], *arguments: Any, **settings: Any) -> None:
        self.desk = desk
        super().__init__(*arguments, **settings)
        self._tool_manager = LazyTools(tools)

    async def list_resources(self) -> list[Resource]:
        """List what is indexed; what is only installed is read by its address, and completed there."""
        libraries = await to_thread.run_sync(self.desk.libraries)
        indexed = [one for one in libraries.values() if one.indexed]
        found = [
            Resource(
                uri=outline.address(one, number),
                name=f"{one.title} {number}".strip(),
                title=f"{one.title} {number}: pages and symbols".replace(" :", ":"),
                mime_type="text/markdown",
            )
            for one in indexed
            for number in one.indexed
        ]
        return [*await super().list_resources(), *found[:MAX_RESOURCES]]


def readable_parts(server: MCPServer[Any], desk: Desk) -> None:
    """Give the server its resources, its prompt and their completions; none of them costs the model a token."""

    @server.resource("docs://libraries", name="libraries", title="All libraries", mime_type="text/plain")
    async def libraries() -> str:
        return await to_thread.run_sync(lambda: list_reply(list(desk.libraries().values()), desk.dense, limit=1_000)[0])

    @server.resource(
        "docs://{ecosystem}/{name}", name="library", title="What a library holds", mime_type="text/markdown"
    )
    async def library(ecosystem: str, name: str) -> str:
        with found_or_not():
            return await to_thread.run_sync(outline.outline, desk, ecosystem, name)

    @server.resource(
        "docs://{ecosystem}/{name}/{page}",
        name="page",
        title="One page or symbol, whole",
        mime_type="text/markdown",
        security=ResourceSecurity(exempt_params={"page"}),  # a key of the index, never a path
    )
    async def page(ecosystem: str, name: str, page: str) -> str:
        with found_or_not():
            return await to_thread.run_sync(outline.document, desk, ecosystem, name, page)

    @server.prompt(name="docs", title="Answer from documentation")
    async def ask(library: str, question: str) -> str:
        """Put what the documentation of a library says about a question before the model."""
        try:
            text = await to_thread.run_sync(answered, desk, library, question)
        except EXPECTED as error:
            raise MCPError(INVALID_PARAMS, str(error)) from error
        return f"{question}\n\nAnswer from this documentation.\n\n{text}"

    @server.completion()  # type: ignore[no-untyped-call, untyped-decorator]  # the SDK gives it no types
    async def complete(ref: Any, argument: CompletionArgument, context: CompletionContext | None) -> Completion:
        known = dict(context.arguments or {}) if context else {}
        values = await to_thread.run_sync(outline.complete, desk, argument.name, argument.value, known)
        return Completion(values=values, total=len(values), has_more=False)


def answered(desk: Desk, library_id: str, question: str) -> str:
    """Return what `query-docs` would say, waiting for the index when need be."""
    desk.wait(*desk.locate(library_id), seconds=WAIT_SECONDS)
    found = desk.ask(*desk.locate(library_id), question)
    return pack(found, query=question, tokens=DEFAULT_TOKENS, page=1, secret=desk.store.setting("secret"))[0]


@contextmanager
def found_or_not() -> Generator[None]:
    """Turn a library or page that is not there into the protocol's own refusal, with the same words."""
    try:
        yield
    except EXPECTED as error:
        raise ResourceNotFoundError(str(error)) from error


def tool(
    function: Callable[..., Awaitable[CallToolResult]], name: str, title: str, annotations: ToolAnnotations = READ
) -> Tool:
    """Return a tool with plain schemas: pydantic's titles and definitions cost half of a listing's tokens.

    The structured content is still checked against the full model before it is sent.
    """
    made = Tool.from_function(function, name=name, title=title, annotations=annotations)
    made.description = " ".join((made.description or "").split())
    made.parameters = _slim(made.parameters)
    full = made.fn_metadata.output_schema or {}
    made.fn_metadata.output_schema = {
        "type": "object",
        "properties": {key: {"type": value["type"]} for key, value in full.get("properties", {}).items()},
    }
    return made


def _slim(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {
        key: {name: part for name, part in value.items() if name != "title"}
        for key, value in schema.get("properties", {}).items()
    }
    return {key: value for key, value in schema.items() if key not in ("title", "properties")} | {
        "properties": properties
    }


def starting(desk: Desk) -> Callable[..., Awaitable[Any]]:
    """Return the middleware that loads the query model once the client has been greeted, not before."""

    async def start(ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        answer = await call_next(ctx)
        if ctx.method in ("tools/list", "tools/call"):
            desk.start()
        return answer

    return start


def listing(hidden: frozenset[str]) -> Callable[..., Awaitable[Any]]:
    """Return the middleware that leaves tools out of tools/list; they stay callable."""

    async def leave_out(ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        answer = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(answer, dict):
            answer = {**answer, "tools": [one for one in answer["tools"] if one["name"] not in hidden]}
        return answer

    return leave_out
