"""LM Studio."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="lmstudio",
    title="LM Studio",
    format="json",
    user=lambda place: place.home / ".lmstudio" / "mcp.json",
    project=None,
    at=("mcpServers",),
    entry=plain,
    check="Program, Install, Edit mcp.json",
    evidence="written after its documentation, not run",
    source="https://lmstudio.ai/docs/app/mcp",
)
