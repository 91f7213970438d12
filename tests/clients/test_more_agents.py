"""More of the agents that people use: each starts our servers as `understudy attach` wrote them."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.clients.installed import UNDERSTUDY, environment, program, scripted_endpoint
from tests.clients.responses import responses_endpoint
from tests.clients.test_agents import CALLS, attach, calling

pytestmark = pytest.mark.clients

SERVERS = ["thinking", "docs", "testing", "all"]


def run(command: list[str], folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a client in the folder, which is its home as well."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=150,
        cwd=folder,
        env=environment(folder) | variables,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("server", SERVERS)
def test_codex_calls_a_tool_of_ours_that_only_reads_in_its_read_only_sandbox(server: str, tmp_path: Path) -> None:
    codex = program("codex")
    tool, arguments = CALLS["thinking" if server == "all" else server]
    home = tmp_path / ".codex"
    home.mkdir()
    with responses_endpoint(tool, arguments) as (url, requests):
        (home / "config.toml").write_text(
            'model = "scripted"\nmodel_provider = "local"\n'
            'approval_policy = "never"\nsandbox_mode = "read-only"\n'
            "check_for_update_on_startup = false\n[analytics]\nenabled = false\n"
            f'[model_providers.local]\nname = "local"\nbase_url = "{url}"\nwire_api = "responses"\n'
            "request_max_retries = 0\nstream_max_retries = 0\n"
        )
        attach("codex", server, tmp_path, "--user")
        command = [codex, "exec", "--skip-git-repo-check", "--ephemeral", "--json", "call the tool"]
        done = run(command, tmp_path, CODEX_HOME=str(home))

    assert done.returncode == 0, done.stdout + done.stderr
    items = [json.loads(line).get("item", {}) for line in done.stdout.splitlines()]
    calls = [item for item in items if item.get("type") == "mcp_tool_call" and item["status"] != "in_progress"]
    assert [(call["status"], call["error"]) for call in calls] == [("completed", None)], (done.stdout, requests)
    assert "The tool said: " in done.stdout, done.stdout


@pytest.mark.parametrize("server", SERVERS)
def test_qwen_code_calls_a_tool_of_ours(server: str, tmp_path: Path) -> None:
    qwen = program("qwen")
    tool, arguments = CALLS["thinking" if server == "all" else server]
    home = tmp_path / ".qwen"
    home.mkdir()
    settings = {
        "security": {"auth": {"selectedType": "openai"}},
        "telemetry": {"enabled": False},
        "privacy": {"usageStatisticsEnabled": False},
        "general": {"enableAutoUpdate": False},
        "tools": {"toolSearch": {"enabled": False}},
    }
    (home / "settings.json").write_text(json.dumps(settings))
    attach("qwen", server, tmp_path, "--user")
    with scripted_endpoint(calling(tool, arguments)) as (url, requests):
        command = [qwen, "--auth-type", "openai", "--approval-mode", "yolo", "-o", "json", "call the tool"]
        done = run(command, tmp_path, OPENAI_BASE_URL=url, OPENAI_MODEL="scripted", OPENAI_API_KEY="none")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The tool said: " in done.stdout, f"{done.stdout}\n{[len(one.get('tools', ())) for one in requests]}"


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("client", "command"), [("claude-code", "claude"), ("gemini", "gemini")])
def test_a_client_whose_prompts_need_a_login_finds_our_server_healthy(
    client: str, command: str, server: str, tmp_path: Path
) -> None:
    path = program(command)
    attach(client, server, tmp_path, "--user")

    done = run([path, "mcp", "list"], tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true")  # it starts nothing elsewhere

    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout + done.stderr
    line = next((one for one in said.splitlines() if UNDERSTUDY in one), said)
    assert "Connected" in line, said
    assert "Disconnected" not in line, said
