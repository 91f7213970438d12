"""Models and servers for tests of scaffolds: they answer from a script. Public, and documented.

They cost nothing, reach nothing, and repeat exactly. `context_for` puts one behind every door of a scaffold:

    context = context_for(ScriptedModel(["Paris"]))
    answer = await Direct()(ask("Capital of France?"), context)
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from understudy.answer import Answer
from understudy.budget import Budget, Meter, TokenPrice
from understudy.context import Cache, Context, Server, ToolResult
from understudy.errors import ModelError
from understudy.model import Completion, Model, Request, Usage
from understudy.problem import Check, Message, Options, Problem, Reply, Tests, Tool
from understudy.trace import Trace

Scripted = str | Completion | Exception
Handler = Callable[[Mapping[str, Any]], "str | Mapping[str, Any] | ToolResult | Awaitable[ToolResult]"]


def ask(text: str, *, check: Check | None = None, reply: Reply | None = None, max_tokens: int = 256) -> Problem:
    """Make a problem of one user message."""
    return Problem(
        messages=(Message(role="user", content=text),),
        check=check,
        reply=reply or Reply(),
        options=Options(max_tokens=max_tokens),
    )


class ScriptedModel:
    """A model that answers from a script, and remembers what it was asked.

    Args:
        replies: What to answer, in order: a text, a whole `Completion`, or an exception to raise. Or a function from
            the request to one of these, for as many calls as come.
        name: The spec it goes by; prices are looked up by it.
    """

    def __init__(self, replies: Iterable[Scripted] | Callable[[Request], Scripted], *, name: str = "scripted") -> None:
        self._next = replies if callable(replies) else None
        self._replies: Sequence[Scripted] = () if callable(replies) else tuple(replies)
        self._name = name
        self.requests: list[Request] = []

    @property
    def name(self) -> str:
        """The spec it goes by."""
        return self._name

    async def generate(self, request: Request) -> Completion:
        """Answer with the next line of the script.

        Raises:
            ModelError: The script has ended.
        """
        self.requests.append(request)
        if self._next is not None:
            return completed(self._next(request), request, self._name)
        if len(self.requests) > len(self._replies):
            raise ModelError(
                f"The script holds {len(self._replies)} replies and this is call {len(self.requests)}.",
                model=self._name,
            )
        return completed(self._replies[len(self.requests) - 1], request, self._name)


@dataclass(kw_only=True)
class SimulatedModel:
    """A model that is right with a known chance, to hold a scaffold against its closed form.

    Each call answers "right" with chance `right`, "fooled" (wrong, and accepted by `simulated_tests`) with chance
    `fooled`, and otherwise a wrong text: one of `wrong_texts` many, or a different one each time where that is 0. The
    draw follows the request's seed, so equal seeds give equal answers.
    """

    right: float
    fooled: float = 0.0
    wrong_texts: int = 0
    name: str = "simulated"
    calls: int = 0

    async def generate(self, request: Request) -> Completion:
        """Draw an answer."""
        self.calls += 1
        seed = request.sampling.seed
        if seed is None:
            raise ModelError("A simulated model needs the seed that every call of a context has.", model=self.name)
        chance = seed / 2**31
        if chance < self.right:
            text = "right"
        elif chance < self.right + self.fooled:
            text = "fooled"
        else:
            text = f"wrong {seed % self.wrong_texts if self.wrong_texts else seed}"
        return Completion(text=text, usage=_USAGE, model=self.name)


_USAGE = Usage(input_tokens=10, output_tokens=1)


class MeetingModel:
    """A model that answers only once `together` calls are in flight: proof that they run at the same time."""

    def __init__(self, together: int, *, name: str = "meeting") -> None:
        self.name, self.together, self.waiting = name, together, 0
        self.met = anyio.Event()

    async def generate(self, request: Request) -> Completion:
        """Wait for the others, then answer with the number of the call."""
        self.waiting += 1
        number = self.waiting
        if self.waiting >= self.together:
            self.met.set()
        await self.met.wait()
        return completed(f"{number}", request, self.name)


class HangingModel:
    """A model that never answers; `asked` is set when a call has come in."""

    def __init__(self, *, name: str = "hanging") -> None:
        self.name, self.asked, self.cancelled = name, anyio.Event(), 0

    async def generate(self, request: Request) -> Completion:
        """Wait until cancelled."""
        self.asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled += 1
        raise AssertionError("unreachable")


class ScriptedServer:
    """A tool server that answers by functions.

    Args:
        handlers: Tool name -> what answers it: a function from the arguments to a text, to structured data, or to a
            whole `ToolResult`, which it may also await.
        tools: How the tools are listed; those without an entry are listed without parameters.
    """

    def __init__(self, handlers: Mapping[str, Handler], *, tools: Iterable[Tool] = ()) -> None:
        self._handlers = dict(handlers)
        described = {tool.name: tool for tool in tools}
        self._tools = tuple(described.get(name, Tool(name=name)) for name in self._handlers)
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self.metas: list[Mapping[str, Any] | None] = []

    async def tools(self) -> tuple[Tool, ...]:
        """List the tools."""
        return self._tools

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Answer a call; an unknown tool is an error result, as it is with a real server."""
        self.calls.append((tool, dict(arguments)))
        self.metas.append(meta)
        if tool not in self._handlers:
            return ToolResult(text=f"Unknown tool {tool!r}.", is_error=True)
        result: Any = self._handlers[tool](arguments)
        if inspect.isawaitable(result):
            result = await result
        if isinstance(result, ToolResult):
            return result
        return ToolResult(text=result) if isinstance(result, str) else ToolResult(text=str(result), data=result)


def scripted_tests(accepts: Callable[[str], bool]) -> ScriptedServer:
    """A testing server that accepts a candidate when `accepts` says so of its code (all files, joined)."""

    def run_tests(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        ok = accepts("\n".join(arguments["files"].values()))
        return {"verdict": "passed" if ok else "failed", "ok": ok, "passed": int(ok), "total": 1, "failures": []}

    return ScriptedServer({"run_tests": run_tests})


def simulated_tests() -> ScriptedServer:
    """The testing server that goes with `SimulatedModel`: accepts what is right, and what it is fooled by."""
    return scripted_tests(lambda code: code.strip() in ("right", "fooled"))


SIMULATED = ask("?", check=Tests(files={"test_it.py": "..."}), reply=Reply(kind="code"), max_tokens=8)
"""A problem for `SimulatedModel` and `simulated_tests`."""


def context_for(
    model: Model | Mapping[str, Model],
    *,
    servers: Mapping[str, Server] | None = None,
    budget: Budget | None = None,
    price: TokenPrice | None = None,
    cache: Cache | None = None,
    seed: int = 0,
) -> Context:
    """Make the context of one problem. One model alone plays the role "local"; `price` holds for every model."""
    return Context(
        models=model if isinstance(model, Mapping) else {"local": model},
        servers=servers or {},
        meter=Meter(budget or Budget()),
        trace=Trace(),
        cache=cache,
        price=lambda name: price,
        seed=seed,
    )


@dataclass(kw_only=True)
class MemoryCache:
    """Completions kept in memory."""

    kept: dict[str, Completion] = field(default_factory=dict)

    def get(self, key: str) -> Completion | None:
        """Return what `put` was given for this key, if anything."""
        return self.kept.get(key)

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion."""
        self.kept[key] = completion


def completed(reply: Scripted, request: Request, model: str) -> Completion:
    """Make a completion of a scripted reply, with a usage of four characters a token where it has none."""
    if isinstance(reply, Exception):
        raise reply
    if isinstance(reply, Completion):
        return reply
    written = sum(len(message.content) for message in request.messages)
    return Completion(
        text=reply,
        usage=Usage(input_tokens=written // 4 + 1, output_tokens=min(len(reply) // 4 + 1, request.options.max_tokens)),
        model=model,
    )


def verdict_word(answer: Answer) -> str:
    """The word of an answer's verdict; "unverified" where there is none."""
    return answer.verdict.word if answer.verdict else "unverified"
