"""Goose."""

from collections.abc import Mapping
from typing import Any

from understudy_servers.attach.client import Client, Entry


def entry(server: Entry) -> Mapping[str, Any]:
    """Goose calls a server an extension, its command `cmd` and its environment `envs`."""
    return {
        "enabled": True,
        "type": "stdio",
        "name": server.name,
        "cmd": server.command,
        "args": list(server.args),
        "envs": dict(server.env),
        "timeout": 300,
    }


CLIENT = Client(
    name="goose",
    title="Goose",
    format="yaml",
    user=lambda place: place.config / "goose" / "config.yaml",
    project=None,
    at=("extensions",),
    entry=entry,
    check="goose info -v",
    evidence="written after its documentation, not run",
    source="https://block.github.io/goose/docs/guides/config-files",
)
