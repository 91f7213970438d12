"""The shell of every page: one file, no outside resource, and a policy that lets nothing but our own script run.

Everything that came from a model, a file or a server reaches the browser as JSON data and is shown as text.
"""

import base64
import hashlib
import json
from functools import cache
from html import escape
from importlib import resources
from typing import Any

from understudy_harness import news


def page(title: str, body: str, *, fixture: bool, data: str = "") -> str:
    """Put a body into a page.

    Args:
        title: Of the window.
        body: HTML that is safe already.
        fixture: Bundled models take part, so the banner stands on top.
        data: `script` elements of JSON data, made by `embed`.
    """
    style, script = _part("page.css"), _part("page.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; "
        "form-action 'none'"
    )
    banner = f'<p class="banner" role="note">{escape(news.FIXTURE_BANNER)}</p>' if fixture else ""
    body = body.replace("<!--banner-->", banner, 1)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="generator" content="understudy"><meta name="referrer" content="no-referrer">'
        f"<title>{escape(title)}</title><style>{style}</style></head>\n<body>{body}{data}"
        f"<script>{script}</script></body></html>\n"
    )


def embed(name: str, content: Any) -> str:
    """JSON data for the script, such that no text inside can end the element."""
    return f'<script type="application/json" id="{name}">{inert(json.dumps(content, separators=(",", ":")))}</script>'


def inert(text: str) -> str:
    """JSON text without a `<`, so that it can stand inside a `script` element."""
    return text.replace("<", "\\u003c")


@cache
def _part(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


@cache
def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
