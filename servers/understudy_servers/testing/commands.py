"""`understudy serve testing` and `understudy test run|watch|doctor`."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

import anyio
import click

from understudy_servers.launch import MCPApplication, Transport, launch, transport_options
from understudy_servers.testing.engines.isolation import POLICIES, Network, SandboxRefused
from understudy_servers.testing.engines.warm import ZygoteLost
from understudy_servers.testing.frameworks.ctrf import export as ctrf_export
from understudy_servers.testing.frameworks.generic import Generic
from understudy_servers.testing.frameworks.junit import export as junit_export
from understudy_servers.testing.limits import Limits, limits_of
from understudy_servers.testing.machine import Machine, Warmth
from understudy_servers.testing.project import interpreter
from understudy_servers.testing.result import Result
from understudy_servers.testing.show import echo_result
from understudy_servers.testing.verifier import Request, Verifier
from understudy_servers.testing.worker.surroundings import ALL

if TYPE_CHECKING:
    from understudy_servers.testing.server import Settings

WATCH_S = 0.5
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


class Lacking(click.ClickException):
    """The environment lacks a sandbox layer or an interpreter."""

    exit_code = 3


def machine_options(command: Any) -> Any:
    """Options that say how tests are run; shared by `serve testing` and `test run`."""
    options = [
        click.option("--python", metavar="FILE", help="Interpreter of the tests; default: the project's."),
        click.option(
            "--isolation", "policy", type=click.Choice(POLICIES), default="standard", show_default=True,
            help="strict: every layer; standard: no network, no writes, limits; weak: whatever this system has.",
        ),
        click.option(
            "--network", type=click.Choice(get_args(Network)), default="none", show_default=True,
            help="loopback lets tests talk to themselves.",
        ),
        click.option(
            "--warmth", type=click.Choice(get_args(Warmth)), default="auto", show_default=True,
            help="auto: fork where safe; spare: started ahead, used once; cold: a new interpreter each time.",
        ),
        click.option("--writes", is_flag=True, help="Let tests write beside themselves; nobody else sees it."),
        click.option("--protect", multiple=True, metavar="GLOB", help="Files no candidate may change. Repeatable."),
        click.option("--hidden", type=FOLDER, help="Tests that must pass too and are never shown."),
        click.option("--command", "shell", metavar="CMD", help="Another framework: the command that runs its tests."),
        click.option("--junit", metavar="PATH", help="Where CMD writes JUnit XML; without it CMD prints TAP."),
        click.option("--preload", default="", metavar="A,B", help="Libraries to import before the fork: numpy,pandas."),
        click.option("--readable", multiple=True, type=click.Path(exists=True), help="Let tests read it. Repeatable."),
        click.option("--timeout", type=click.FloatRange(min=0.1), help="Seconds of one run (10; with a project 120)."),
        click.option("--memory", type=click.IntRange(min=64), default=1024, help="MiB of one run (1024)."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def settings(
    root: Path | None,
    *,
    python: str | None = None,
    policy: Any = "standard",
    network: Any = "none",
    warmth: Any = "auto",
    preload: str = "",
    readable: tuple[str, ...] = (),
    timeout: float | None = None,
    memory: int = Limits.memory_mb,
    writes: bool = False,
    protect: tuple[str, ...] = (),
    hidden: Path | None = None,
    shell: str | None = None,
    junit: str | None = None,
) -> "Settings":
    """The settings that the options mean. A project that a client names later gets the limits of a project too."""
    # with the MCP SDK, which `launch` imports more cheaply
    from understudy_servers.testing.server import Settings  # noqa: PLC0415

    root = None if root is None else root.resolve()
    loose, of_project = (limits_of(project=one, seconds=timeout, memory_mb=memory) for one in (False, True))
    names = tuple(name.strip() for name in preload.split(",") if name.strip())
    chosen = interpreter(root, python) if root else python or sys.executable
    machine = Machine(
        python=chosen,
        policy=policy,
        network=network,
        warmth=warmth,
        preload=names,
        readable=tuple(os.path.realpath(path) for path in readable),
        limits=loose if root is None else of_project,
    )
    return Settings(
        machine=machine,
        project_limits=of_project,
        python=python,
        root=root,
        protected=protect,
        hidden=hidden,
        writes=writes,
        framework=Generic(shell, junit) if shell else None,
    )


@click.command()
@click.option("--root", type=FOLDER, help="The project to test; default: the client's root, else this folder.")
@machine_options
@click.option("--workers", type=click.IntRange(min=1), default=max(1, (os.cpu_count() or 2) // 2), help="Runs at once.")
@click.option("--grade", is_flag=True, help="Allow the host to have hidden tests decide: for graders only.")
@transport_options
def serve(transport: Transport, root: Path | None, workers: int, grade: bool, **options: Any) -> None:
    """Serve tests: sandboxed, warm, and a pass must be proved."""

    def build() -> MCPApplication:
        # as in `settings`
        from understudy_servers.testing.server import build_server  # noqa: PLC0415

        return cast("MCPApplication", build_server(replace(settings(root, **options), workers=workers, grade=grade)))

    launch(build, transport)


@click.group()
def test() -> None:
    """Run a project's tests as the testing server does, and see what protects you."""


@test.command()
@click.argument("select", nargs=-1)
@click.option("--root", type=FOLDER, default=Path(), help="The project; default: this folder.")
@machine_options
@click.option(
    "--write-junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result as JUnit XML."
)
@click.option("--write-ctrf", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result as CTRF.")
def run(select: tuple[str, ...], root: Path, write_junit: Path | None, write_ctrf: Path | None, **options: Any) -> None:
    """Run the tests, or those that SELECT names, and exit with 0 only for a proved pass."""
    result = anyio.run(_once, settings(root, **options), select)
    echo_result(result)
    for target, export in ((write_junit, junit_export), (write_ctrf, ctrf_export)):
        if target is not None:
            target.write_text(export(result), encoding="utf-8")
    if result.verdict == "infra_error":
        raise click.exceptions.Exit(3)
    raise click.exceptions.Exit(0 if result.ok else 1)


async def _once(chosen: "Settings", select: Sequence[str]) -> Result:
    verifier = Verifier(chosen.machine, workers=1)
    try:
        assert chosen.root is not None
        return await verifier.verify(Request(subject=chosen.open_project(chosen.root), select=list(select) or None))
    finally:
        verifier.close()


@test.command()
@click.option("--root", type=FOLDER, default=Path(), help="The project; default: this folder.")
@machine_options
def watch(root: Path, **options: Any) -> None:
    """Run the tests, then again what a change concerns, until interrupted."""
    anyio.run(_watch, settings(root, **options))


async def _watch(chosen: "Settings") -> None:
    verifier = Verifier(chosen.machine, workers=1)
    assert chosen.root is not None
    subject = chosen.open_project(chosen.root)
    try:
        subject.affected()
        echo_result(await verifier.verify(Request(subject=subject)))
        while True:
            await anyio.sleep(WATCH_S)
            affected = await anyio.to_thread.run_sync(subject.affected)
            if affected:
                click.echo(f"changed: {', '.join(affected[:5])}")
                echo_result(await verifier.verify(Request(subject=subject, select=affected)))
    finally:
        verifier.close()


@test.command()
@click.option("--root", type=FOLDER, default=Path(), help="The project; default: this folder.")
@machine_options
def doctor(root: Path, **options: Any) -> None:
    """Show every layer of isolation, with the cure for what is missing."""
    chosen = settings(root, **{**options, "policy": "weak"})
    verifier = Verifier(chosen.machine, workers=1)
    try:
        isolation = verifier.executor.isolation
        for name in ALL:
            good = name not in isolation.missing
            mark = click.style("yes", fg="green") if good else click.style("no", fg="red")
            click.echo(f"{name:12} {mark}  {isolation.missing.get(name, '')}")
        click.echo(f"{'memory':12} {verifier.executor.engine.memory()}")
        click.echo(f"interpreter  {chosen.machine.python}")
        click.echo(f"pytest       {'yes' if verifier.executor.has_pytest else 'no: unittest and plain asserts only'}")
    except (SandboxRefused, ZygoteLost) as error:
        raise Lacking(str(error)) from None
    finally:
        verifier.close()
    if isolation.missing:
        raise Lacking(isolation.cure)
