"""Qwen Code."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="qwen",
    title="Qwen Code",
    format="json",
    user=lambda place: place.home / ".qwen" / "settings.json",
    project=".qwen/settings.json",
    at=("mcpServers",),
    entry=plain,
    check="qwen mcp list",
    evidence="run with Qwen Code 0.24.4",
    source="https://qwenlm.github.io/qwen-code-docs/en/users/features/mcp/",
)
