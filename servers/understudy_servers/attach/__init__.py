"""Attach our servers to an MCP client: one file per client says where its configuration lives and what an entry is."""
