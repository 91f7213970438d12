"""Zed."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="zed",
    title="Zed",
    format="json",
    user=lambda place: place.config / "zed" / "settings.json",
    project=".zed/settings.json",
    at=("context_servers",),
    entry=lambda server: {"source": "custom", "enabled": True, **plain(server)},
    check="the Agent Panel's settings: the dot beside the server is green",
    evidence="written after its documentation, not run",
    source="https://zed.dev/docs/ai/mcp",
)
