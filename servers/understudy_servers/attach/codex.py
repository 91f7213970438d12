"""Codex CLI."""

from collections.abc import Mapping
from typing import Any

from understudy_servers.attach.client import Client, Entry, plain


def entry(server: Entry) -> Mapping[str, Any]:
    """Codex drops an optional server that is not up after a second, silently; `required` makes it wait and say so."""
    return {**plain(server), "required": True}


CLIENT = Client(
    name="codex",
    title="Codex CLI",
    format="toml",
    user=lambda place: place.home / ".codex" / "config.toml",
    project=".codex/config.toml",
    at=("mcp_servers",),
    entry=entry,
    check="codex mcp list",
    evidence="run with Codex CLI 0.169.0, in its read-only sandbox too",
    source="https://developers.openai.com/codex/mcp",
)
