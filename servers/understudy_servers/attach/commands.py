"""`understudy attach`: write our servers into an MCP client's configuration, or take them out again."""

import os
import sys
from importlib import import_module, metadata
from pathlib import Path

import click

from understudy_servers.attach.client import Client, Entry, Level, Place
from understudy_servers.attach.edit import BACKUP_SUFFIX, CannotEdit, rewrite, with_entry, without_entry
from understudy_servers.attach.undo import tidy

CLIENTS = {
    "opencode": "opencode",
    "claude-code": "claude_code",
    "claude-desktop": "claude_desktop",
    "codex": "codex",
    "vscode": "vscode",
    "cursor": "cursor",
    "gemini": "gemini",
    "qwen": "qwen",
    "vibe": "vibe",
    "goose": "goose",
    "lmstudio": "lmstudio",
    "llama.cpp": "llama_cpp",
    "windsurf": "windsurf",
    "zed": "zed",
}
SERVERS = ("all", "thinking", "docs", "testing")
EXTRAS = {"all": "docs", "docs": "docs"}


class NotWritten(click.ClickException):
    """The client's file could not be changed."""

    exit_code = 2


def client_named(name: str) -> Client:
    """Load the file of one client."""
    client = import_module(f"understudy_servers.attach.{CLIENTS[name]}").CLIENT
    assert isinstance(client, Client)
    return client


def place_of(home: Path) -> Place:
    """Find where this person's settings are."""
    config = os.environ.get("XDG_CONFIG_HOME")
    return Place(home=home, config=Path(config) if config else home / ".config")


def entry_for(server: str, *, uvx: bool, options: tuple[str, ...] = ()) -> Entry:
    """Say how a client starts this server: by the absolute path of this installation, or by uvx."""
    name = "understudy" if server == "all" else f"understudy-{server}"
    serve = ("serve", server, *options)
    if uvx:
        extra = f"[{EXTRAS[server]}]" if server in EXTRAS else ""
        wanted = f"understudy{extra}=={metadata.version('understudy')}"
        return Entry(name=name, command="uvx", args=("--from", wanted, "understudy", *serve), env={})
    script = Path(sys.executable).parent / ("understudy.exe" if os.name == "nt" else "understudy")
    if script.exists():
        return Entry(name=name, command=str(script), args=serve, env={})
    return Entry(name=name, command=sys.executable, args=("-m", "understudy_harness", *serve), env={})


@click.command()
@click.argument("client", type=click.Choice(list(CLIENTS)))
@click.option("--server", "servers", type=click.Choice(SERVERS), multiple=True, help="Repeatable. [default: all]")
@click.option("--user", "level", flag_value="user", help="For every project of yours.")
@click.option("--project", "level", flag_value="project", help="For the project in this folder. [default, if possible]")
@click.option("--print", "show", is_flag=True, help="Show what would be written, and write nothing.")
@click.option("--uvx", is_flag=True, help="Start the published version by uvx, not this installation.")
@click.option("--remove", is_flag=True, help="Take our entries out again.")
def attach(client: str, servers: tuple[str, ...], level: Level | None, show: bool, uvx: bool, remove: bool) -> None:
    """Attach our servers to CLIENT: write its configuration, keep everything else in the file, and say how to check.

    \b
    understudy attach opencode                 all servers, this project
    understudy attach codex --user --server thinking --server docs
    understudy attach vscode --print
    understudy attach zed --remove
    """
    chosen = client_named(client)
    level = level or ("project" if chosen.project else "user")
    try:
        path = chosen.path(level, place_of(Path.home()), Path.cwd())
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        if remove:
            _remove(chosen, path, servers)
        else:
            _write(chosen, path, [entry_for(server, uvx=uvx) for server in servers or ("all",)], show=show)
    except CannotEdit as error:
        raise NotWritten(str(error)) from None


def _write(client: Client, path: Path, entries: list[Entry], *, show: bool) -> None:
    if show:
        text = ""
        for entry in entries:
            text = with_entry(client, text, entry)
        click.echo(f"In {path}:", err=True)
        click.echo(text.rstrip())
        return

    def change(text: str) -> str:
        for entry in entries:
            text = with_entry(client, text, entry)
        return text

    existed = path.exists()
    changed = rewrite(path, change)
    names = ", ".join(entry.name for entry in entries)
    click.echo(f"{'Wrote' if changed else 'Already there:'} {names} in {path}")
    if changed and existed:
        click.echo(f"The file as it was before: {path}{BACKUP_SUFFIX}")
    click.echo(f"To see that it works: {client.check}")
    click.echo(f"How far this was tested: {client.evidence}.")


def _remove(client: Client, path: Path, servers: tuple[str, ...]) -> None:
    names = [entry_for(server, uvx=False).name for server in servers or SERVERS]

    def change(text: str) -> str:
        for name in names:
            text = without_entry(client, text, name)
        return text

    removed = path.exists() and rewrite(path, change)
    click.echo(f"Removed our entries from {path}" if removed else f"No entry of ours in {path}")
    if removed:
        _tidy(client, path)


def _tidy(client: Client, path: Path) -> None:
    ours = [entry_for(server, uvx=False).name for server in SERVERS]
    place = place_of(Path.home())
    try:
        tidy(client, path, ours, (place.home, place.config, Path.cwd()))
    except (OSError, ValueError, TypeError, AttributeError) as error:  # the entries are out, whatever the backup holds
        click.echo(
            f"{path}{BACKUP_SUFFIX} stays, since it could not be compared ({error}). Delete it by hand.", err=True
        )
