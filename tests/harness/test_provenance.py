"""Where a number came from: the commit where there is one, and nothing that a machine without git would fail at."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from understudy_harness import provenance


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    provenance.environment.cache_clear()
    yield
    provenance.environment.cache_clear()


def test_installed_code_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "site-packages/understudy_harness/provenance.py"))
    assert provenance.environment()["git"] is None


def test_without_git_a_checkout_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "harness/understudy_harness/provenance.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.environment()["git"] is None


def test_packages_that_are_not_installed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "_PACKAGES", ("understudy", "no-such-package"))
    assert list(provenance.environment()["packages"]) == ["understudy"]
