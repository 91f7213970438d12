"""OpenCode."""

from collections.abc import Mapping
from typing import Any

from understudy_servers.attach.client import Client, Entry


def entry(server: Entry) -> Mapping[str, Any]:
    """OpenCode takes the command and its arguments as one list."""
    written: dict[str, Any] = {"type": "local", "command": [server.command, *server.args], "enabled": True}
    if server.env:
        written["environment"] = dict(server.env)
    return written


CLIENT = Client(
    name="opencode",
    title="OpenCode",
    format="json",
    user=lambda place: place.config / "opencode" / "opencode.json",
    project="opencode.json",
    also=".jsonc",
    at=("mcp",),
    entry=entry,
    check="opencode mcp list",
    evidence="run with opencode 1.18.33",
    source="https://opencode.ai/docs/mcp-servers/",
)
