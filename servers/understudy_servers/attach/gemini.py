"""Gemini CLI."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="gemini",
    title="Gemini CLI",
    format="json",
    user=lambda place: place.home / ".gemini" / "settings.json",
    project=".gemini/settings.json",
    at=("mcpServers",),
    entry=plain,
    check="gemini mcp list",
    evidence="health check run with Gemini CLI 0.61.0; a prompt was not run, since it needs a login",
    source="https://geminicli.com/docs/tools/mcp-server/",
)
