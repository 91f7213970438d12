"""The docs server's commands: `understudy serve docs` and `understudy docs ...`."""

import os
from pathlib import Path
from typing import cast

import click

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import Builder, InlineBuilder, ProcessBuilder, allowing
from understudy_servers.docs.index.dense import LocalDense, cached_store
from understudy_servers.docs.index.embedding import EmbedderUnavailable, embedder_spec
from understudy_servers.docs.index.reranking import Reranking, reranker_spec
from understudy_servers.docs.index.store import IndexUnusable, Store
from understudy_servers.docs.project import Project
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.sources.source import Source
from understudy_servers.launch import MCPApplication, Transport, launch, transport_options


class EnvironmentLacks(click.ClickException):
    """Something the command needs is missing on this machine."""

    exit_code = 3


def default_home() -> Path:
    """Return where the index lives unless told otherwise: under the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(os.environ.get("UNDERSTUDY_DOCS_HOME") or f"{data}/understudy/docs").expanduser()


def open_store(home: Path | None) -> Store:
    """Open the index, or say why not."""
    try:
        return Store(home or default_home())
    except IndexUnusable as error:
        raise EnvironmentLacks(str(error)) from error


def added_folders(values: tuple[str, ...]) -> list[Source]:
    """Read `PATH[=NAME]` values; a PATH with `*` makes each match a library of its own."""
    sources: list[Source] = []
    for value in values:
        text, _, name = value.partition("=")
        matches = sorted(Path().glob(text)) if "*" in text and not text.startswith("/") else [Path(text)]
        if "*" in text and text.startswith("/"):
            matches = sorted(Path("/").glob(text.lstrip("/")))
        matches = [path for path in matches if path.exists()]
        if not matches:
            raise click.BadParameter(f"{text!r} does not exist. Give a folder or a file of documentation.")
        if name and len(matches) > 1:
            raise click.BadParameter(
                f"{value!r} names {len(matches)} folders {name!r}. Leave =NAME out or name one folder."
            )
        sources += [folder_source(path, name) for path in matches]
    return sources


def open_dense(store: Store, embedder: str, chroma: str) -> LocalDense | None:
    """Return similarity search with the model asked for, or None without one."""
    try:
        spec = embedder_spec(embedder)
    except EmbedderUnavailable as error:
        raise click.BadParameter(str(error)) from error
    if spec is None:
        return None
    return LocalDense(store, spec, open_vectors=cached_store(store, spec.name, chroma))


def open_reranking(reranker: str) -> Reranking | None:
    """Return the reranker asked for, or None without one."""
    try:
        spec = reranker_spec(reranker)
    except EmbedderUnavailable as error:
        raise click.BadParameter(str(error)) from error
    return Reranking(spec) if spec is not None else None


EMBEDDER_HELP = (
    "A sentence-transformers model or folder, http://host/v1#model, or off. "
    "[default: the bundled MiniLM, with the docs extra]"
)
home_option = click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the index. [default: the user's data folder]",
)
root_option = click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the project; repeatable. [default: the client's roots, else the working folder]",
)
python_option = click.option(
    "--python",
    "pythons",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Interpreter or environment whose packages are documented; repeatable.",
)
allow_option = click.option(
    "--allow", multiple=True, metavar="HOST:PORT", help="Also fetch from this address, though it is not public."
)
reranker_option = click.option(
    "--reranker",
    default="",
    metavar="MODEL",
    help="A cross-encoder's folder or http://host/v1#model that orders the best pages again. [default: none]",
)


@click.command()
@home_option
@root_option
@python_option
@click.option(
    "--add", "add", multiple=True, metavar="PATH[=NAME]", help="Folder or file of documentation; repeatable, * allowed."
)
@click.option(
    "--tokens", type=click.IntRange(200, 20_000), default=2_000, show_default=True, help="Default cap of a reply."
)
@click.option("--legacy-tools", is_flag=True, help="Also list Context7 1.x's get-library-docs.")
@click.option("--read-only", is_flag=True, help="Offer no tool that adds documentation.")
@click.option("--network", is_flag=True, help="Let add-docs and locked versions fetch from the network.")
@allow_option
@click.option("--embedder", default="", metavar="MODEL", help=EMBEDDER_HELP)
@reranker_option
@click.option("--chroma", default="", metavar="URL", help="Address of a shared Chroma server. [default: embedded]")
@click.option(
    "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Cores the indexer embeds on."
)
@click.option("--in-process", is_flag=True, help="Index in this process instead of a separate indexer.")
@transport_options
def serve(
    home: Path | None,
    roots: tuple[Path, ...],
    pythons: tuple[Path, ...],
    add: tuple[str, ...],
    tokens: int,
    legacy_tools: bool,
    read_only: bool,
    network: bool,
    allow: tuple[str, ...],
    embedder: str,
    reranker: str,
    chroma: str,
    workers: int,
    in_process: bool,
    transport: Transport,
) -> None:
    """Serve the documentation of what the project has installed."""
    store = open_store(home)
    options: tuple[str, ...] = ("--embedder", embedder, "--chroma", chroma, "--workers", str(workers))
    options += tuple(part for address in allow for part in ("--allow", address))
    inline = InlineBuilder(store, network=allowing(allow))
    builder: Builder = inline if in_process else ProcessBuilder(store, options)
    project = Project(roots=roots or (Path.cwd(),), pythons=pythons)
    dense = open_dense(store, embedder, chroma)
    desk = Desk(
        store,
        project,
        builder,
        dense=dense,
        added=added_folders(add),
        network=network,
        reranking=open_reranking(reranker),
    )
    asks_roots = not roots and transport.address is None

    def build() -> MCPApplication:
        # the MCP SDK takes half a second to import, which `understudy docs` commands need not pay
        from understudy_servers.docs.server import build_server  # noqa: PLC0415

        try:
            server = build_server(desk, tokens=tokens, legacy=legacy_tools, read_only=read_only, asks_roots=asks_roots)
        except IndexUnusable as error:
            raise EnvironmentLacks(str(error)) from error
        return cast("MCPApplication", server)

    launch(build, transport)
