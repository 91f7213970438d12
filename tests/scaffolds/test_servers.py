"""Connections to real MCP servers: in memory, over stdio, over HTTP; shared, lost, and made again."""

import os
import signal
import socket
import sys
from pathlib import Path

import anyio
import pytest
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from understudy import Direct, solve
from understudy.errors import MissingRole, ServerError, ServerLost
from understudy.servers import connect
from understudy.testing import ScriptedModel

SCRIPT = '''
import os, sys
from mcp.server.mcpserver import MCPServer

server = MCPServer("echo")

@server.tool()
def echo(text: str) -> str:
    """Say it again."""
    return text

@server.tool()
def pid() -> int:
    """Which process."""
    return os.getpid()

@server.tool()
def leave() -> str:
    """End the process."""
    os._exit(7)

if "--http" in sys.argv:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[-1]))
else:
    server.run()
'''


def echoing() -> MCPServer:
    server = MCPServer("echo")

    @server.tool()
    def echo(text: str) -> str:
        """Say it again."""
        return text

    @server.tool()
    def refuse() -> str:
        """Always refuse."""
        raise ToolError("Ask for something else.")

    return server


@pytest.fixture
def command(tmp_path: Path) -> str:
    script = tmp_path / "echo_server.py"
    script.write_text(SCRIPT)
    return f"{sys.executable} {script}"


async def test_a_server_in_memory_lists_its_tools_and_answers() -> None:
    with anyio.fail_after(20):
        async with connect({"echo": echoing()}) as servers:
            tools = await servers["echo"].tools()
            result = await servers["echo"].call("echo", {"text": "hello"})
            refusal = await servers["echo"].call("refuse", {})

    assert [(tool.name, tool.description) for tool in tools] == [
        ("echo", "Say it again."),
        ("refuse", "Always refuse."),
    ]
    assert tools[0].parameters["required"] == ["text"]
    assert (result.text, result.data, result.is_error) == ("hello", {"result": "hello"}, False)
    assert refusal.is_error
    assert refusal.text.endswith("Ask for something else.")


async def test_hundreds_of_calls_share_one_connection() -> None:
    answers: dict[int, str] = {}

    async with connect({"echo": echoing()}) as servers:

        async def call(number: int) -> None:
            answers[number] = (await servers["echo"].call("echo", {"text": str(number)})).text

        async with anyio.create_task_group() as group:
            for number in range(300):
                group.start_soon(call, number)

    assert answers == {number: str(number) for number in range(300)}


async def test_a_command_that_dies_during_a_call_is_started_again_for_the_next_one(command: str) -> None:
    with anyio.fail_after(60):
        async with connect({"echo": command}) as servers:
            first = (await servers["echo"].call("pid", {})).text
            with pytest.raises(ServerLost, match="'echo' ended during a call"):
                await servers["echo"].call("leave", {})
            second = (await servers["echo"].call("pid", {})).text
            os.kill(int(second), signal.SIGKILL)
            with pytest.raises(ServerLost):
                await servers["echo"].call("pid", {})
            third = (await servers["echo"].call("pid", {})).text

    assert len({first, second, third}) == 3
    with pytest.raises(ProcessLookupError):
        os.kill(int(third), 0)


async def test_callers_in_flight_during_a_loss_all_learn_of_it_and_can_go_on(command: str) -> None:
    outcomes: list[str] = []

    with anyio.fail_after(60):
        async with connect({"echo": command}) as servers:

            async def persist(number: int) -> None:
                try:
                    await servers["echo"].call("leave" if number == 3 else "echo", {"text": str(number)})
                except ServerLost:
                    await servers["echo"].call("echo", {"text": "again"})
                outcomes.append("answered")

            async with anyio.create_task_group() as group:
                for number in range(20):
                    group.start_soon(persist, number)

    assert outcomes == ["answered"] * 20


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param("no-such-program serve", "no program 'no-such-program'", id="missing program"),
        pytest.param(
            f"{sys.executable} -c 'raise SystemExit(\"broken on start\")'", "broken on start", id="dies at once"
        ),
        pytest.param("http://127.0.0.1:9/mcp", "cannot be reached", id="nobody listens"),
        pytest.param("python 'unclosed", "No closing quotation", id="unclosed quote"),
        pytest.param("", "is empty", id="empty command"),
    ],
)
async def test_a_server_that_cannot_be_reached_says_why(target: str, words: str) -> None:
    with anyio.fail_after(60), pytest.raises(ServerError) as raised:
        async with connect({"odd": target}):
            pass

    assert "'odd'" in str(raised.value)
    assert words in str(raised.value)


async def test_a_server_over_http_is_reached_by_its_url_and_may_come_back(command: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def until_up() -> None:
        while True:
            try:
                await (await anyio.connect_tcp("127.0.0.1", port)).aclose()
                return
            except OSError:
                await anyio.sleep(0.05)  # the only sign that a foreign process listens

    with anyio.fail_after(60):
        process = await anyio.open_process([*command.split(), "--http", str(port)], stderr=None)
        try:
            await until_up()
            async with connect({"echo": f"http://127.0.0.1:{port}/mcp"}) as servers:
                assert (await servers["echo"].call("echo", {"text": "hi"})).text == "hi"
                process.kill()
                await process.wait()
                with pytest.raises(ServerError):
                    await servers["echo"].call("echo", {"text": "hi"})
                await process.aclose()
                process = await anyio.open_process([*command.split(), "--http", str(port)], stderr=None)
                await until_up()
                assert (await servers["echo"].call("echo", {"text": "back"})).text == "back"
        finally:
            process.kill()
            await process.aclose()


async def test_what_the_block_raises_leaves_it_as_it_is() -> None:
    with pytest.raises(MissingRole):
        await solve(Direct(), "?", models={"cloud": ScriptedModel([])}, servers={"echo": echoing()})


async def test_cancelling_leaves_no_server_process_behind(command: str) -> None:
    pids: list[int] = []

    with anyio.move_on_after(30) as scope:
        async with connect({"echo": command}) as servers:
            pids.append(int((await servers["echo"].call("pid", {})).text))
            scope.cancel()
            await anyio.sleep_forever()

    assert pids
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
