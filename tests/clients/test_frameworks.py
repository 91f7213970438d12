"""Frameworks for agents, each in an environment of its own, start our servers and call a tool of ours."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.clients.conftest import SeparatePython
from tests.clients.installed import UNDERSTUDY, environment, scripted_endpoint
from tests.clients.test_agents import CALLS, calling

pytestmark = pytest.mark.clients

SERVERS = ["thinking", "docs", "testing", "all"]

PYDANTIC_AI = """
import asyncio, json, sys
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

command, server, tool, arguments, url = sys.argv[1:]

def script(messages, info):
    said = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
    if said:
        return ModelResponse(parts=[TextPart("The tool said: " + said[-1].model_response_str())])
    assert tool in [one.name for one in info.function_tools], info.function_tools
    return ModelResponse(parts=[ToolCallPart(tool, json.loads(arguments))])

async def main():
    agent = Agent(FunctionModel(script), toolsets=[MCPToolset(StdioTransport(command, ["serve", server]))])
    async with agent:
        print((await agent.run("call the tool")).output)

asyncio.run(main())
"""

OPENAI_AGENTS = """
import asyncio, sys
from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from agents.mcp import MCPServerStdio
from openai import AsyncOpenAI

command, server, tool, arguments, url = sys.argv[1:]

async def main():
    set_tracing_disabled(True)
    model = OpenAIChatCompletionsModel(model="scripted", openai_client=AsyncOpenAI(base_url=url, api_key="none"))
    async with MCPServerStdio(params={"command": command, "args": ["serve", server]}) as ours:
        agent = Agent(name="one", model=model, mcp_servers=[ours])
        print((await Runner.run(agent, "call the tool")).final_output)

asyncio.run(main())
"""

LANGCHAIN = """
import asyncio, json, sys
from langchain_mcp_adapters.client import MultiServerMCPClient

command, server, tool, arguments, url = sys.argv[1:]

async def main():
    ours = MultiServerMCPClient({"ours": {"transport": "stdio", "command": command, "args": ["serve", server]}})
    [one] = [each for each in await ours.get_tools() if each.name == tool]
    print("The tool said:", await one.ainvoke(json.loads(arguments)))

asyncio.run(main())
"""

INSPECT = """
import json, sys
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.solver import generate, use_tools
from inspect_ai.tool import mcp_server_stdio

command, server, tool, arguments, url = sys.argv[1:]
outputs = [
    ModelOutput.for_tool_call("mockllm", tool, json.loads(arguments)),
    ModelOutput.from_content("mockllm", "done"),
]
for output in outputs:
    output.usage = ModelUsage(input_tokens=1, output_tokens=1)  # else it counts, with a vocabulary from the network
ours = mcp_server_stdio(command=command, args=["serve", server])
task = Task(dataset=[Sample("call the tool")], solver=[use_tools(ours), generate()])
[log] = eval(task, model=get_model("mockllm/model", custom_outputs=outputs), display="none", log_dir="logs")
assert log.status == "success", log.error
[said] = [message for message in log.samples[0].messages if message.role == "tool"]
assert said.error is None, said.error
print("The tool said:", said.text)
"""

FASTMCP = """
import asyncio, json, sys
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

command, server, tool, arguments, url = sys.argv[1:]

async def main():
    async with Client(StdioTransport(command, ["serve", server])) as client:
        assert tool in [one.name for one in await client.list_tools()]
        result = await client.call_tool(tool, json.loads(arguments))
        print("The tool said:", result.content[0].text)

asyncio.run(main())
"""

FRAMEWORKS = {
    "fastmcp==4.1.2": FASTMCP,
    "pydantic-ai-slim[mcp]==2.68.0": PYDANTIC_AI,
    "openai-agents==0.24.0": OPENAI_AGENTS,
    "langchain-mcp-adapters==0.3.2": LANGCHAIN,
}


def said_by(python: str, program: str, server: str, folder: Path) -> str:
    """What the program, which is a framework's, prints after it called the server's tool."""
    tool, arguments = CALLS["thinking" if server == "all" else server]
    with scripted_endpoint(calling(tool, arguments)) as (url, _):
        command = [python, "-c", program, UNDERSTUDY, server, tool, json.dumps(arguments), url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=150, cwd=folder, env=environment(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("requirement", list(FRAMEWORKS))
def test_a_framework_calls_a_tool_of_ours(
    requirement: str, server: str, tmp_path: Path, separate_python: SeparatePython
) -> None:
    said = said_by(separate_python(requirement), FRAMEWORKS[requirement], server, tmp_path)

    assert "The tool said: " in said


@pytest.mark.parametrize("server", SERVERS)
def test_inspect_calls_a_tool_of_ours(server: str, tmp_path: Path) -> None:
    pytest.importorskip("inspect_ai", reason="inspect-ai is not installed; the extra understudy[inspect] brings it")

    assert "The tool said: " in said_by(sys.executable, INSPECT, server, tmp_path)
