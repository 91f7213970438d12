"""Which reader understands which kind of documentation file."""

from understudy_servers.docs.readers.formats import Reader, read_markdown, read_plain
from understudy_servers.docs.readers.notebooks import read_notebook
from understudy_servers.docs.readers.openapi import read_openapi
from understudy_servers.docs.readers.rst import read_rst

READERS: dict[str, Reader] = {
    ".md": read_markdown,
    ".mdx": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_plain,
    ".rst": read_rst,
    ".ipynb": read_notebook,
    ".json": read_openapi,
    ".yaml": read_openapi,
    ".yml": read_openapi,
}
