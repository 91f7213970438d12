"""Speed and memory of the thinking server over stdio, beside the npm reference and a bare SDK server, in one run.

The floor is a low-level server of the MCP SDK with one empty tool on the SDK's own stdio transport. Rounds are
interleaved and medians are printed, so compare the ratios of one run; processor time says what wall time would be on a
machine with nothing else to do. The reference is looked for where `make test-clients` puts it, or at
UNDERSTUDY_REFERENCE_THINKING; without it and Node its column is left out, in words.

Run: python tests/benchmarks/bench_thinking.py [--rounds 3] [--thoughts 10000]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))  # the wire client is shared with the tests

import pytest
from tests.servers.thinking.malformed import CASES, NAMES
from tests.servers.thinking.wire import HELLO, OURS, Wire, reference_command, served

from understudy_servers.thinking.notebook import Notebook
from understudy_servers.thinking.store import Store

FLOOR = """
import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool

async def list_tools(ctx, params):
    return ListToolsResult(tools=[Tool(name="sequentialthinking", input_schema={"type": "object"})])

async def call(ctx, params):
    return CallToolResult(content=[TextContent(type="text", text="{}")], structured_content={})

async def main():
    server = Server("floor", on_list_tools=list_tools, on_call_tool=call)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())

anyio.run(main)
"""
SMALL, MIDDLE, LARGE = 2_000, 300, 1  # the standard load: thoughts of 60 characters, 4 KB and 1 MB


@dataclass
class Measured:
    """One server's figures over all rounds: times in milliseconds, memory in MiB."""

    start: list[float] = field(default_factory=list)
    start_cpu: list[float] = field(default_factory=list)
    call_cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    pipelined: list[float] = field(default_factory=list)
    disordered: int = 0
    at_start: list[float] = field(default_factory=list)
    after_load: list[float] = field(default_factory=list)
    megabyte: list[float] = field(default_factory=list)
    megabyte_cpu: list[float] = field(default_factory=list)


def thought(number: int, size: int = 60) -> dict[str, Any]:
    text = f"Item {number}{number}: {number} * 3 = {3 * number}. ".ljust(size, "x")
    return {"thought": text, "thoughtNumber": number, "totalThoughts": 10_000_000, "nextThoughtNeeded": True}


def started(command: list[str]) -> tuple[float, float]:
    """Milliseconds, of wall and of processor time, from the start of the process to its answer to initialize."""
    env = {**os.environ, "DISABLE_THOUGHT_LOGGING": "true"}
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env
    ) as process:
        Wire(process).ask("initialize", HELLO)
        taken = 1_000 * (time.perf_counter() - begun), processor(process)
        process.kill()
    return taken


def processor(process: "subprocess.Popen[bytes]") -> float:
    """Milliseconds of processor time a process has used."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return 1_000 * (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(process: "subprocess.Popen[bytes]") -> float:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1_024


def timed(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return 1_000 * (time.perf_counter() - begun)


def measure(command: list[str], measured: Measured) -> None:
    """Add one round of figures."""
    wall, cpu = zip(*(started(command) for _ in range(3)), strict=True)
    measured.start.append(statistics.median(wall))
    measured.start_cpu.append(statistics.median(cpu))
    with served(command) as wire:
        measured.at_start.append(memory(wire.process))
        times = sorted(timed(lambda n=n: wire.call(thought(n))) for n in range(1, SMALL + 1))  # type: ignore[misc]
        measured.p50.append(times[len(times) // 2])
        measured.p99.append(times[int(len(times) * 0.99)])
        for number in range(MIDDLE):
            wire.call(thought(SMALL + number, 4_096))
        used = processor(wire.process)
        measured.megabyte.append(timed(lambda: wire.call(thought(SMALL + MIDDLE, 1_000_000))))
        measured.megabyte_cpu.append(processor(wire.process) - used)
        measured.after_load.append(memory(wire.process))
        first = wire.sent + 1
        begun, used = time.perf_counter(), processor(wire.process)
        for number in range(SMALL):
            wire.send("tools/call", {"name": "sequentialthinking", "arguments": thought(number + 1)})
            if number % 64 == 63:
                wire.stdin.flush()
                _ordered(wire, number - 63 + first, 64, measured)
        _ordered(wire, first + SMALL - SMALL % 64, SMALL % 64, measured)
        measured.pipelined.append(SMALL / (time.perf_counter() - begun))
        measured.call_cpu.append((processor(wire.process) - used) / SMALL)


def _ordered(wire: Wire, first: int, count: int, measured: Measured) -> None:
    for number in range(first, first + count):
        measured.disordered += wire.receive()["id"] != number


def flatness(thoughts: int) -> float:
    """The processor time of the last thousand thoughts over that of the first thousand, after a warm-up."""
    spent: list[float] = []
    with served([*OURS, "--no-rollover"]) as wire:
        wire.calls([{**thought(number + 1), "sessionId": "warm"} for number in range(500)])
        for block in range(thoughts // 1_000):
            before = processor(wire.process)
            for number in range(1_000):
                wire.call(thought(1_000 * block + number + 1))
            spent.append(processor(wire.process) - before)
    return spent[-1] / spent[0]


def growth(thoughts: int) -> float:
    """MiB that the server grows by over many thoughts of 4 KB."""
    with served([*OURS, "--no-rollover"]) as wire:
        before = memory(wire.process)
        wire.calls([thought(number + 1, 4_096) for number in range(thoughts)], window=32)
        return memory(wire.process) - before


def loading(thoughts: int) -> float:
    """Milliseconds of processor time to load a stored session."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder)).prepare()
        lines = (
            f'{{"thought":"{thought(n)["thought"]}","thoughtNumber":{n},"totalThoughts":{thoughts},"at":{n}.5}}\n'
            for n in range(1, thoughts + 1)
        )
        store.path("long").write_text('{"session":"long"}\n' + "".join(lines))
        times = []
        for _ in range(5):
            begun = time.process_time()
            Notebook.restored(store.read("long"))
            times.append(1_000 * (time.process_time() - begun))
        return statistics.median(times)


def understood(command: list[str]) -> tuple[int, int]:
    """How many malformed calls a server takes without an error, and how many spellings of the tool's name."""
    with served(command) as wire:
        calls = sum("structuredContent" in wire.call(sent) for sent, _ in CASES.values())
        names = sum("structuredContent" in wire.call(thought(1), name=name) for name in NAMES)
    return calls, names


def reference() -> list[str] | None:
    try:
        return reference_command()
    except pytest.skip.Exception as missing:
        print(f"The reference is left out: {missing}")  # noqa: T201
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--thoughts", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        floor = Path(folder) / "floor.py"
        floor.write_text(FLOOR)
        commands = {"floor": [sys.executable, str(floor)], "ours": OURS}
        peer = reference()
        if peer is not None:
            commands["reference"] = peer
        figures = {name: Measured() for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                measure(command, figures[name])
    report(figures)
    say(
        f"last of {options.thoughts} thoughts over the first, processor: {flatness(options.thoughts):.2f} (at most 1.2)"
    )
    say(f"growth over 10,000 thoughts of 4 KB: {growth(10_000):.1f} MiB (at most 40)")
    say(f"loading a stored session of 10,000 thoughts: {loading(10_000):.0f} ms (at most 300)")
    for name in figures:
        if name != "floor":
            calls, names = understood(commands[name])
            say(f"malformed calls taken by {name}: {calls} of {len(CASES)}; names of the tool: {names} of {len(NAMES)}")


def report(figures: dict[str, Measured]) -> None:
    floor = figures["floor"]
    say(f"{'':24}" + "".join(f"{name:>12}" for name in figures) + f"{'ours/floor':>12}")
    rows: list[tuple[str, Callable[[Measured], float]]] = [
        ("start, ms", lambda one: statistics.median(one.start)),
        ("  of it processor, ms", lambda one: statistics.median(one.start_cpu)),
        ("call p50, ms", lambda one: statistics.median(one.p50)),
        ("call p99, ms", lambda one: statistics.median(one.p99)),
        ("pipelined, calls/s", lambda one: statistics.median(one.pipelined)),
        ("processor a call, ms", lambda one: statistics.median(one.call_cpu)),
        ("replies out of order", lambda one: float(one.disordered)),
        ("memory at start, MiB", lambda one: statistics.median(one.at_start)),
        ("after the load, MiB", lambda one: statistics.median(one.after_load)),
        ("a thought of 1 MB, ms", lambda one: statistics.median(one.megabyte)),
        ("  of it processor, ms", lambda one: statistics.median(one.megabyte_cpu)),
    ]
    for label, figure in rows:
        ratio = figure(figures["ours"]) / figure(floor) if figure(floor) else float("nan")
        say(f"{label:24}" + "".join(f"{figure(one):>12.2f}" for one in figures.values()) + f"{ratio:>12.2f}")


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
