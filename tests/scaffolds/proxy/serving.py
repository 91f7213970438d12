"""A proxy on a loopback socket, and the SDK that talks to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
from openai import AsyncOpenAI

from understudy.budget import Budget, Meter, TokenPrice
from understudy.model import Model
from understudy.proxy.app import App
from understudy.proxy.gate import Gate
from understudy.proxy.log import Log
from understudy.proxy.serving import listening, serve
from understudy.proxy.work import Service
from understudy.scaffold import Scaffold


def service_of(
    scaffold: Scaffold,
    models: Mapping[str, Model] | Model,
    *,
    budget: Budget | None = None,
    servers: Mapping[str, Any] | None = None,
    log: Path | None = None,
    text: bool = False,
    project: Path | None = None,
) -> Service:
    return Service(
        scaffold=scaffold,
        models=models if isinstance(models, Mapping) else {"local": models},
        meter=Meter(budget or Budget()),
        servers=servers or {},
        price=lambda name: TokenPrice(input=1.0, output=2.0),
        log=None if log is None else Log(log, text=text),
        project=project,
    )


@asynccontextmanager
async def serving(service: Service, gate: Gate | None = None, **settings: Any) -> AsyncIterator[str]:
    """Serve on a free port; yields the base URL."""
    up = anyio.Event()
    app = App(service, gate or Gate(loopback=True), **settings)
    with listening("127.0.0.1", 0) as sock:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: serve(app, sock, started=up.set))
            with anyio.fail_after(20):
                await up.wait()
                yield f"http://127.0.0.1:{sock.getsockname()[1]}/v1"
            group.cancel_scope.cancel()


@asynccontextmanager
async def client_of(service: Service, key: str = "none", **settings: Any) -> AsyncIterator[AsyncOpenAI]:
    """OpenAI's own client, pointed at a proxy."""
    async with serving(service, **settings) as base_url, httpx2.AsyncClient(verify=False) as plain:  # no TLS here
        yield AsyncOpenAI(base_url=base_url, api_key=key, max_retries=0, http_client=plain)
