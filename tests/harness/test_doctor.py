"""`understudy doctor` says what is there, asks nobody but this machine, and fails when something is broken."""

import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from understudy_harness.doctor import doctor


@pytest.fixture(autouse=True)
def empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")


def test_everything_is_looked_at_and_no_secret_is_shown(tmp_path: Path) -> None:
    result = CliRunner().invoke(doctor, ["--json"])

    findings = json.loads(result.output)
    areas = {finding["area"] for finding in findings}
    assert areas >= {"installation", "servers", "sandbox", "index", "endpoints", "keys"}
    states = {finding["name"]: finding["state"] for finding in findings if finding["area"] == "servers"}
    assert "broken" not in states.values()
    assert "sk-very-secret" not in result.output
    assert {"area": "keys", "name": "openai", "state": "ok", "detail": "OPENAI_API_KEY is set", "cure": ""} in findings
    data = next(finding for finding in findings if finding["name"] == "data")
    assert str(tmp_path / "data" / "understudy") in data["detail"]
    assert result.exit_code == 0


def test_an_endpoint_that_was_named_and_does_not_answer_is_broken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = CliRunner().invoke(doctor, ["--only", "endpoints", "--endpoint", f"http://127.0.0.1:{port}/v1#any"])

    assert result.exit_code == 1
    assert f"http://127.0.0.1:{port}/v1#any: does not answer" in result.output
    assert "start the server" in result.output


def test_a_spec_that_does_not_parse_is_a_sentence() -> None:
    result = CliRunner().invoke(doctor, ["--only", "endpoints", "--endpoint", "nonsense"])

    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_a_cure_is_shown_as_it_must_be_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_harness.doctor.EXTRAS", {"docs": ("no_such_library", "reading of [links]")})

    result = CliRunner().invoke(doctor, ["--only", "installation"])

    assert "docs: reading of [links]" in result.output
    assert "pip install 'understudy[docs]'" in result.output
