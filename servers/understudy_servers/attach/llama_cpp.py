"""llama.cpp server."""

from understudy_servers.attach.client import Client, plain

CLIENT = Client(
    name="llama.cpp",
    title="llama.cpp server",
    format="json",
    user=lambda place: place.config / "llama.cpp" / "mcp.json",
    project="llama.cpp.mcp.json",
    at=("mcpServers",),
    entry=plain,
    check="start it with llama-server --mcp-servers-config FILE; GET /tools lists them",
    evidence="run with llama.cpp through xllamacpp 2026.10",
    source="https://github.com/ggml-org/llama.cpp/pull/26062",
)
