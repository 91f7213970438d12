"""Other people's checkers against our servers over our own wiring: the MCP conformance suite and the Inspector."""

import json
import re
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.clients.installed import SERVERS, UNDERSTUDY, environment, program

pytestmark = pytest.mark.clients

# The scenarios that need no fixture tool: what is left says something about a real server.
HANDSHAKE = (
    "server-initialize",
    "ping",
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "server-session-lifecycle",
)
MODERN = (
    "tools-list",
    "resources-list",
    "prompts-list",
    "server-sse-multiple-streams",
    "dns-rebinding-protection",
    "caching",
    "sep-2164-resource-not-found",
    "http-header-validation",
)


@contextmanager
def served(server: str, home: Path) -> Generator[str]:
    """Serve over HTTP on a free port and say where."""
    command = [UNDERSTUDY, "serve", server, "--http", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(home), cwd=home) as process:
        assert process.stderr is not None
        said = process.stderr.readline()
        found = re.search(r"http://\S+/mcp", said)
        assert found, f"{server} did not say where it listens: {said}"
        yield found.group()
        process.terminate()
        assert process.wait(timeout=10) == 0


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    ("revision", "scenarios"), [("2025-11-25", HANDSHAKE), ("2026-07-28", MODERN)], ids=["handshake", "modern"]
)
def test_the_fixture_free_conformance_scenarios_pass(
    server: str, revision: str, scenarios: tuple[str, ...], tmp_path: Path
) -> None:
    conformance = program("conformance")
    failed = {}
    with served(server, tmp_path) as url:
        for scenario in scenarios:
            command = [conformance, "server", "--url", url, "--scenario", scenario, "--spec-version", revision]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(tmp_path))
            if done.returncode != 0:
                failed[scenario] = done.stdout[-1500:] + done.stderr[-500:]

    assert failed == {}


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "method", ["tools/list --strict", "prompts/list", "resources/list", "resources/templates/list"]
)
def test_the_inspector_accepts_every_definition(server: str, method: str, tmp_path: Path) -> None:
    inspector = program("mcp-inspector")
    command = [inspector, "--cli", "--method", *method.split(), "--format", "json", "--", UNDERSTUDY, "serve", server]

    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment(tmp_path), cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)
