"""One HTTP request as ASGI sees it, and what is sent back: bodies, event streams, comments."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import anyio

from understudy.proxy.errors import BadRequest

MOST_BODY = 32 * 1024 * 1024


class Exchange:
    """One HTTP request and what is sent back."""

    def __init__(self, receive: Any, send: Any, headers: list[tuple[bytes, bytes]]) -> None:
        self._receive, self._send, self._headers = receive, send, headers
        self.begun = False

    async def body(self) -> dict[str, Any]:
        """The request's body.

        Raises:
            BadRequest: It is too large, cut off, or no JSON object.
        """
        data = bytearray()
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise BadRequest("The request was cut off.")
            data += message.get("body", b"")
            if len(data) > MOST_BODY:
                raise BadRequest(f"The request is larger than {MOST_BODY >> 20} MiB.", status=413)
            if not message.get("more_body"):
                break
        try:
            body = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"The body is no JSON ({error}).") from None
        if not isinstance(body, dict):
            raise BadRequest("The body must be a JSON object.")
        return body

    async def cancel_when_left(self, scope: anyio.CancelScope) -> None:
        """Wait until the client leaves, then cancel the work for it."""
        while (await self._receive())["type"] != "http.disconnect":
            pass
        scope.cancel()

    async def json(self, status: int, body: Any) -> None:
        """Send a whole JSON body."""
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        await self._start(status, b"application/json", [(b"content-length", str(len(data)).encode())])
        await self._send({"type": "http.response.body", "body": data})

    async def empty(self, status: int) -> None:
        """Send no body."""
        await self._start(status, b"text/plain", [])
        await self._send({"type": "http.response.body", "body": b""})

    async def begin_stream(self, events: Iterable[dict[str, Any]]) -> None:
        """Begin an event stream with its first events, unless it has begun."""
        if self.begun:
            return
        self.begun = True
        await self._start(200, b"text/event-stream", [(b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no")])
        await self.events(events)

    async def events(self, events: Iterable[dict[str, Any]]) -> None:
        """Send events; those that have a type of their own are named by it."""
        data = b"".join(_event(event) for event in events)
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def comment(self, words: str) -> None:
        """Send a comment, which no client shows and every connection feels."""
        line = f": {' '.join(words.split())}\n\n".encode("utf-8", "replace")
        await self._send({"type": "http.response.body", "body": line, "more_body": True})

    async def end_stream(self, closing: str) -> None:
        """End the stream."""
        data = f"data: {closing}\n\n".encode() if closing else b""
        await self._send({"type": "http.response.body", "body": data})

    async def _start(self, status: int, kind: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        given = [(b"content-type", kind), *headers, *self._headers]
        await self._send({"type": "http.response.start", "status": status, "headers": given})


def _event(event: Mapping[str, Any]) -> bytes:
    name = f"event: {event['type']}\n" if "sequence_number" in event else ""
    return f"{name}data: {json.dumps(event, ensure_ascii=False)}\n\n".encode("utf-8", "replace")
