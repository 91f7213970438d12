"""Windsurf."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="windsurf",
    title="Windsurf",
    format="json",
    user=lambda place: place.home / ".codeium" / "windsurf" / "mcp_config.json",
    project=None,
    at=("mcpServers",),
    entry=plain,
    check="Settings, Cascade, MCP servers",
    evidence="written after its documentation, not run",
    source="https://docs.windsurf.com/windsurf/cascade/mcp",
)
