"""What the proxy adds to a request: its application beside an empty one, called in memory.

Processor time is counted, so a busy machine changes little. Rounds are interleaved and medians are printed; compare the
differences of one run.

Run: python tests/benchmarks/bench_proxy.py [--rounds 15] [--calls 100]
"""

import argparse
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import click
import httpx2

from understudy import Direct, Vote
from understudy.budget import Budget, Meter, TokenPrice
from understudy.proxy.app import App
from understudy.proxy.gate import Gate
from understudy.proxy.work import Service
from understudy.testing import ScriptedModel

BODY = {"model": "understudy", "messages": [{"role": "user", "content": "What is six times seven? " * 60}]}


async def empty(scope: Any, receive: Any, send: Any) -> None:
    """An application that reads the body and answers with a completion of constant text."""
    while (await receive()).get("more_body"):
        pass
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"choices": []}'})


def serving(scaffold: Any) -> App:
    """The proxy with a scripted model behind it."""
    service = Service(
        scaffold=scaffold,
        models={"local": ScriptedModel(lambda request: "42")},
        meter=Meter(Budget(usd=1e9)),
        price=lambda name: TokenPrice(input=1.0, output=2.0),
    )
    return App(service, Gate(loopback=True))


async def measure(rounds: int, calls: int) -> None:
    """Time every application, round by round."""
    apps = {
        "empty application (the floor)": empty,
        "proxy, Direct()": serving(Direct()),
        "proxy, Vote(Direct(), n=5)": serving(Vote(Direct(), n=5)),
    }
    clients = {
        name: httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1/v1")  # type: ignore[arg-type]
        for name, app in apps.items()
    }

    def asking(client: httpx2.AsyncClient, stream: bool) -> Callable[[], Awaitable[None]]:
        async def ask() -> None:
            response = await client.post("/chat/completions", json={**BODY, "stream": stream})
            assert response.status_code == 200

        return ask

    contenders = {name: asking(client, False) for name, client in clients.items()}
    contenders["proxy, Direct(), streamed"] = asking(clients["proxy, Direct()"], True)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            began = time.process_time()
            for _ in range(calls):
                await call()
            times[name].append((time.process_time() - began) / calls * 1000)
    floor = statistics.median(times["empty application (the floor)"])
    click.echo(f"{'processor time':34}{'ms per call':>12}{'added':>10}")
    for name, taken in times.items():
        middle = statistics.median(taken)
        click.echo(f"{name:34}{middle:12.3f}{middle - floor:10.3f}")
    for client in clients.values():
        await client.aclose()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=100)
    given = parser.parse_args()
    anyio.run(measure, given.rounds, given.calls)


if __name__ == "__main__":
    main()
