"""`solve`: one call that opens models and servers, works on a problem within a budget, and closes everything again."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from understudy.answer import Answer
from understudy.budget import Budget, Meter, TokenPrice
from understudy.context import Cache, Context, Server
from understudy.errors import BudgetExceeded
from understudy.model import Model
from understudy.problem import Message, Problem
from understudy.scaffold import Scaffold
from understudy.trace import Trace

if TYPE_CHECKING:
    from understudy.remember import State

Price = Callable[[str], TokenPrice | None]


async def solve(
    scaffold: Scaffold,
    problem: Problem | str,
    *,
    models: Mapping[str, Model | str] | Model | str,
    servers: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    cache: Cache | None = None,
    price: Price | None = None,
    trace: Trace | None = None,
    state: "State | Path | str | None" = None,
) -> Answer:
    """Work on a problem and return the answer; when the budget ends first, the answer so far.

    Args:
        scaffold: What works on it.
        problem: A problem, or the text of a question.
        models: Role -> model or spec such as "ollama:qwen3:4b". A single one plays the role "local".
        servers: Name -> MCP server object, command line ("understudy serve testing"), URL, `Reach` (a command with
            variables, a URL with a token), or connected server.
        budget: Caps; none by default.
        seed: Everything that is drawn follows from it.
        cache: Completions that were paid for already, and where new ones are kept.
        price: Model spec -> its price; by default the packaged price list.
        trace: Give one to read afterwards what happened and what it cost.
        state: A folder, or a `remember.State`: the run keeps every reply and verdict there before it uses it, and the
            same call goes on where the last one was stopped, however it was. It takes the place of `cache`.

    Raises:
        ValueError: Both a cache and a state are given.
        UnderstudyError: A role without a model, a missing check, a server or model that failed …
    """
    if isinstance(problem, str):
        problem = Problem(messages=(Message(role="user", content=problem),))
    roles: Mapping[str, Any] = models if isinstance(models, Mapping) else {"local": models}
    if state is not None and cache is not None:
        raise ValueError("A state keeps replies itself. Give `state` or `cache`, not both.")
    async with _kept(state) as kept, opened(roles) as ready, connected(servers or {}) as reachable:
        context = Context(
            models=ready,
            servers=kept.servers(reachable) if kept else reachable,
            meter=Meter(budget or Budget()),
            trace=Trace() if trace is None else trace,
            cache=kept.cache if kept else cache,
            price=price or packaged_price,
            seed=seed,
        )
        return await within_budget(scaffold, problem, context)


async def within_budget(scaffold: Scaffold, problem: Problem, context: Context) -> Answer:
    """Call a scaffold, and turn a refusal of the budget into an empty answer that says so.

    A scaffold that has something to show when the budget ends returns it by itself; this is for the one that has not.
    """
    try:
        return await scaffold(problem, context)
    except BudgetExceeded as refusal:
        context.note("budget", reason=str(refusal))
        return Answer(stopped="budget", complete=False)


@asynccontextmanager
async def _kept(state: "State | Path | str | None") -> "AsyncIterator[State | None]":
    if state is None:
        yield None
        return
    # Reads recordings' form of completions, which a run that keeps nothing never needs.
    from understudy.remember import opened_state  # noqa: PLC0415

    with opened_state(state) as kept:
        yield kept


@asynccontextmanager
async def opened(roles: Mapping[str, Model | str], *, batch: bool = False) -> AsyncIterator[dict[str, Model]]:
    """Make models of specs, and close at the end those that were made here. `batch`: through batch APIs where there
    are.

    Raises:
        SpecError: A spec does not parse, or what it names is not there.
    """
    specs = {role: model for role, model in roles.items() if isinstance(model, str)}
    given = {role: model for role, model in roles.items() if not isinstance(model, str)}
    if not specs:
        yield given
        return
    # Loads an HTTP client, which scripted and handed-over models never need.
    from understudy.models import open_models  # noqa: PLC0415

    async with open_models(specs, batch=batch) as made:
        yield {**given, **made}


@asynccontextmanager
async def connected(servers: Mapping[str, Any]) -> AsyncIterator[dict[str, Server]]:
    """Connect to servers, and close at the end the connections that were made here.

    Raises:
        ServerError: One cannot be reached.
    """
    ready = {name: server for name, server in servers.items() if _is_connected(server)}
    rest = {name: server for name, server in servers.items() if name not in ready}
    if not rest:
        yield ready
        return
    # Loads the MCP client, which a scaffold without servers never needs.
    from understudy.servers import connect  # noqa: PLC0415

    async with connect(rest) as made:
        yield {**ready, **made}


def _is_connected(server: Any) -> bool:
    return not isinstance(server, str) and hasattr(server, "call") and hasattr(server, "tools")


def packaged_price(spec: str) -> TokenPrice | None:
    """The price of a spec in the price list that comes with the package; None where it is unknown."""
    # The price list is read from disk on its first use.
    from understudy.models import price_of  # noqa: PLC0415

    return price_of(spec)
