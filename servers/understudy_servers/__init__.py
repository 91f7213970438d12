"""MCP servers that help small local models: thinking, docs, testing."""
