"""The MCP surface of the testing server: four tools, what a host may say in `_meta`, and words for failures."""

import os
import warnings
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any, Literal
from urllib.request import url2pathname

from anyio import move_on_after, to_thread
from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import CallToolResult, TextContent, ToolAnnotations

from understudy_servers.errors import readable
from understudy_servers.repair import Spelling, repairing
from understudy_servers.testing.engines.execute import Machine, sweep
from understudy_servers.testing.engines.isolation import SandboxRefused
from understudy_servers.testing.engines.warm import ZygoteLost
from understudy_servers.testing.explain import Unanswerable
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.project import Project, hidden_files, interpreter
from understudy_servers.testing.result import Result
from understudy_servers.testing.subjects import Loose, ProjectSubject, Subject
from understudy_servers.testing.verifier import Only, Request, Verifier
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
    "explain_failure": Spelling(main="id", aliases={"test": ["id"], "name": ["id"], "test_id": ["id"]}),
}
Meta = Mapping[str, Any]
ROOTS_S = 2.0  # how long a client may take to name its roots


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the person who starts the server decides; nothing of it can be reached by a client."""

    machine: Machine = field(default_factory=Machine)
    workers: int = max(1, (os.cpu_count() or 2) // 2)
    grade: bool = False
    project_limits: Limits | None = None  # of every project; else those of the machine
    python: str | None = None  # the interpreter that was asked for; else each project's own
    root: Path | None = None
    protected: tuple[str, ...] = ()
    hidden: Path | None = None
    writes: bool = False
    framework: Foreign | None = None  # chosen for the project; else it is found by its files

    def open_project(self, root: Path) -> ProjectSubject:
        """Open the project at `root` with its hidden tests.

        Raises:
            NotADirectoryError: there is no such folder.
        """
        project = Project.open(root, self.protected, writes=self.writes)
        unseen = {} if self.hidden is None else hidden_files(self.hidden)
        return ProjectSubject(project, unseen, self.framework)


def build_server(settings: Settings | None = None) -> MCPServer[None]:
    """Build the server. Nothing is started before the first call."""
    settings = settings or Settings()
    door = Door(settings)

    @asynccontextmanager
    async def lifespan(_: MCPServer[None]) -> AsyncGenerator[None]:
        sweep()
        try:
            yield None
        finally:
            await to_thread.run_sync(door.close)

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

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.verifier = Verifier(settings.machine, workers=settings.workers)
        self.store = Store()
        self.projects: dict[Path, tuple[Verifier, ProjectSubject]] = {}

    def close(self) -> None:
        """End every warm interpreter; the next call would start new ones."""
        for verifier, _ in self.projects.values():
            verifier.close()
        self.projects.clear()
        self.verifier.close()

    def tools(self) -> list[Any]:
        return [self.run_tests, self.explain_failure, self.check_suite, self.test_status]

    async def run_tests(
        self,
        ctx: Context,
        files: dict[str, str] = {},  # noqa: B006 - never changed; a plain type for a plain schema
        select: str = "",
        only: Literal["all", "failed", "changed"] = "all",
        detail: bool = False,
    ) -> CallToolResult:
        """Run the tests, with your files {path: content} laid over the project. select: test id, file or word."""
        meta: Meta = ctx.request_context.meta or {}
        if meta.get("understudy/grade") and not self.settings.grade:
            note = "Start the server with --grade to have hidden tests decide."
            return _answer(Result("infra_error", "grade_not_allowed", notes=[note]))
        try:
            with readable(ValueError):
                verifier, request = await self._request(ctx, files, [select] if select else None, only)
                result = await verifier.verify(request)
        except UnknownWorkspace as error:
            return _answer(Result("infra_error", "unknown_workspace", notes=[short(error, 400)]))
        except BadWorkspace as error:
            reason = "workspace_id" if "address" in str(error) else "bad_workspace"
            return _answer(Result("infra_error", reason, notes=[short(error, 400)]))
        answer = _answer(result)
        if detail and result.failures and result.verdict == "failed":
            with readable(Unanswerable):
                text = await verifier.explain(request, result.failures[0]["id"])
            answer.content.append(TextContent(type="text", text=text))
        return answer

    async def explain_failure(self, ctx: Context, id: str) -> CallToolResult:
        """Rerun one failing test: variables, first and last steps."""
        with readable(ValueError, Unanswerable, UnknownWorkspace, BadWorkspace):
            verifier, request = await self._request(ctx)
            text = await verifier.explain(request, id)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content={"explanation": text})

    async def check_suite(self, ctx: Context, flaky_runs: int = 2, mutants: int = 10) -> CallToolResult:
        """Judge the tests: a stub must fail, repeats must agree, mutants must be noticed, lines must run."""
        with readable(ValueError, Unanswerable, UnknownWorkspace, BadWorkspace):
            verifier, request = await self._request(ctx)
            text, facts = await verifier.check_suite(request, flaky_runs=flaky_runs, mutants=mutants)
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=facts)

    async def test_status(self) -> CallToolResult:
        """Frameworks, sandbox layers, queue, limits."""
        verifier = next((one for one, _ in self.projects.values()), self.verifier)
        status = await to_thread.run_sync(verifier.status)
        status["root"] = str(next(iter(self.projects), self.settings.root or ""))
        status["frameworks"] = await to_thread.run_sync(_frameworks, verifier)
        lines = [f"{name}: {value}" for name, value in status.items() if value not in ("", [], None)]
        return CallToolResult(content=[TextContent(type="text", text="\n".join(lines))], structured_content=status)

    async def _request(
        self,
        ctx: Context,
        files: Mapping[str, str] | None = None,
        select: list[str] | None = None,
        only: Only = "all",
    ) -> tuple[Verifier, Request]:
        """The request that a call means, and who answers it."""
        meta: Meta = ctx.request_context.meta or {}
        verifier, subject = await self._subject(ctx, meta)
        request = Request(
            subject=subject,
            candidate=_candidate(files or {}),
            select=select,
            only=only,
            grade=bool(meta.get("understudy/grade")),
            limits=_limits(meta),
            client=_client(ctx, meta),
        )
        return verifier, request

    async def _subject(self, ctx: Context, meta: Meta) -> tuple[Verifier, Subject]:
        """The workspace of the host, else the project of --root, of the client's first root, or of this folder."""
        if "understudy/workspace" in meta:
            return self.verifier, Loose(self.store.resolve(meta["understudy/workspace"]))
        root = (self.settings.root or await client_root(ctx) or Path.cwd()).resolve()
        if root not in self.projects:
            with readable(NotADirectoryError):
                project = await to_thread.run_sync(self.settings.open_project, root)
            chosen = self.settings.project_limits or self.settings.machine.limits
            machine = replace(self.settings.machine, python=interpreter(root, self.settings.python), limits=chosen)
            self.projects[root] = (Verifier(machine, workers=self.settings.workers, turns=self.verifier.turns), project)
        return self.projects[root]


async def client_root(ctx: Context) -> Path | None:
    """The first folder a client of the handshake era says it works in; None where it has no such word.

    Never asked over HTTP: a folder's name there may come from another machine, or from somebody who wants to look.
    """
    capabilities = ctx.client_capabilities
    if (
        ctx.headers is not None
        or capabilities is None
        or capabilities.roots is None
        or not ctx.session.can_send_request
    ):
        return None
    with warnings.catch_warnings(), move_on_after(ROOTS_S):
        warnings.simplefilter("ignore")  # deprecated by the protocol, and still what these clients speak
        with suppress(MCPError):
            found = await ctx.session.list_roots()
            paths = [Path(url2pathname(str(root.uri).removeprefix("file://"))) for root in found.roots]
            return next((path for path in paths if path.is_dir()), None)
    return None


def _frameworks(verifier: Verifier) -> list[str]:
    with suppress(SandboxRefused, ZygoteLost):
        return ["plain", "unittest", *(["pytest"] if verifier.executor.has_pytest else [])]
    return []


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
