"""What a call costs beyond the wire: our model and the whole context beside bare httpx2 and OpenAI's own client.

A server in a process of its own answers at once, and processor time of the client's process is counted, so everything
measured is the clients' work, also on a busy machine. Rounds are interleaved and medians are printed; compare the
differences of one run.

Run: python tests/benchmarks/bench_models_overhead.py [--rounds 15] [--calls 100]
"""

import argparse
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import anyio
import click
import httpx2
from openai import AsyncOpenAI

from understudy.budget import Budget, Meter, TokenPrice
from understudy.context import Context
from understudy.model import Request
from understudy.models.chat import ChatModel
from understudy.models.providers import PROVIDERS
from understudy.models.wire import Endpoint
from understudy.problem import Message
from understudy.trace import Trace

ANSWER = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "42"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 2, "total_tokens": 402},
    }
).encode()
PROMPT = "What is six times seven? " * 60


def answer_at_once(sock: socket.socket) -> None:
    """Serve completions on kept connections until the process ends."""

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            buffer = b""
            while True:
                while b"\r\n\r\n" not in buffer:
                    buffer += await stream.receive()
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
                )
                while len(buffer) < length:
                    buffer += await stream.receive()
                buffer = buffer[length:]
                lines = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n"
                await stream.send(lines.encode() + ANSWER)

    async def serve() -> None:
        listener = await anyio.abc.SocketListener.from_socket(sock)
        await listener.serve(_forgiving(handle))

    anyio.run(serve)


def _forgiving(
    handle: Callable[[anyio.abc.SocketStream], Awaitable[None]],
) -> Callable[[anyio.abc.SocketStream], Awaitable[None]]:
    async def run(stream: anyio.abc.SocketStream) -> None:
        with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
            await handle(stream)

    return run


async def measure(port: int, rounds: int, calls: int) -> None:
    """Time every client, round by round, and print milliseconds per call."""
    url = f"http://127.0.0.1:{port}/v1"
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "max_tokens": 1024, "temperature": 0.0}
    request = Request(messages=(Message(role="user", content=PROMPT),))
    provider = PROVIDERS["openai"]
    model = ChatModel(name="openai:m", model="m", endpoint=Endpoint(url), provider=provider)
    context = Context(
        models={"local": model},
        meter=Meter(Budget(usd=1e9)),
        trace=Trace(),
        price=lambda name: TokenPrice(input=1.0, output=2.0),
    )
    bare = httpx2.AsyncClient(verify=False, trust_env=False)
    sdk = AsyncOpenAI(base_url=url, api_key="none", max_retries=0, http_client=httpx2.AsyncClient(verify=False))

    async def wire() -> None:
        (await bare.post(f"{url}/chat/completions", json=body)).json()

    async def ours() -> None:
        await model.generate(request)

    async def door() -> None:
        await context.generate(request)

    async def vendor() -> None:
        await sdk.chat.completions.create(
            model="m", messages=[{"role": "user", "content": PROMPT}], max_tokens=1024, temperature=0.0
        )

    contenders = {
        "httpx2 and json (the wire call)": wire,
        "our model": ours,
        "our context": door,
        "OpenAI's client": vendor,
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for call in contenders.values():
        await call()
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.process_time()
            for _ in range(calls):
                await call()
            times[name].append((time.process_time() - began) / calls * 1000)
    await bare.aclose()
    await sdk.close()
    await model.aclose()
    floor = statistics.median(times["httpx2 and json (the wire call)"])
    click.echo(f"{'processor time':34}{'ms per call':>12}{'beyond the wire':>18}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        click.echo(f"{name:34}{middle:12.3f}{middle - floor:18.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100)
    given = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = multiprocessing.get_context("fork").Process(target=answer_at_once, args=(sock,), daemon=True)
        server.start()
        anyio.run(measure, sock.getsockname()[1], given.rounds, given.calls)
        server.terminate()
        server.join()


if __name__ == "__main__":
    main()
