"""Fixtures of the toolkit's tests that several files share."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scaffolds.endpoint import Endpoint, served


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint()
    with served(made.answer) as made.spec:
        yield made


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what commands remember out of the home folder."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "state"))
    return tmp_path / "state"
