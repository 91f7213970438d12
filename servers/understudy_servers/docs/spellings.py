"""How models write the calls of the docs server: other names of its tools and parameters, and what is left out."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from understudy_servers.repair import Spelling

_LIBRARY = (
    *("context7CompatibleLibraryID", "libraryID", "libraryName", "library", "lib", "package", "packageName", "module"),
    *("name", "id", "project", "framework", "dependency"),
)
_QUERY = (
    *("userQuery", "question", "topic", "q", "search", "searchQuery", "search_term", "keywords", "text", "prompt"),
    *("task", "ask", "description"),
)

SPELLINGS = {
    "resolve-library-id": Spelling(
        main="libraryName",
        names=("resolve-library", "find-library", "search-library", "search-libraries"),
        aliases=dict.fromkeys(_QUERY, ("query",)) | dict.fromkeys((*_LIBRARY, "libraryId"), ("libraryName",)),
    ),
    "query-docs": Spelling(
        main="query",
        names=("search-docs", "get-docs", "read-docs", "query-documentation", "docs"),
        aliases=dict.fromkeys(_LIBRARY, ("libraryId",))
        | dict.fromkeys(_QUERY, ("query",))
        | dict.fromkeys(("limit", "maxTokens", "max_length"), ("tokens",)),
        counted=("page",),
        dropped=("tokens",),
    ),
    "get-symbol": Spelling(
        main="name",
        names=("lookup-symbol", "symbol", "get-signature", "get-api"),
        aliases=dict.fromkeys(
            (*("symbol", "symbolName", "query", "class", "className", "method", "functionName", "identifier"), "path"),
            ("name",),
        )
        | dict.fromkeys([one for one in _LIBRARY if one not in ("name", "id")], ("libraryId",)),
    ),
    "list-libraries": Spelling(
        main="filter",
        names=("libraries", "list-docs"),
        aliases=dict.fromkeys((*_LIBRARY, *_QUERY, "query", "libraryId", "pattern", "prefix"), ("filter",)),
    ),
    "add-docs": Spelling(
        main="source",
        names=("index-docs", "add-documentation"),
        aliases=dict.fromkeys(("url", "path", "folder", "file", "location", "uri", "address"), ("source",))
        | dict.fromkeys([one for one in _LIBRARY if one not in ("id", "project")], ("libraryId",)),
    ),
    "get-library-docs": Spelling(
        main="topic",
        aliases=dict.fromkeys((*_LIBRARY[1:], "libraryId"), ("context7CompatibleLibraryID",))
        | dict.fromkeys([*(one for one in _QUERY if one != "topic"), "query"], ("topic",)),
        counted=("page",),
        dropped=("tokens",),
    ),
}


def blanks(required: Callable[[str], Awaitable[list[str]]]) -> Callable[..., Awaitable[Any]]:
    """Return the middleware that makes what a call leaves out empty, for the tool itself to say what it needs.

    The schema's own words for a missing field are three lines and an address, and a small model copies the address.
    """

    async def fill(ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        if ctx.method != "tools/call":
            return await call_next(ctx)
        params = dict(ctx.params or {})
        arguments = params.get("arguments") or {}
        if isinstance(arguments, dict):
            missing = [name for name in await required(str(params.get("name"))) if arguments.get(name) is None]
            params["arguments"] = arguments | dict.fromkeys(missing, "")
        return await call_next(replace(ctx, params=params))

    return fill
