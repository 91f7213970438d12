"""From a source to its chunks: one door for every kind of source, and the fingerprint that says whether it changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from understudy_servers.docs.clean import one_line
from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.html import ParserMissing
from understudy_servers.docs.sources import distributions, folder, npm
from understudy_servers.docs.sources.archives import BadArchive
from understudy_servers.docs.sources.source import Source

if TYPE_CHECKING:
    from understudy_servers.docs.sources.network import Network


MAX_NOTES = 1_000


class UnreadableSource(Exception):
    """Nothing of a source could be read; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What was read of a source."""

    chunks: Sequence[Chunk]
    fingerprint: str
    notes: Sequence[str] = ()


def fingerprint(source: Source) -> str:
    """Return a cheap mark that changes when the source does; empty when only reading it again would tell.

    Raises:
        UnreadableSource: the source is gone.
    """
    try:
        match source.kind:
            case "installed":
                return distributions.fingerprint(distributions.find(Path(source.location), source.title))
            case "npm":
                return npm.fingerprint(Path(source.location))
            case "folder" if not Path(source.location).exists():
                raise UnreadableSource(
                    f"{source.location!r} does not exist any more. Put it back or remove {source.id!r}."
                )
            case "folder":
                return folder.fingerprint(Path(source.location))
    except (LookupError, OSError) as error:
        raise UnreadableSource(str(error)) from error
    return ""


def _fetched(source: Source, progress: Progress, network: "Network | None") -> tuple[list[Chunk], list[str]]:
    # the HTTP stack, which a project that fetches nothing need not load
    from understudy_servers.docs.sources.net import Refused  # noqa: PLC0415
    from understudy_servers.docs.sources.network import Network  # noqa: PLC0415

    try:
        return (network or Network()).read(source, progress)
    except (Refused, BadArchive, ParserMissing, LookupError, OSError) as error:
        raise UnreadableSource(f"{source.id} could not be indexed. {error}") from error


def read(source: Source, progress: Progress = silent, network: "Network | None" = None) -> Reading:
    """Read a source whole.

    Raises:
        UnreadableSource: nothing of it could be read.
    """
    mark = fingerprint(source)  # before reading: what changes meanwhile is read again next time
    match source.kind:
        case "installed":
            chunks, notes = distributions.read_distribution(Path(source.location), source.title, progress)
        case "folder":
            chunks, notes = folder.read_folder(Path(source.location), progress)
        case "npm":
            chunks, notes = npm.read_package(Path(source.location), source.title, progress)
        case _:
            chunks, notes = _fetched(source, progress, network)
    if not chunks:
        reasons = " ".join(map(one_line, notes[:3]))
        raise UnreadableSource(f"Nothing to index was found in {source.location!r} for {source.id}. {reasons}".strip())
    return Reading(chunks=chunks, fingerprint=mark, notes=[one_line(note) for note in notes[:MAX_NOTES]])
