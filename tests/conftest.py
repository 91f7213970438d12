"""Settings every test shares: asyncio as the event loop, and nothing that reaches the network."""

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
