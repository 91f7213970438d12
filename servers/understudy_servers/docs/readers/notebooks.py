"""Jupyter notebooks as chunks: Markdown and code cells in order, outputs left out."""

import json

from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.formats import UnreadablePage, page_title
from understudy_servers.docs.readers.markdown import page_chunks


def read_notebook(text: str, page: str) -> list[Chunk]:
    """Read an .ipynb file of format 3 or 4.

    Raises:
        UnreadablePage: it is not a notebook.
    """
    try:
        data = json.loads(text)
        cells = data["cells"] if "cells" in data else [cell for sheet in data["worksheets"] for cell in sheet["cells"]]
        language = data.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        parts = [_cell(cell, str(language)) for cell in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UnreadablePage(f"left out, it is not a notebook ({type(error).__name__}: {error})") from error
    return page_chunks("\n\n".join(filter(None, parts)), page=page, fallback_title=page_title(page))


def _cell(cell: dict[str, object], language: str) -> str:
    source = cell.get("source", cell.get("input", ""))
    text = "".join(map(str, source)) if isinstance(source, list) else str(source)
    if cell.get("cell_type") == "markdown":
        return text
    if cell.get("cell_type") == "code" and text.strip():
        fence = "````" if "```" in text else "```"
        return f"{fence}{language}\n{text}\n{fence}"
    return ""
