"""`understudy doctor`: what is installed, what works, which endpoints answer, and how to cure what does not.

Servers are asked over MCP, as any client would. Nothing but this machine is asked: endpoints are the local servers'
usual addresses, and those named with --endpoint.
"""

import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import anyio
import click
from rich.console import Console
from rich.markup import escape

from understudy.context import Server
from understudy.errors import UnderstudyError
from understudy.models.providers import PROVIDERS, Provider
from understudy.models.specs import open_models
from understudy.servers import connect

State = Literal["ok", "off", "missing", "broken"]
COMMAND = f"{sys.executable} -m understudy_harness serve"
STARTS_WITHIN_S = 0.8  # slower servers are dropped, silently, by Codex; see docs/clients.md
PARTS = ("installation", "servers", "endpoints")
PATIENCE_S = 5  # for an endpoint to say what it is
EXTRAS = {
    "docs": ("sentence_transformers", "dense retrieval in the docs server"),
    "local": ("xllamacpp", "models in process: gguf:file, fixture:nano"),
    "harness": ("numpy", "statistics and reports"),
    "inspect": ("inspect_ai", "import from and export to Inspect"),
    "dask": ("distributed", "runs on a Dask cluster"),
}
MARKS: dict[State, str] = {"ok": "[green]✓[/]", "off": "[dim]–[/]", "missing": "[yellow]![/]", "broken": "[red]✗[/]"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    area: str
    name: str
    state: State
    detail: str
    cure: str = ""
    """What to do about it; empty where nothing needs doing."""


def installation() -> list[Finding]:
    """What is installed, where, and which extras are not."""
    version = f"{metadata.version('understudy')} in {Path(sys.prefix)}, Python {sys.version.split()[0]}"
    findings = [Finding(area="installation", name="understudy", state="ok", detail=version)]
    for extra, (module, purpose) in EXTRAS.items():
        found = find_spec(module) is not None
        cure = "" if found else f"pip install 'understudy[{extra}]'"
        state: State = "ok" if found else "off"
        findings.append(Finding(area="installation", name=extra, state=state, detail=purpose, cure=cure))
    return findings


def data_folder() -> Finding:
    """The one folder that uninstalling leaves behind."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = Path(home) / "understudy"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
    detail = f"{folder} holds {size / 1e6:.1f} MB; delete it after uninstalling" if size else f"{folder} is empty"
    return Finding(area="installation", name="data", state="ok", detail=detail)


async def servers() -> AsyncGenerator[Finding]:
    """Start each server as a client would, time it, and ask what it says of itself."""
    said: list[Finding] = []
    for name, tool in (("thinking", ""), ("docs", "list-libraries"), ("testing", "test_status")):
        began = time.monotonic()
        try:
            async with connect({name: f"{COMMAND} {name}"}) as connected:
                tools = await connected[name].tools()
                took = time.monotonic() - began
                yield _started(name, took, len(tools))
                if tool:
                    said.append(await _asked(name, tool, connected[name]))
        except UnderstudyError as error:
            cure = f"run `understudy serve {name}` in a terminal to see why"
            yield Finding(area="servers", name=name, state="broken", detail=str(error), cure=cure)
    for finding in said:
        yield finding


def _started(name: str, took: float, tools: int) -> Finding:
    slow = took > STARTS_WITHIN_S
    detail = f"answered after {took:.1f} s with {tools} tool{'s' * (tools != 1)}"
    cure = "some clients drop a server this slow; in Codex set `required = true`" if slow else ""
    return Finding(area="servers", name=name, state="missing" if slow else "ok", detail=detail, cure=cure)


async def _asked(name: str, tool: str, server: Server) -> Finding:
    result = await server.call(tool, {})
    data = dict(result.data or {})
    if name == "testing":
        full = data.get("isolation") == "full"
        layers = ", ".join(data.get("layers", ()))
        detail = f"layers that work: {layers or 'none'}" if full else str(data.get("isolation"))
        state: State = "ok" if full else "missing"
        return Finding(area="sandbox", name="isolation", state=state, detail=detail, cure=str(data.get("cure") or ""))
    libraries = data.get("libraries", [])
    vectors = data.get("embedder") or "words only"
    detail = f"{len(libraries)} libraries of this project, {vectors}, index {data.get('digest', '')}"
    return Finding(area="index", name="documentation", state="broken" if result.is_error else "ok", detail=detail)


async def endpoints(named: Sequence[str]) -> AsyncGenerator[Finding]:
    """Ask the local servers' usual addresses, and the named specs, what they hold and how much they read."""
    usual = [f"{provider.name}:any" for provider in PROVIDERS.values() if provider.local and provider.probe]
    for spec in (*named, *usual):
        yield await _endpoint(spec, asked=spec in named)
    for provider in PROVIDERS.values():
        if provider.key_variables and not provider.local:
            yield _key(provider)


async def _endpoint(spec: str, *, asked: bool) -> Finding:
    name = spec if asked else spec.removesuffix(":any")
    absent: State = "broken" if asked else "off"
    cure = "start the server, or mend the address" if asked else ""
    try:
        async with open_models({"asked": spec}) as models:
            model: Any = models["asked"]
            if not hasattr(model, "capabilities"):
                return Finding(area="endpoints", name=name, state="ok", detail="runs in process")
            with anyio.fail_after(PATIENCE_S):
                found = await model.capabilities()
    except (UnderstudyError, TimeoutError) as error:
        return Finding(area="endpoints", name=name, state=absent, detail=str(error) or "is silent", cure=cure)
    if not found.models:
        return Finding(area="endpoints", name=name, state=absent, detail="does not answer", cure=cure)
    window = f"reads {found.window} tokens" if found.window else "does not say how much it reads"
    return Finding(area="endpoints", name=name, state="ok", detail=f"{', '.join(found.models[:5])}; {window}")


def _key(provider: Provider) -> Finding:
    present = [name for name in provider.key_variables if os.environ.get(name)]
    detail = f"{present[0]} is set" if present else f"{provider.key_variables[0]} is not set"
    return Finding(area="keys", name=provider.name, state="ok" if present else "off", detail=detail)


async def examine(named: Sequence[str], parts: Sequence[str] = PARTS) -> AsyncGenerator[Finding]:
    """Look at everything, the quick things first."""
    if "installation" in parts:
        for finding in (*installation(), data_folder()):
            yield finding
    if "servers" in parts:
        async with aclosing(servers()) as found:
            async for finding in found:
                yield finding
    if "endpoints" in parts:
        async with aclosing(endpoints(named)) as found:
            async for finding in found:
                yield finding


@click.command()
@click.option("--endpoint", "named", multiple=True, metavar="SPEC", help="Also ask this model spec; repeatable.")
@click.option("--only", "parts", type=click.Choice(PARTS), multiple=True, help="Look at this part; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def doctor(named: tuple[str, ...], parts: tuple[str, ...], as_json: bool) -> None:
    """Say what is installed, what works, and how to cure what does not. Exit code 1 when something is broken."""
    console = Console(highlight=False)
    findings: list[Finding] = []

    async def look() -> None:
        async with aclosing(examine(named, parts or PARTS)) as found:
            async for finding in found:
                if not as_json:
                    _show(console, finding, new=not findings or findings[-1].area != finding.area)
                findings.append(finding)

    anyio.run(look)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    sys.exit(1 if any(finding.state == "broken" for finding in findings) else 0)


def _show(console: Console, finding: Finding, *, new: bool) -> None:
    if new:
        console.print(f"[bold]{finding.area}[/]")
    console.print(f"  {MARKS[finding.state]} {escape(finding.name)}: {escape(finding.detail)}", soft_wrap=True)
    if finding.cure:
        console.print(f"      [dim]{escape(finding.cure)}[/]", soft_wrap=True)
