"""A Sphinx site: its inventory names every object, the pages hold signatures and text."""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from understudy_servers.docs.clean import suspicion, visible
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.readers.html import read_html
from understudy_servers.docs.readers.markdown import page_chunks
from understudy_servers.docs.sources.net import Refused

MAX_OBJECTS = 200_000
MAX_INVENTORY = 20_000_000  # bytes unpacked
# roles of prose: their pages are read as pages
_PAGES = frozenset({"doc", "label"})


@dataclass(frozen=True, kw_only=True)
class SphinxObject:
    """One object of an inventory: what it is called and where it stands."""

    name: str
    role: str
    page: str
    anchor: str


def inventory(data: bytes, base: str) -> list[SphinxObject]:
    """Read objects.inv; objects that point to another host than `base` are left out.

    Raises:
        Refused: it is not an inventory, or unpacks to more than any.
    """
    try:
        # part of the docs extra
        from sphobjinv import Inventory  # noqa: PLC0415
    except ImportError as error:
        raise Refused("Sphinx sites need the docs extra: pip install 'understudy[docs]'.") from error
    head = re.match(rb"(?:#[^\n]*\n){4}", data)
    if head is None:
        raise Refused(f"{base}objects.inv is not a Sphinx inventory.")
    try:
        unpacked = zlib.decompressobj().decompress(data[head.end() :], MAX_INVENTORY)
        found = Inventory(plaintext=head[0].replace(b"compressed using zlib", b"plain text") + unpacked)
    except (zlib.error, ValueError, TypeError, AttributeError, UnicodeDecodeError) as error:
        raise Refused(f"{base}objects.inv cannot be read ({type(error).__name__}: {error}).") from error
    host = urlsplit(base).netloc
    objects = []
    for one in found.objects[:MAX_OBJECTS]:
        address = urljoin(base, str(one.uri_expanded))
        page, _, anchor = address.partition("#")
        if urlsplit(page).netloc == host:
            objects.append(SphinxObject(name=str(one.name), role=str(one.role), page=page, anchor=anchor))
    return objects


def sphinx_chunks(html: str, page: str, objects: Sequence[SphinxObject]) -> Iterator[Chunk]:
    """Yield one chunk or more for each object of a page, then the page's prose."""
    # part of the docs extra, which `inventory` has checked
    from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415

    tree = LexborHTMLParser(html)
    for one in objects:
        if one.role in _PAGES or not one.anchor:
            continue
        # by attribute: an identifier with dots is no CSS id
        term = tree.css_first(f'dt[id="{one.anchor}"]') if '"' not in one.anchor else None
        if term is None:
            continue
        description = term.next
        while description is not None and description.tag != "dd":
            description = description.next
        signature = re.sub(r"\s+", " ", term.text().replace("¶", "").replace("[source]", "")).strip()
        body = read_html(description.html or "", page).markdown if description is not None else ""
        yield from _pieces(one, f"```\n{signature}\n```\n\n{body}".rstrip(), page)
    found = read_html(html, page)
    yield from page_chunks(found.markdown, page=page, fallback_title=found.title)


def _pieces(one: SphinxObject, text: str, page: str) -> Iterator[Chunk]:
    for index, piece in enumerate(split(visible(text))):
        yield Chunk(
            kind="api",
            title=one.name,
            text=piece,
            source=f"{page}#{one.anchor}",
            page=one.name,
            parent=one.name,
            names=(one.name,) if index == 0 else (),
            demoted="Deprecated since" in text[:400],
            flag=suspicion(piece),
        )
