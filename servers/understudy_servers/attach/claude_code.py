"""Claude Code."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="claude-code",
    title="Claude Code",
    format="json",
    user=lambda place: place.home / ".claude.json",
    project=".mcp.json",
    at=("mcpServers",),
    entry=lambda server: {"type": "stdio", **plain(server)},
    check="claude mcp list",
    evidence="health check run with Claude Code 2.1.330; a prompt was not run, since it needs a login",
    source="https://code.claude.com/docs/en/mcp",
)
