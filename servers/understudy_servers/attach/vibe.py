"""Mistral Vibe."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="vibe",
    title="Mistral Vibe",
    format="toml",
    user=lambda place: place.home / ".vibe" / "config.toml",
    project=None,  # a file per project replaces the user's whole configuration, models included
    at=("mcp_servers",),
    listed=True,
    entry=lambda server: {"name": server.name, "transport": "stdio", **plain(server)},
    check="start vibe and look at the list of tools",
    evidence="run with Mistral Vibe 3.0.2",
    source="https://docs.mistral.ai/vibe/code/cli/mcp-servers",
)
