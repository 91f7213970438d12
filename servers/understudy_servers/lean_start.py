"""A quicker start for servers: while the SDK is imported and a server is built, put off what a greeting does not need.

The SDK declares six hundred pydantic models, of which a conversation uses a few dozen, and loads rich for its log
lines. Inside `lean_start` pydantic makes a model's validator when the model is first used, the SDK falls back to plain
log lines, and no garbage is collected. It takes a third off the start: docs/results/2026-11-22-docs-server.md.
"""

import gc
import sys
from collections.abc import Generator
from contextlib import contextmanager

LOG_DECORATION = "rich.console"
# private to pydantic, but no setting reaches adapters of unions; left alone where it is gone
ADAPTER_WAITS = "_defer_build"
THREAD_SAFE = (2, 14)  # pydantic; before, two threads that use a model for the first time may break it


@contextmanager
def lean_start() -> Generator[None]:
    """Make imports and model definitions inside cheaper; what was set before is set again afterwards."""
    # The SDK makes a hundred thousand objects that stay; collecting garbage while they appear costs part of the start.
    gc.disable()
    decorated = LOG_DECORATION in sys.modules
    if not decorated:
        sys.modules[LOG_DECORATION] = None  # type: ignore[assignment]  # Python's own way to say "not installed"
    try:
        with models_built_when_used():
            yield
    finally:
        if not decorated:
            del sys.modules[LOG_DECORATION]
        gc.freeze()
        gc.enable()


@contextmanager
def models_built_when_used() -> Generator[None]:
    """Let every pydantic model and adapter defined inside wait for its first use."""
    # here, so that commands which only print help do not pay for it
    from pydantic import VERSION, BaseModel, TypeAdapter  # noqa: PLC0415

    if tuple(map(int, VERSION.split(".")[:2])) < THREAD_SAFE:
        yield
        return
    settings, waits = BaseModel.model_config, getattr(TypeAdapter, ADAPTER_WAITS, None)
    BaseModel.model_config = {**settings, "defer_build": True}
    if waits is not None:
        setattr(TypeAdapter, ADAPTER_WAITS, lambda self: True)
    try:
        yield
    finally:
        BaseModel.model_config = settings
        if waits is not None:
            setattr(TypeAdapter, ADAPTER_WAITS, waits)
