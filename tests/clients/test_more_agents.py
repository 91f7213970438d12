"""More of the agents that people use: each starts our servers as `understudy attach` wrote them."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.clients.conftest import SeparatePython
from tests.clients.installed import UNDERSTUDY, environment, program, scripted_endpoint, working_python
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


def typescript(found: str, tool: str, arguments: dict[str, Any]) -> str:
    """The program with which a model calls, in Vibe, the tool that its search found."""
    names = re.findall(r"\b(mcp_[\w-]+)\.([\w-]+)", found)
    connector, name = next(one for one in names if one[1].replace("-", "_") == tool.replace("-", "_"))
    return f'async function main() {{ return await tools["{connector}"]["{name}"]({json.dumps(arguments)}) }}'


@pytest.mark.parametrize("server", SERVERS)
def test_vibe_finds_and_calls_a_tool_of_ours(server: str, tmp_path: Path, separate_python: SeparatePython) -> None:
    newer = working_python("python3.14", "python3.13", "python3.12")
    if newer is None:
        pytest.skip("Mistral Vibe needs Python 3.12 or newer beside this one, and none is on PATH")
    python = separate_python("mistral-vibe==3.0.2", newer)
    tool, arguments = CALLS["thinking" if server == "all" else server]

    def script(request: dict[str, Any]) -> dict[str, Any]:
        said = [message["content"] for message in request["messages"] if message["role"] == "tool"]
        if not said:
            return {"tool_calls": [{"name": "search_tool_functions", "arguments": {"query": tool}}]}
        if len(said) == 1:
            return {
                "tool_calls": [{"name": "run_typescript", "arguments": {"code": typescript(said[0], tool, arguments)}}]
            }
        return {"content": f"The tools said: {said}"}

    home = tmp_path / ".vibe"
    home.mkdir()
    with scripted_endpoint(script) as (url, _):
        (home / "config.toml").write_text(
            'active_model = "scripted"\nenable_update_checks = false\nenable_telemetry = false\n'
            f'[[providers]]\nname = "local"\napi_base = "{url}"\napi_key_env_var = ""\nbackend = "generic"\n'
            '[[models]]\nname = "scripted"\nprovider = "local"\nalias = "scripted"\n'
        )
        attach("vibe", server, tmp_path, "--user")
        vibe = str(Path(python).parent / "vibe")
        done = run([vibe, "-p", "call the tool", "--output", "text", "--agent", "auto-approve", "--trust"], tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "The tools said: " in done.stdout
    assert "<anonymous>" not in done.stdout, f"the program failed: {done.stdout}"
