"""The MCP surface of the testing server: four tools, what a host may say in `_meta`, and words for failures."""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from anyio import to_thread
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations

from understudy_servers.errors import readable
from understudy_servers.repair import Spelling, repairing
from understudy_servers.testing.execute import Machine, sweep
from understudy_servers.testing.project import Project, hidden_files
from understudy_servers.testing.result import Result
from understudy_servers.testing.subjects import Loose, ProjectSubject, Subject
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.worker.events import short
from understudy_servers.testing.workspace import BadWorkspace, Store, UnknownWorkspace, checked_files

INSTRUCTIONS = "Verify code with run_tests after each change; repair what it names; a pass is proved, so you can stop."
RUN = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
SPELLINGS = {
    "run_tests": Spelling(
        main="select",
        names=("run_test", "test", "pytest"),
        aliases={
            "code": ["files"],
            "file": ["files", "select"],
            "test": ["select"],
            "tests": ["select"],
            "filter": ["select"],
        },
    ),
}
Meta = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the person who starts the server decides; nothing of it can be reached by a client."""

    machine: Machine = field(default_factory=Machine)
    workers: int = max(1, (os.cpu_count() or 2) // 2)
    grade: bool = False
    root: Path | None = None
    protected: tuple[str, ...] = ()
    hidden: Path | None = None
    writes: bool = False

    def open_project(self, root: Path) -> ProjectSubject:
        """Open the project at `root` with its hidden tests.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        project = Project.open(root, self.protected, writes=self.writes)
        return ProjectSubject(project, {} if self.hidden is None else hidden_files(self.hidden))


def build_server(settings: Settings | None = None) -> MCPServer[None]:
    """Build the server. Nothing is started before the first call."""
    settings = settings or Settings()
    verifier = Verifier(settings.machine, workers=settings.workers)
    door = Door(verifier, settings)

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncGenerator[None]:
        sweep()
        try:
            yield None
        finally:
            await to_thread.run_sync(verifier.close)

    server: MCPServer[None] = MCPServer(
        "understudy-testing",
        title="Understudy testing",
        version=metadata.version("understudy"),
        instructions=INSTRUCTIONS,
        tools=[_slim(Tool.from_function(tool, annotations=RUN, structured_output=False)) for tool in door.tools()],
        lifespan=lifespan,
    )
    server.middleware.append(repairing(server.list_tools, SPELLINGS))
    return server


def _slim(tool: Tool) -> Tool:
    """Drop what costs tokens and says nothing: generated titles and empty defaults."""
    properties = {
        name: {key: value for key, value in schema.items() if key not in {"title", "default"}}
        for name, schema in tool.parameters.get("properties", {}).items()
    }
    tool.parameters = {
        key: value for key, value in {**tool.parameters, "properties": properties}.items() if key != "title"
    }
    return tool


class Door:
    """The tools as bound methods, so that two servers in one process share nothing."""

    def __init__(self, verifier: Verifier, settings: Settings) -> None:
        self.verifier, self.settings = verifier, settings
        self.store = Store()
        self.project = settings.open_project(settings.root) if settings.root else None

    def tools(self) -> list[Any]:
        return [self.run_tests, self.test_status]

    async def run_tests(
        self,
        ctx: Context,
        files: dict[str, str] = {},  # noqa: B006 - never changed; a plain type for a plain schema
        select: str = "",
        only: Literal["all", "failed", "changed"] = "all",
    ) -> CallToolResult:
        """Run the tests with your files {path: content} laid over the project. select: a test id, file or word."""
        meta: Meta = ctx.request_context.meta or {}
        if meta.get("understudy/grade") and not self.settings.grade:
            return _answer(
                Result(
                    "infra_error", "grade_not_allowed", notes=["Start the server with --grade to grade hidden tests."]
                )
            )
        try:
            with readable(ValueError):
                request = Request(
                    subject=self._subject(meta),
                    candidate=_candidate(files),
                    select=[select] if select else None,
                    only=only,
                    grade=bool(meta.get("understudy/grade")),
                    limits=_limits(meta),
                    client=_client(ctx, meta),
                )
                return _answer(await self.verifier.verify(request))
        except UnknownWorkspace as error:
            return _answer(Result("infra_error", "unknown_workspace", notes=[short(error, 400)]))
        except BadWorkspace as error:
            return _answer(
                Result(
                    "infra_error",
                    "workspace_id" if "address" in str(error) else "bad_workspace",
                    notes=[short(error, 400)],
                )
            )

    def _subject(self, meta: Meta) -> Subject:
        if "understudy/workspace" in meta:
            return Loose(self.store.resolve(meta["understudy/workspace"]))
        if self.project is None:
            with readable(NotADirectoryError):
                self.project = self.settings.open_project(Path.cwd())
        return self.project

    async def test_status(self) -> CallToolResult:
        """Frameworks found, sandbox layers, queue and limits."""
        status = await to_thread.run_sync(self.verifier.status)
        lines = [f"{name}: {value}" for name, value in status.items() if value]
        return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=status)


def _candidate(files: Mapping[str, str]) -> dict[str, str]:
    try:
        return checked_files(files)
    except BadWorkspace as error:
        raise ToolError(str(error)) from error


def _limits(meta: Meta) -> Mapping[str, Any]:
    limits = meta.get("understudy/limits") or {}
    if not isinstance(limits, Mapping):
        raise ToolError(f"understudy/limits must be an object, got {type(limits).__name__}.")
    return limits


def _client(ctx: Context, meta: Meta) -> str:
    """Who asks, for fairness and for the delta: the host's word, else the HTTP session, else the one stdio client."""
    session = (ctx.headers or {}).get("mcp-session-id", "")
    return short(meta.get("understudy/client") or session, 100)


def _answer(result: Result) -> CallToolResult:
    text = TextContent(type="text", text=result.as_text())
    failed = result.verdict == "infra_error"
    return CallToolResult(content=[text], structured_content=result.as_json(), is_error=failed)
