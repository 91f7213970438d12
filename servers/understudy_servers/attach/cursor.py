"""Cursor."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="cursor",
    title="Cursor",
    format="json",
    user=lambda place: place.home / ".cursor" / "mcp.json",
    project=".cursor/mcp.json",
    at=("mcpServers",),
    entry=plain,
    check="Settings, Tools & MCP",
    evidence="written after its documentation, not run",
    source="https://cursor.com/docs/context/mcp",
)
