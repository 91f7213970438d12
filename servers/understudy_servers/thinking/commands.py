"""What people type: `understudy serve thinking`, and `understudy think` to look at what was thought."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import click

from understudy_servers.launch import MCPApplication, Transport, launch, transport_options
from understudy_servers.thinking.export import WRITERS, CannotImport, Format, imported
from understudy_servers.thinking.guidance import clipped
from understudy_servers.thinking.notebook import KEPT
from understudy_servers.thinking.shelf import Shelf, mint
from understudy_servers.thinking.store import Store, Stored, StoreError, read_thoughts

Command = Callable[..., Any]


@click.command()
@transport_options
@click.option(
    "--compat",
    type=click.Choice(["reference"]),
    help="Answer exactly as the reference server does: no repair, no advice.",
)
@click.option(
    "--rollover/--no-rollover",
    default=True,
    envvar="THINK_ROLLOVER",
    help="Begin a new session for a new problem; off counts on for ever, as the reference does.",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="THINK_STORE",
    help="Keep every thought in this folder.",
)
@click.option(
    "--advice/--no-advice", default=True, help="Say what to do next, what goes wrong, and where the chain stands."
)
@click.option("--lite", is_flag=True, help="Offer a tool with the thought as its only argument, for very small models.")
@click.option(
    "--max-thoughts",
    type=click.IntRange(min=1),
    default=KEPT,
    show_default=True,
    envvar=["MAX_HISTORY_SIZE", "SEQUENTIAL_THINKING_MAX_HISTORY"],
    help="Thoughts of a session kept in memory; the count goes on.",
)
def serve(
    transport: Transport,
    compat: str | None,
    rollover: bool,
    store: Path | None,
    advice: bool,
    lite: bool,
    max_thoughts: int,
) -> None:
    """Serve the thinking notebook to any MCP client.

    Every thought is also written to standard error as one line; DISABLE_THOUGHT_LOGGING=true stops that.
    """
    try:
        kept = None if store is None else Store(store).prepare()
    except StoreError as error:
        raise click.UsageError(str(error)) from None
    shelf = Shelf(clock=time.time, store=kept, rollover=rollover and compat is None, kept=max_thoughts)
    log = os.environ.get("DISABLE_THOUGHT_LOGGING", "").lower() != "true"
    launch(partial(_build, shelf, compat=compat is not None, advise=advice, lite=lite, log=log), transport)


def _build(shelf: Shelf, **surface: bool) -> MCPApplication:
    # The SDK loads here, so that `--help` and `understudy think` do without it.
    from understudy_servers.thinking.server import Surface, build_server  # noqa: PLC0415

    return build_server(shelf, Surface(**surface))


@click.group()
def think() -> None:
    """Look at chains of thoughts that the thinking server stored."""


def _existing(folder: Path) -> Store:
    if not folder.is_dir():
        raise click.UsageError(f"There is no store {str(folder)!r} yet; `understudy serve thinking --store` makes it.")
    return Store(folder)


def _store_option(command: Command) -> Command:
    return click.option(
        "--store",
        required=True,
        type=click.Path(file_okay=False, path_type=Path),
        envvar="THINK_STORE",
        help="The folder given to `understudy serve thinking --store`.",
    )(command)


@think.command(name="list")
@_store_option
def list_sessions(store: Path) -> None:
    """List the stored sessions, the latest first: id, when, how many thoughts, and how it began."""
    for stored in _existing(store).sessions():
        thoughts = list(read_thoughts(stored.path))
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.changed))
        opening = clipped(thoughts[0].text, 60) if thoughts else ""
        click.echo(f"{stored.session}  {when}  {len(thoughts):>4}  {opening}")


@think.command()
@click.argument("session", required=False)
@_store_option
def show(session: str | None, store: Path) -> None:
    """Print one session for reading; the latest when none is named. A unique beginning of the id is enough."""
    stored = _chosen(store, session)
    click.echo(WRITERS["md"](stored.session, list(read_thoughts(stored.path))), nl=False)


@think.command()
@click.argument("session", required=False)
@_store_option
@click.option("--format", "form", type=click.Choice(list(WRITERS)), default="md", show_default=True)
def export(session: str | None, store: Path, form: str) -> None:
    """Write one session as Markdown, JSON in the reference's field names, or a Mermaid drawing."""
    stored = _chosen(store, session)
    click.echo(WRITERS[cast("Format", form)](stored.session, list(read_thoughts(stored.path))), nl=False)


@think.command(name="import")
@click.argument("file", type=click.Path(allow_dash=True))
@_store_option
@click.option("--session", help="The id to store it under; a new one when left out.")
def import_session(file: str, store: Path, session: str | None) -> None:
    """Store thoughts from a JSON file, an export or another server's list under "thoughts"; print the new id."""
    kept = _existing(store)
    name = session or mint()
    if kept.has(name):
        raise click.UsageError(f"There is a session {name!r} already. Choose another id with --session.")
    try:
        with click.open_file(file, encoding="utf-8", errors="replace") as source:
            thoughts = imported(source.read())
        for thought in thoughts:
            kept.append(name, thought)
    except OSError as error:
        raise click.UsageError(f"{file} cannot be read: {error.strerror}.") from None
    except (CannotImport, StoreError) as error:
        raise click.UsageError(str(error)) from None
    click.echo(name)


@think.command()
@click.argument("session", required=False)
@_store_option
@click.option("--until-end", is_flag=True, help="Stop when the chain ends; else at Ctrl-C.")
def watch(session: str | None, store: Path, until_end: bool) -> None:
    """Follow a running session live: the one named, or whichever is thinking now."""
    # Loads rich, which `serve` in the same file must not wait for.
    from understudy_servers.thinking.watch import follow  # noqa: PLC0415

    path = None if session is None else _chosen(store, session).path
    follow(_existing(store), path, until_end=until_end, terminal=sys.stdout.isatty(), pause=time.sleep)


def _chosen(store: Path, session: str | None) -> Stored:
    sessions = _existing(store).sessions()
    if not sessions:
        raise click.UsageError(f"No session is stored in {str(store)!r} yet.")
    if session is None:
        return sessions[0]
    exact = [one for one in sessions if one.session == session]
    found = exact or [one for one in sessions if one.session.startswith(session)]
    if len(found) != 1:
        known = ", ".join(one.session for one in (found or sessions)[:8])
        problem = f"{len(found)} sessions begin with" if found else "No session begins with"
        raise click.UsageError(f"{problem} {session!r}. Choose one of: {known}.")
    return found[0]
