"""HTML pages as Markdown and links: selectolax reads the page, what a reader does not see is dropped.

Hand-made selection of the main part: article extractors lose parts of reference pages.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urldefrag, urljoin

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_DEPTH = 60
_MAIN = "[role=main], main, article, div.body, div.document, div.md-content, #content, .content, body"
_NOISE = (
    "script, style, nav, footer, header, aside, noscript, template, svg, iframe, form, button, [hidden], "
    "[aria-hidden=true], .headerlink, .sphinxsidebar, .toc, .breadcrumbs, .edit-this-page"
)
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|(?:font-size|opacity)\s*:\s*(?:0+(?:\.0*)?|\.0+)(?:[a-z]+|%)?\s*(?:[;!]|$)",
    re.IGNORECASE,
)
_BLOCKS = frozenset("p div section article ul ol table blockquote details summary figure dl main body".split())  # noqa: SIM905


class ParserMissing(Exception):
    """selectolax is not installed; the message says how to get it."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page as read."""

    title: str
    markdown: str
    links: tuple[str, ...]


def read_html(html: str, url: str) -> Page:
    """Return the visible main part of a page and the addresses it links to, without fragments.

    Raises:
        ParserMissing: the docs extra is not installed.
    """
    try:
        # part of the docs extra
        from selectolax.lexbor import LexborHTMLParser  # noqa: PLC0415
    except ImportError as error:
        raise ParserMissing("HTML pages need the docs extra: pip install 'understudy[docs]'.") from error
    tree = LexborHTMLParser(html)
    links = dict.fromkeys(_links(tree.css("a[href]"), url))
    for node in tree.css(_NOISE):
        node.decompose()
    for node in tree.css("[style]"):
        if _HIDDEN_STYLE.search(node.attributes.get("style") or ""):
            node.decompose()
    main = next((found for selector in _MAIN.split(", ") if (found := tree.css_first(selector)) is not None), None)
    heading = tree.css_first("h1") or tree.css_first("title")
    title = _line(heading.text()) if heading is not None else url
    markdown = "".join(_render(main, 0)) if main is not None else ""
    return Page(title=title, markdown=re.sub(r"\n{3,}", "\n\n", markdown).strip(), links=tuple(links))


def _links(nodes: "list[LexborNode]", url: str) -> Iterator[str]:
    for node in nodes:
        target = node.attributes.get("href")
        if target and not target.startswith(("javascript:", "mailto:", "data:")):
            try:
                yield urldefrag(urljoin(url, target.strip()))[0]
            except ValueError:
                continue  # not an address


def _render(node: "LexborNode", depth: int) -> Iterator[str]:
    """Yield Markdown for a node: headings, code, list items and paragraphs; `dt` is a heading, as in API references."""
    tag = node.tag or ""
    if tag == "-text":
        yield re.sub(r"\s+", " ", node.text(deep=False))
    elif re.fullmatch(r"h[1-6]", tag):
        yield f"\n\n{'#' * int(tag[1])} {_line(node.text())}\n\n"
    elif tag == "dt":
        yield f"\n\n#### {_line(node.text())}\n\n"
    elif tag == "pre":
        text = node.text().strip("\n")
        fence = "````" if "```" in text else "```"
        yield f"\n\n{fence}\n{text}\n{fence}\n\n"
    elif tag == "code":
        yield f"`{_line(node.text())}`"
    elif tag == "br":
        yield "\n"
    elif depth > MAX_DEPTH:
        yield _line(node.text())
    else:
        before, after = _around(tag)
        yield before
        child = node.child
        while child is not None:
            yield from _render(child, depth + 1)
            child = child.next
        yield after


def _around(tag: str) -> tuple[str, str]:
    if tag == "li":
        return "\n- ", ""
    if tag in ("td", "th"):
        return "", " | "
    if tag == "tr":
        return "\n", ""
    return ("\n\n", "\n\n") if tag in _BLOCKS else ("", "")


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("¶", "")).strip()
