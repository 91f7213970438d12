"""A real server on a loopback socket that plays a script: what to answer to which request, byte by byte if need be."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc

Play = Callable[["Heard", anyio.abc.ByteStream], Awaitable[None]]


@dataclass(kw_only=True)
class Heard:
    """One request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass(kw_only=True)
class Stage:
    """The running server and what it heard."""

    port: int
    heard: list[Heard] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def posts(self, path: str = "chat/completions") -> list[Heard]:
        return [heard for heard in self.heard if heard.path.endswith(path) and heard.method == "POST"]


def reply(body: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> Play:
    """Answer with JSON, or with text as it is."""

    async def play(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        kind = "text/html" if isinstance(body, str) else "application/json"
        lines = {"content-type": kind, "content-length": str(len(data)), "connection": "close", **(headers or {})}
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{key}: {value}\r\n" for key, value in lines.items())
        await stream.send(head.encode() + b"\r\n" + data)

    return play


def events(*chunks: Any, done: bool = True, cut: bool = False) -> Play:
    """Answer with an event stream; strings are sent as they are. `cut` breaks off in the middle of the body."""

    async def play(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        length = "content-length: 999999\r\n" if cut else ""
        await stream.send(
            f"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{length}connection: close\r\n\r\n".encode()
        )
        for chunk in chunks:
            await stream.send((chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}\n\n").encode())
        if done:
            await stream.send(b"data: [DONE]\n\n")

    return play


def raw(data: bytes) -> Play:
    """Send these bytes and hang up."""

    async def play(heard: Heard, stream: anyio.abc.ByteStream) -> None:
        await stream.send(data)

    return play


async def hang(heard: Heard, stream: anyio.abc.ByteStream) -> None:
    """Answer nothing until the client leaves."""
    try:
        while True:
            await stream.receive()
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        pass


def chat(text: str | None = "hello", *, usage: Any = "usual", finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion."""
    body: dict[str, Any] = {
        "id": "c1",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
        ],
    }
    if usage is not None:
        body["usage"] = {"prompt_tokens": 12, "completion_tokens": 3} if usage == "usual" else usage
    return body


@asynccontextmanager
async def staged(
    *script: Play, facts: dict[str, Any] | None = None, everything: Play | None = None
) -> AsyncIterator[Stage]:
    """Serve: POSTs to the API take the script's plays in order (the last one repeats); other paths answer `facts`.

    `everything` answers all requests instead.
    """
    facts = facts or {}
    plays = list(script)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    stage = Stage(port=listener.extra(anyio.abc.SocketAttribute.local_port))

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            heard = await _request(stream)
            if heard is None:
                return
            stage.heard.append(heard)
            if everything is not None:
                play = everything
            elif heard.path in facts:
                play = reply(facts[heard.path])
            elif heard.method == "POST" and heard.path.startswith("/v1/"):
                play = plays.pop(0) if len(plays) > 1 else plays[0]
            else:
                play = reply({"error": {"message": "no such page"}}, status=404)
            with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):  # the client left first
                await play(heard, stream)

    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, handle)
        yield stage
        group.cancel_scope.cancel()


async def _request(stream: anyio.abc.ByteReceiveStream) -> Heard | None:
    data = b""
    while b"\r\n\r\n" not in data:
        try:
            data += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return None
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += await stream.receive()
    method, path, _ = first.split(" ")
    is_json = headers.get("content-type") == "application/json"
    return Heard(method=method, path=path, headers=headers, body=json.loads(body) if is_json else body.decode())
