"""Claude Desktop."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="claude-desktop",
    title="Claude Desktop",
    format="json",
    user=lambda place: place.application_support / "Claude" / "claude_desktop_config.json",
    project=None,
    at=("mcpServers",),
    entry=plain,
    check="Settings, Developer",
    evidence="written after its documentation, not run",
    source="https://modelcontextprotocol.io/docs/develop/connect-local-servers",
)
