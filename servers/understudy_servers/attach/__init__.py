"""One file per MCP client: where its configuration lives and how an entry of ours looks in it."""
