"""Visual Studio Code."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="vscode",
    title="VS Code",
    format="json",
    user=lambda place: place.application_support / "Code" / "User" / "mcp.json",
    project=".vscode/mcp.json",
    at=("servers",),
    entry=lambda server: {"type": "stdio", **plain(server)},
    check="the command palette: MCP: List Servers",
    evidence="written after its documentation, not run",
    source="https://code.visualstudio.com/docs/copilot/reference/mcp-configuration",
)
