"""The only door from a scaffold to models, tool servers, checks, budget, trace and randomness.

Scaffolds import no client and open no socket, so what a context does not meter does not happen.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import anyio

from understudy import checks
from understudy.answer import Answer, Verdict
from understudy.budget import Meter, TokenPrice
from understudy.errors import (
    BudgetExceeded,
    MissingCheck,
    MissingRole,
    ModelError,
    ModelRejected,
    ModelUnavailable,
    ServerError,
    UnderstudyError,
)
from understudy.model import Completion, Model, Request, Sampling
from understudy.problem import Message, Problem, Tool, ToolCall
from understudy.trace import Event, Trace

LOST_AGAIN = 1
"""How often a call whose answer was lost is made again. Models wait out refusals themselves, which cost nothing; what
may have been billed is repeated here, where every repetition has a reservation of its own."""


@dataclass(frozen=True, kw_only=True)
class ToolResult:
    """What a server's tool answered."""

    text: str
    data: Mapping[str, Any] | None = field(default=None, hash=False)
    """Structured content, where the tool gives it."""
    is_error: bool = False


class Server(Protocol):
    """A connected tool server."""

    async def tools(self) -> tuple[Tool, ...]:
        """List what the server offers to a model."""

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Call a tool. `meta` comes from the host and never from a model.

        Raises:
            ServerError: The server failed; this says nothing about the arguments.
        """


class Cache(Protocol):
    """Completions that were paid for already."""

    def get(self, key: str) -> Completion | None:
        """Return what `put` was given for this key, if anything."""

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion durably before it is used, so that nothing acknowledged is paid twice."""


def _message(message: Message) -> dict[str, Any]:
    # Written out, since `asdict` copies deeply and took most of a call's own time.
    shown: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        shown["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id is not None:
        shown["tool_call_id"] = message.tool_call_id
    return shown


def _call(call: ToolCall) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments, "id": call.id}


def request_key(path: str, model: str, request: Request) -> str:
    """Key the response cache: where in the scaffold, which model, and everything that is sent."""
    options, sampling = request.options, request.sampling
    sent = [
        path,
        model,
        [_message(message) for message in request.messages],
        [[tool.name, tool.description, tool.parameters] for tool in request.tools],
        [options.max_tokens, options.stop, options.tool_choice, options.response_format],
        [sampling.temperature, sampling.top_p, sampling.seed],
    ]
    text = json.dumps(sent, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def call_seed(seed: int, path: str) -> int:
    """Derive the seed of one call, 31 bits (llama.cpp and vLLM read seeds as 32-bit integers)."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{path}".encode()).digest()[:4], "big") >> 1


@dataclass(frozen=True, kw_only=True)
class Context:
    """The doors of one problem, seen from one place (role and path) in a scaffold."""

    models: Mapping[str, Model]
    servers: Mapping[str, Server] = field(default_factory=dict)
    meter: Meter
    trace: Trace
    cache: Cache | None = None
    price: Callable[[str], TokenPrice | None] = lambda name: None
    """Model spec -> its price, None where unknown."""
    seed: int = 0
    """One number for this problem and epoch; every call's seed is derived from it and the call's path."""
    role: str = "local"
    path: str = ""
    temperature: float | None = None
    """What an outer scaffold asks for whose draws must differ; None is greedy. A scaffold's own setting goes first."""

    def on(self, role: str) -> "Context":
        """The same context with another role's model behind `generate`."""
        return replace(self, role=role)

    def at(self, step: str | int) -> "Context":
        """The same context, one step further down the path."""
        return replace(self, path=f"{self.path}/{step}" if self.path else str(step))

    def drawing(self, temperature: float | None) -> "Context":
        """The same context for a draw that must differ from others: what is inside samples at this temperature."""
        return self if temperature is None else replace(self, temperature=temperature)

    def sampling(self, temperature: float | None = None, top_p: float | None = None) -> Sampling:
        """Sampling for a call from here, seeded by the path: as asked, else as an outer scaffold asks, else greedy."""
        asked = self.temperature if temperature is None else temperature
        return Sampling(temperature=asked or 0.0, top_p=top_p, seed=call_seed(self.seed, self.path))

    def random(self) -> random.Random:
        """A source of randomness that repeats with the run's seed and the path."""
        return random.Random(call_seed(self.seed, f"{self.path}#random"))

    @property
    def model(self) -> Model:
        """The model bound to the current role.

        Raises:
            MissingRole: No model is bound to it.
        """
        try:
            return self.models[self.role]
        except KeyError:
            raise MissingRole(self.role, tuple(self.models)) from None

    async def generate(self, request: Request) -> Completion:
        """Draw a completion from the current role's model: reserved, cached, settled and traced.

        Raises:
            BudgetExceeded: The call could cross a cap, so it was not made.
            ModelError: No completion exists.
        """
        model = self.model
        began = self.trace.now()
        key = request_key(self.path, model.name, request) if self.cache else ""
        kept = self.cache.get(key) if self.cache else None
        if kept is not None:
            # Replayed at its price: a resumed run reports and caps the same spend as one that was never interrupted.
            reservation = self.meter.reserve(request, self.price(model.name), model=model.name)
            usd = self._settle(reservation, kept, model)
            self._traced(request, kept, usd, began, cached=True)
            return kept
        for _ in range(LOST_AGAIN):
            try:
                return await self._draw(model, request, key)
            except ModelUnavailable as error:
                if not error.billed:
                    raise
        return await self._draw(model, request, key)

    async def _draw(self, model: Model, request: Request, key: str) -> Completion:
        """Make one call under its own reservation."""
        began = self.trace.now()
        reservation = self.meter.reserve(request, self.price(model.name), model=model.name)
        try:
            with self._in_time():
                completion = await model.generate(request)
            if self.cache:
                self.cache.put(key, completion)
        except ModelError as error:
            # A call that was refused cost nothing; one whose response was lost may have been billed.
            self._lost(reservation, error)
            self._failed("generate", model.name, error, began)
            raise
        except BaseException as error:
            self.meter.settle(reservation, None, None)
            if isinstance(error, BudgetExceeded):  # the time was up in the middle of the call
                self._failed("generate", model.name, error, began)
            raise
        usd = self._settle(reservation, completion, model)
        self._traced(request, completion, usd, began, cached=False)
        return completion

    async def check(self, problem: Problem, answer: Answer) -> Verdict:
        """Ask the problem's visible check about an answer.

        Raises:
            MissingCheck: The problem has none.
            ServerError: The testing server failed; this is neither a verdict nor a try.
        """
        if problem.check is None:
            raise MissingCheck("This scaffold")
        began = self.trace.now()
        try:
            with self._in_time():
                verdict = await checks.run(problem, answer, self.servers, client=self.trace.id)
        except ServerError as error:
            self._failed("check", "infra_error", error, began)
            raise
        self.trace.add(
            Event(
                kind="check",
                path=self.path,
                name=verdict.word,
                at_s=began,
                seconds=self.trace.now() - began,
                detail={
                    "accepted": verdict.accepted,
                    "feedback": verdict.feedback,
                    "proof": list(verdict.proof),
                    "passed": verdict.passed,
                    "total": verdict.total,
                    "fixed": list(verdict.fixed),
                    "broke": list(verdict.broke),
                },
            )
        )
        return verdict

    async def call(
        self, server: str, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Call a tool of a server.

        Raises:
            ServerError: The server is not connected, or it failed.
        """
        began = self.trace.now()
        try:
            if server not in self.servers:
                known = ", ".join(map(repr, self.servers)) or "none"
                raise ServerError(
                    f"No server {server!r} is connected (connected: {known}). Add it to `servers`.", server=server
                )
            with self._in_time():
                result = await self.servers[server].call(tool, arguments, meta=meta)
        except ServerError as error:
            self._failed("call", f"{server}.{tool}", error, began)
            raise
        self.trace.add(
            Event(
                kind="call",
                path=self.path,
                name=f"{server}.{tool}",
                at_s=began,
                seconds=self.trace.now() - began,
                detail={"arguments": dict(arguments), "text": result.text, "is_error": result.is_error},
            )
        )
        return result

    def note(self, name: str, **detail: Any) -> None:
        """Leave a line in the trace: something a reader of it would want to know."""
        self.trace.add(
            Event(kind="note", path=self.path, role=self.role, name=name, at_s=self.trace.now(), detail=detail)
        )

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Cut what is inside off when the time of the budget is up."""
        left = self.meter.seconds_left
        if left is None:
            yield
            return
        self.meter.check_time()
        with anyio.move_on_after(left) as scope:
            yield
        if scope.cancelled_caught:
            cap = self.meter.budget.seconds or 0.0
            raise BudgetExceeded(kind="seconds", spent=cap, reserved=0, asked=0, cap=cap)

    def _settle(self, reservation: Any, completion: Completion, model: Model) -> float | None:
        price = self.price(model.name)
        usd = price.cost(completion.usage) if price else None
        self.meter.settle(reservation, completion.usage, usd)
        return usd

    def _lost(self, reservation: Any, error: ModelError) -> None:
        if isinstance(error, ModelRejected) or (isinstance(error, ModelUnavailable) and not error.billed):
            self.meter.release(reservation)
        else:
            self.meter.settle(reservation, None, None)

    def _traced(
        self, request: Request, completion: Completion, usd: float | None, began: float, *, cached: bool
    ) -> None:
        self.trace.add(
            Event(
                kind="generate",
                path=self.path,
                role=self.role,
                name=self.model.name,
                at_s=began,
                seconds=self.trace.now() - began,
                usage=completion.usage,
                usd=usd,
                cached=cached,
                detail={
                    "messages": [_message(message) for message in request.messages],
                    "text": completion.text,
                    "reasoning": completion.reasoning,
                    "tool_calls": [_call(call) for call in completion.tool_calls],
                    "temperature": request.sampling.temperature,
                    "finish": completion.finish,
                    "truncated": completion.truncated,
                },
            )
        )

    def _failed(self, kind: Any, name: str, error: UnderstudyError, began: float) -> None:
        self.trace.add(
            Event(
                kind=kind,
                path=self.path,
                role=self.role,
                name=name,
                at_s=began,
                seconds=self.trace.now() - began,
                error=str(error),
            )
        )
