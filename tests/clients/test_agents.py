"""Agents that people use, attached by `understudy attach`, call a tool of ours for a scripted model."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.clients.installed import UNDERSTUDY, Script, environment, program, scripted_endpoint
from tests.servers.wire import connected

pytestmark = pytest.mark.clients

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "thinking": ("sequentialthinking", {"thought": "first, look", "nextThoughtNeeded": True}),
    "docs": ("resolve-library-id", {"libraryName": "click", "query": "options"}),
    "testing": ("test_status", {}),
}


def calling(tool: str, arguments: dict[str, Any]) -> Script:
    """A model that calls the tool once, where it is offered, and then repeats what the tool said."""

    def script(request: dict[str, Any]) -> dict[str, Any]:
        said = [message for message in request["messages"] if message["role"] == "tool"]
        if said:
            content = said[-1]["content"]
            text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
            return {"content": f"The tool said: {text}"}
        names = [one["function"]["name"] for one in request.get("tools", ())]
        ours = [name for name in names if name.endswith(tool)]
        return {"tool_calls": [{"name": ours[0], "arguments": arguments}]} if ours else {"content": "a title"}

    return script


def attach(client: str, server: str, folder: Path, level: str = "--project") -> None:
    command = [UNDERSTUDY, "attach", client, level, "--server", server]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=folder, env=environment(folder))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("server", ["thinking", "docs", "testing", "all"])
def test_opencode_calls_a_tool_of_ours(server: str, tmp_path: Path) -> None:
    opencode = program("opencode")
    tool, arguments = CALLS["thinking" if server == "all" else server]
    with scripted_endpoint(calling(tool, arguments)) as (url, requests):
        provider = {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": url, "apiKey": "none"},
            "models": {"scripted": {"tool_call": True, "limit": {"context": 32768, "output": 2048}}},
        }
        settings = {"autoupdate": False, "share": "disabled", "enabled_providers": ["local"], "model": "local/scripted"}
        settings |= {"small_model": "local/scripted", "provider": {"local": provider}}
        (tmp_path / "opencode.json").write_text(json.dumps(settings))
        attach("opencode", server, tmp_path)
        env = environment(tmp_path) | {"OPENCODE_DISABLE_MODELS_FETCH": "1"}
        command = [opencode, "run", "--format", "json", "call the tool"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, env=env)

    assert done.returncode == 0, done.stdout + done.stderr
    used = [line for line in done.stdout.splitlines() if '"tool_use"' in line]
    assert used, f"{done.stdout}\n{[len(request.get('tools', ())) for request in requests]}"
    assert "The tool said: " in done.stdout


@pytest.mark.parametrize("server", ["thinking", "docs", "testing"])
def test_llama_cpp_lists_and_calls_a_tool_of_ours(server: str, tmp_path: Path) -> None:
    tool, arguments = CALLS[server]
    attach("llama.cpp", server, tmp_path)
    code = (
        "import json, sys, urllib.request, xllamacpp as x\n"
        "from importlib.resources import files\n"
        "p = x.CommonParams()\n"
        "p.model.path = str(files('understudy_harness.fixtures') / 'nano.gguf')\n"
        "p.n_ctx = 1024; p.n_parallel = 1; p.hostnames = ['127.0.0.1']; p.port = 0; p.verbosity = 1\n"
        "p.mcp_servers_config = 'llama.cpp.mcp.json'\n"
        "s = x.Server(p)\n"
        "tools = json.load(urllib.request.urlopen(s.listening_address + '/tools'))\n"
        f"name = next(n for n in json.dumps(tools).split('\"') if n.endswith('_{tool}'))\n"
        f"body = json.dumps({{'tool': name, 'params': {arguments!r}}}).encode()\n"
        "r = urllib.request.Request(s.listening_address + '/tools', body, {'content-type': 'application/json'})\n"
        "print(urllib.request.urlopen(r).read().decode())\n"
    )
    python = str(Path(UNDERSTUDY).parent / "python")

    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment(tmp_path)
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "error" not in json.loads(done.stdout.splitlines()[-1]), done.stdout


@pytest.mark.parametrize("server", ["thinking", "docs", "testing", "all"])
def test_an_independent_older_sdk_lists_and_calls_our_tools(server: str, tmp_path: Path, old_sdk: str) -> None:
    tool, arguments = CALLS["thinking" if server == "all" else server]
    code = (
        "import asyncio, json, sys\n"
        "from mcp import ClientSession, StdioServerParameters\n"
        "from mcp.client.stdio import stdio_client\n"
        "async def main():\n"
        f"    params = StdioServerParameters(command={UNDERSTUDY!r}, args=['serve', {server!r}])\n"
        "    async with stdio_client(params) as (r, w), ClientSession(r, w) as session:\n"
        "        await session.initialize()\n"
        "        names = [tool.name for tool in (await session.list_tools()).tools]\n"
        f"        result = await session.call_tool({tool!r}, {arguments!r})\n"
        "        print(json.dumps([names, result.isError, result.content[0].text]))\n"
        "asyncio.run(main())\n"
    )

    done = subprocess.run(
        [old_sdk, "-c", code], capture_output=True, text=True, timeout=120, cwd=tmp_path, env=environment(tmp_path)
    )

    assert done.returncode == 0, done.stderr[-3000:]
    names, is_error, text = json.loads(done.stdout.splitlines()[-1])
    assert tool in names
    assert not is_error
    assert text


LLAMA_GRAMMAR = """
import json, sys, urllib.request, xllamacpp as x
from importlib.resources import files

def ask(path, body):
    head = {"content-type": "application/json"}
    request = urllib.request.Request(s.listening_address + path, json.dumps(body).encode(), head)
    return json.load(urllib.request.urlopen(request))

p = x.CommonParams()
p.model.path = str(files("understudy_harness.fixtures") / "nano.gguf")
p.n_ctx = 1024; p.n_parallel = 1; p.hostnames = ["127.0.0.1"]; p.port = 0; p.verbosity = 1
p.mcp_servers_config = "llama.cpp.mcp.json"
s = x.Server(p)
listed = json.dumps(json.load(urllib.request.urlopen(s.listening_address + "/tools"))).split('"')
for name, schema in json.loads(sys.argv[1]).items():
    body = {"messages": [{"role": "user", "content": "call"}], "max_tokens": 60, "temperature": 1.0, "seed": 1}
    body["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": schema}}
    choice = ask("/v1/chat/completions", body)["choices"][0]
    text = choice["message"]["content"]
    arguments = json.loads(text) if choice["finish_reason"] == "stop" else None
    assert text.startswith("{"), text
    tool = next(one for one in listed if one.endswith("_" + name))
    said = ask("/tools", {"tool": tool, "params": arguments}) if arguments is not None else "cut off"
    print(json.dumps([name, arguments, said]))
"""


def test_llama_cpp_constrains_a_model_by_our_schemas_and_calls_our_tools_with_what_it_wrote(tmp_path: Path) -> None:
    attach("llama.cpp", "all", tmp_path)
    with connected("all", tmp_path) as wire:
        wire.shake()
        schemas = {tool["name"]: tool["inputSchema"] for tool in wire.ask("tools/list")["result"]["tools"]}
    command = [str(Path(UNDERSTUDY).parent / "python"), "-c", LLAMA_GRAMMAR, json.dumps(schemas)]

    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment(tmp_path))

    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert {name for name, _, _ in told} == set(schemas)
    called = [(name, arguments) for name, arguments, _ in told if arguments is not None]
    assert called, told
    for name, arguments in called:
        Draft202012Validator(schemas[name]).validate(arguments)
