"""What a server's start puts off, and that nothing of it stays behind."""

import gc
import json
import subprocess
import sys
from collections.abc import Generator

import pydantic
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from understudy_servers.lean_start import lean_start, models_built_when_used

GREETED = """
import json, sys
from understudy_servers.lean_start import lean_start
with lean_start():
    from mcp.server.mcpserver import MCPServer
    MCPServer("x")
from mcp.types import Tool
loaded = "rich.console" in sys.modules
unused = Tool.__pydantic_complete__
tool = Tool.model_validate({"name": "a", "inputSchema": {"type": "object"}})
print(json.dumps([loaded, unused, tool.input_schema]))
"""


def test_a_model_defined_inside_is_built_at_its_first_use_and_then_refuses_as_ever() -> None:
    with models_built_when_used():

        class Inside(BaseModel):
            size: int

        adapter = TypeAdapter(Inside | int)
    assert not Inside.__pydantic_complete__
    assert adapter.validate_python({"size": "3"}) == Inside(size=3)
    with pytest.raises(ValidationError):
        Inside.model_validate({"size": "many"})


@pytest.fixture
def thaw() -> Generator[None]:
    """Undo the freezing of what exists, which a server wants and other tests of this process do not."""
    yield
    gc.unfreeze()


def test_what_was_set_is_set_again_even_when_a_start_fails(thaw: None) -> None:
    config, waits, threshold = BaseModel.model_config, TypeAdapter._defer_build, gc.get_threshold()
    with pytest.raises(RuntimeError), lean_start():
        raise RuntimeError
    assert (BaseModel.model_config, TypeAdapter._defer_build) == (config, waits)
    assert gc.isenabled()
    assert gc.get_threshold() == threshold
    assert sys.modules.get("rich.console", sys) is not None


def test_models_are_built_at_once_where_building_later_would_not_be_safe_in_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pydantic, "VERSION", "2.13.9")
    with models_built_when_used():

        class Inside(BaseModel):
            size: int

    assert Inside.__pydantic_complete__


def test_a_server_starts_without_rich_and_without_the_models_nobody_has_used() -> None:
    done = subprocess.run([sys.executable, "-c", GREETED], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [False, False, {"type": "object"}]
