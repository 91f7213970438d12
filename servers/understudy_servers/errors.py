"""The one place where a failure becomes words for a model.

A tool of the MCP SDK shows the model only the text of a deliberate `ToolError`; every other exception is hidden behind
"Error executing tool NAME". `readable` names the expected failures of a domain at the boundary, so that those become
sentences and a bug stays a bug.
"""

from collections.abc import Generator
from contextlib import contextmanager

from mcp.server.mcpserver.exceptions import ToolError


@contextmanager
def readable(*expected: type[Exception]) -> Generator[None]:
    """Turn the `expected` exceptions into `ToolError`s with the same text; let every other exception through."""
    try:
        yield
    except expected as error:
        raise ToolError(str(error)) from error
