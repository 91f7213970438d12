"""The proxy as an ASGI application: routes, bodies, streams that stay alive, and clients that leave.

A stream begins at the first word, at the first heartbeat or at the end, whichever is first, so that a request that
fails at once fails with its own HTTP status. From then on a comment goes out every two seconds, and where a client may
count only events, an empty one every fifteen. A client that leaves cancels the work.
"""

import logging
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from understudy.errors import UnderstudyError
from understudy.problem import Message
from understudy.proxy.asked import MOST_TOKENS
from understudy.proxy.done import Done
from understudy.proxy.errors import BadRequest, error_body, status_of
from understudy.proxy.exchange import Exchange
from understudy.proxy.gate import Gate
from understudy.proxy.wires import ChatWire, ResponsesWire, Wire
from understudy.proxy.work import Service

HEARTBEAT_S = 2.0
EVENT_S = 15.0
CONTINUED = 500  # responses that a client may continue by id
MOST_KEPT = 64 * 1024 * 1024  # characters of them together

Scope = Mapping[str, Any]
logger = logging.getLogger(__name__)


class App:
    """Serves a `Service` to OpenAI's clients."""

    def __init__(
        self,
        service: Service,
        gate: Gate,
        *,
        heartbeat_s: float = HEARTBEAT_S,
        event_s: float = EVENT_S,
        progress: bool = False,
        concurrency: int = 8,
        max_tokens: int = MOST_TOKENS,
    ) -> None:
        """Serve.

        Args:
            service: What answers.
            gate: Who may ask.
            heartbeat_s: Seconds between comments on a silent stream.
            event_s: Seconds between empty events on a silent stream.
            progress: Send inner calls as thinking, which clients show, and not only as comments.
            concurrency: Requests that are worked on at once; others wait.
            max_tokens: Of one reply, where the client does not say.
        """
        self.service, self.gate = service, gate
        self.heartbeat_s, self.event_s, self.progress = heartbeat_s, event_s, progress
        self.max_tokens = max_tokens
        self._working = anyio.Semaphore(concurrency)
        self._continued: OrderedDict[str, tuple[Message, ...]] = OrderedDict()
        self._kept = 0

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        exchange = Exchange(receive, send, self._cors(headers))
        path, method = str(scope["path"]).rstrip("/"), str(scope["method"])
        if path == "/health" and method in ("GET", "HEAD"):
            await exchange.json(200, {"status": "ok", "server": "understudy-proxy"})
            return
        if method == "OPTIONS" and self.gate.knows_origin(headers.get("origin", "")):
            await exchange.empty(204)
            return
        refused = self.gate.refusal(headers)
        if refused is not None:
            kind = "authentication_error" if refused[0] == 401 else "invalid_request_error"
            await exchange.json(refused[0], {"error": _error(refused[1], kind)})
            return
        await self._route(path, method, exchange)

    async def _route(self, path: str, method: str, exchange: Exchange) -> None:
        plain = path.removeprefix("/v1")
        if method == "HEAD":
            method = "GET"  # the server sends no body then
        if plain == "/models" and method == "GET":
            await exchange.json(200, {"object": "list", "data": [_model(name) for name in self.service.names]})
        elif plain.startswith("/models/") and method == "GET":
            await self._one_model(plain.removeprefix("/models/"), exchange)
        elif plain == "/chat/completions" and method == "POST":
            await self._answer(exchange, ChatWire)
        elif plain == "/responses" and method == "POST":
            await self._answer(exchange, ResponsesWire)
        else:
            known = "POST /v1/chat/completions, POST /v1/responses, GET /v1/models"
            message = f"{method} {path or '/'} is not served here. There are {known}."
            await exchange.json(404, {"error": _error(message, "invalid_request_error")})

    async def _one_model(self, name: str, exchange: Exchange) -> None:
        if name in self.service.names:
            await exchange.json(200, _model(name))
            return
        message = f"There is no model {name!r} here. There are: {', '.join(self.service.names)}."
        error = {**_error(message, "invalid_request_error"), "param": "model", "code": "model_not_found"}
        await exchange.json(404, {"error": error})

    async def _answer(self, exchange: Exchange, kind: type[Wire]) -> None:
        try:
            body = await exchange.body()
            wire = kind(body, secrets.token_hex(12), self.continued, self.max_tokens)
        except Exception as error:
            if not isinstance(error, BadRequest):
                logger.exception("a request could not be read")
            await exchange.json(status_of(error), {"error": error_body(error)})
            return
        await (self._stream if wire.asked.stream else self._whole)(exchange, wire)

    async def _whole(self, exchange: Exchange, wire: Wire) -> None:
        outcome: Done | Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(exchange.cancel_when_left, group.cancel_scope)
            outcome = await self._worked(wire, lambda kind, words: None)
            group.cancel_scope.cancel()
        if isinstance(outcome, Done):
            await exchange.json(200, wire.whole(outcome))
        elif outcome is not None:
            await exchange.json(status_of(outcome), {"error": error_body(outcome)})

    async def _worked(self, wire: Wire, tell: Callable[[str, str], None]) -> Done | Exception:
        """Do the work; an error is an outcome, since the client must hear of it in its own form."""
        try:
            async with self._working:
                done = await self.service.work(wire.asked, wire.id, tell)
        except UnderstudyError as error:
            return error
        except Exception as error:
            logger.exception("a request failed")
            return error
        kept = wire.kept(done)
        if kept is not None:
            self.keep(*kept)
        return done

    async def _stream(self, exchange: Exchange, wire: Wire) -> None:
        put, take = anyio.create_memory_object_stream[tuple[str, Any]](max_buffer_size=100_000)
        async with anyio.create_task_group() as group, put, take:
            group.start_soon(exchange.cancel_when_left, group.cancel_scope)

            async def work() -> None:
                outcome = await self._worked(wire, lambda kind, words: put.send_nowait((kind, words)))
                put.send_nowait(("done", outcome))

            group.start_soon(work)
            await self._send(exchange, wire, take)
            group.cancel_scope.cancel()

    async def _send(self, exchange: Exchange, wire: Wire, take: MemoryObjectReceiveStream[tuple[str, Any]]) -> None:
        began = spoke = anyio.current_time()
        while True:
            news: tuple[str, Any] | None = None
            with anyio.move_on_after(self.heartbeat_s):
                news = await take.receive()
            if news is not None and news[0] == "done":
                await self._end(exchange, wire, news[1])
                return
            quiet = news is None or (news[0] == "progress" and not self.progress)
            if news is not None and quiet and not exchange.begun and anyio.current_time() - began < self.heartbeat_s:
                continue  # a request that fails soon still fails with its own status
            await exchange.begin_stream(wire.begin())
            if not quiet and news is not None:
                spoke = anyio.current_time()
                await exchange.events(wire.told(*news))
                continue
            await exchange.comment(news[1] if news is not None else "working")
            if anyio.current_time() - spoke >= self.event_s:
                spoke = anyio.current_time()
                await exchange.events(wire.alive())

    async def _end(self, exchange: Exchange, wire: Wire, outcome: Done | Exception) -> None:
        if isinstance(outcome, Exception):
            if not exchange.begun:
                await exchange.json(status_of(outcome), {"error": error_body(outcome)})
                return
            await exchange.events(wire.failed(error_body(outcome)))
        else:
            await exchange.begin_stream(wire.begin())
            await exchange.events(wire.end(outcome))
        await exchange.end_stream(wire.closing)

    def continued(self, id: Any) -> tuple[Message, ...]:
        """The messages up to an earlier response.

        Raises:
            BadRequest: It is not known here, or no longer.
        """
        if id is None:
            return ()
        if not isinstance(id, str) or id not in self._continued:
            raise BadRequest(
                f"No response {id!r} is kept here. Send the whole conversation instead.",
                param="previous_response_id",
                status=404,
            )
        return self._continued[id]

    def keep(self, id: str, messages: tuple[Message, ...]) -> None:
        """Keep a conversation for a client that will continue it by id."""
        self._continued[id] = messages
        self._kept += sum(len(message.content) for message in messages)
        while len(self._continued) > CONTINUED or (self._kept > MOST_KEPT and len(self._continued) > 1):
            _, gone = self._continued.popitem(last=False)
            self._kept -= sum(len(message.content) for message in gone)

    def _cors(self, headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
        origin = headers.get("origin", "")
        if not origin or not self.gate.knows_origin(origin):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-allow-headers", b"authorization, content-type, *"),
            (b"access-control-allow-methods", b"GET, POST"),
            (b"vary", b"origin"),
        ]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "understudy"}


def _error(message: str, kind: str) -> dict[str, Any]:
    return {"message": message, "type": kind, "param": None, "code": None}
