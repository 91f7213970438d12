"""Agents that people use, unchanged, against the proxy: Codex over responses, OpenCode over chat completions."""

import json
import subprocess
from pathlib import Path

import anyio.to_thread
import pytest
from tests.clients.installed import environment, program
from tests.scaffolds.proxy.serving import service_of, serving

from understudy import Direct, Retry
from understudy.model import Completion, Request, Usage
from understudy.problem import ToolCall
from understudy.testing import ScriptedModel

pytestmark = pytest.mark.clients

USAGE = Usage(input_tokens=100, output_tokens=10)


def running(names: tuple[str, ...], arguments: dict[str, object]) -> ScriptedModel:
    """A small model: its first call is malformed, in the text; when it has the result, it repeats it."""

    def script(request: Request) -> Completion:
        results = [message for message in request.messages if message.role == "tool"]
        if results:
            return Completion(text=f"It said: {results[-1].content}", usage=USAGE)
        tool = next((tool.name for tool in request.tools if tool.name in names), None)
        if tool is None:
            return Completion(text="A title", usage=USAGE)
        call = ToolCall(name=tool, arguments=json.dumps(arguments))
        text = f"<tool_call>\n{{'name': '{call.name}', 'arguments': {call.arguments},}}\n</tool_call>"
        return Completion(text=text, usage=USAGE)

    return ScriptedModel(script)


async def run(command: list[str], folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    def start() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=150,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            check=False,
        )

    return await anyio.to_thread.run_sync(start)


async def test_opencode_works_through_a_scaffold_with_a_model_that_writes_malformed_calls(tmp_path: Path) -> None:
    opencode = program("opencode")
    (tmp_path / "hello.txt").write_text("the word is rhubarb\n")
    model = running(("read",), {"filePath": str(tmp_path / "hello.txt")})
    async with serving(service_of(Retry(Direct(), tries=2), model), heartbeat_s=0.5) as url:
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": url, "apiKey": "none"},
            "models": {"understudy": {"tool_call": True, "limit": {"context": 32768, "output": 2048}}},
        }
        settings = {"autoupdate": False, "share": "disabled", "enabled_providers": ["local"]}
        settings |= {"model": "local/understudy", "small_model": "local/understudy", "provider": {"local": provider}}
        (tmp_path / "opencode.json").write_text(json.dumps(settings))
        env = environment(tmp_path) | {"OPENCODE_DISABLE_MODELS_FETCH": "1"}
        done = await run([opencode, "run", "--format", "json", "read hello.txt"], tmp_path, env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It said: " in done.stdout, done.stdout
    assert "rhubarb" in done.stdout.partition("It said: ")[2]


async def test_codex_works_through_a_scaffold_with_a_model_that_writes_malformed_calls(tmp_path: Path) -> None:
    codex = program("codex")
    (tmp_path / "hello.txt").write_text("the word is rhubarb\n")
    home = tmp_path / "home" / ".codex"
    home.mkdir(parents=True)
    model = running(("exec_command",), {"cmd": "cat hello.txt"})
    async with serving(service_of(Retry(Direct(), tries=2), model), heartbeat_s=0.5) as url:
        (home / "config.toml").write_text(
            'model = "understudy"\nmodel_provider = "local"\n'
            'approval_policy = "never"\nsandbox_mode = "danger-full-access"\n'
            f'[model_providers.local]\nname = "local"\nbase_url = "{url}"\nwire_api = "responses"\n'
            "request_max_retries = 0\nstream_max_retries = 0\n"
        )
        env = environment(tmp_path) | {"CODEX_HOME": str(home)}
        command = [codex, "exec", "--skip-git-repo-check", "--json", "say what hello.txt says"]
        done = await run(command, tmp_path, env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert model.requests, done.stdout + done.stderr
    offered = [tool.name for tool in model.requests[0].tools]
    assert "It said: " in done.stdout, f"{offered}\n{done.stdout}\n{done.stderr}"
    assert "rhubarb" in done.stdout.partition("It said: ")[2], done.stdout
