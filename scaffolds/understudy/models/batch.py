"""Calls that may wait, sent through a provider's batch API at half the price: `batch:openai:gpt-5.5`.

Only breadth fits: votes, judges, one try for each of many problems. Calls that come in together form one batch; a loop
pays one batch's wait per round. Whoever waits for an answer does the sending and asking, so that no task is left behind
when nobody waits any more. Batches are written down before they are waited for: a process that is started again finds
the answers of the one that was killed.
"""

import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from understudy.errors import ModelError, ModelRejected, ModelUnavailable
from understudy.model import Completion, Request
from understudy.models.batch_wire import BatchWire, Outcome, Status
from understudy.models.remote import RemoteModel, Sent
from understudy.models.replay import request_hash
from understudy.models.wire import Answered

MOST_CALLS = 10_000
LINGER_S = 2.0
"""How long a batch waits for further calls after the last one."""
SENDING_S = 120.0
MOST_FAILURES = 60
"""How often in a row a batch may not be asked about, at a minute each, before those who wait are told."""
FIRST_POLL_S, SLOWEST_POLL_S = 5.0, 60.0


def default_path() -> Path:
    """Where batches are written down."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "understudy" / "batches.jsonl"


@dataclass(kw_only=True, eq=False)
class Ticket:
    """A call that waits."""

    id: str
    sent: Sent
    outcome: Outcome | None = None
    moved: anyio.Event = field(default_factory=anyio.Event)


class Register:
    """Batches that were sent and whose answers have not been collected, in a file."""

    def __init__(self, path: Path | None) -> None:
        """Read the file; None keeps nothing."""
        self._path = path
        self._open: dict[str, dict[str, Any]] = {}
        text = path.read_text(encoding="utf-8") if path is not None and path.exists() else ""
        self._torn = bool(text) and not text.endswith("\n")  # a process was killed while it wrote
        for line in text.splitlines():
            self._recall(line)

    def jobs(self, where: str, model: str) -> Iterator[tuple[str, frozenset[str]]]:
        """Batches of a model that are still open, with the ids of their calls."""
        for batch, row in self._open.items():
            if (row["where"], row["model"]) == (where, model):
                yield batch, frozenset(row["calls"])

    def sent(self, batch: str, where: str, model: str, calls: list[str]) -> None:
        """Write a batch down."""
        self._open[batch] = {"batch": batch, "where": where, "model": model, "calls": calls}
        self._append(self._open[batch])

    def collected(self, batch: str) -> None:
        """Strike a batch off."""
        self._open.pop(batch, None)
        self._append({"batch": batch, "collected": True})

    def _recall(self, line: str) -> None:
        try:
            row = json.loads(line)
            if row.get("collected"):
                self._open.pop(row["batch"], None)
            elif {"where", "model", "calls"} <= row.keys():
                self._open[row["batch"]] = row
        except (ValueError, KeyError, AttributeError):
            return  # the last line of a process that was killed

    def _append(self, row: Mapping[str, Any]) -> None:
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as file:
            file.write(b"\n" * self._torn + json.dumps(row).encode() + b"\n")
            self._torn = False


@dataclass(kw_only=True, eq=False)
class Job:
    """A batch at the provider."""

    id: str
    wanted: frozenset[str]
    wait_s: float = FIRST_POLL_S
    due: float = 0.0
    failures: int = 0


class BatchModel:
    """A model whose calls go through its provider's batch API."""

    def __init__(
        self,
        inner: RemoteModel,
        wire: BatchWire,
        *,
        register: Register | None = None,
        linger_s: float = LINGER_S,
        first_poll_s: float = FIRST_POLL_S,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Batch the calls of `inner`.

        Args:
            inner: Writes requests and reads answers; its endpoint is where batches are sent.
            wire: The provider's batch API.
            register: Where batches are written down.
            linger_s: How long a batch waits for further calls, in seconds.
            first_poll_s: How long to wait before asking for the first time, in seconds; later longer.
            sleep: How to wait.
        """
        self._inner, self._wire, self._register = inner, wire, register or Register(None)
        self._linger_s, self._first_poll_s, self._sleep = linger_s, first_poll_s, sleep
        self._waiting: dict[str, Ticket] = {}
        self._pending: list[Ticket] = []
        self._jobs: list[Job] = []
        self._found: dict[str, Outcome] = {}
        self._ordinals: Counter[str] = Counter()
        self._leading = False
        self._added = 0.0
        for id, calls in self._register.jobs(inner.endpoint.where, inner.model):
            self._jobs.append(Job(id=id, wanted=calls))

    @property
    def name(self) -> str:
        """`batch:` and the spec of the model: priced at what a batch costs."""
        return f"batch:{self._inner.name.removeprefix('batch:')}"

    def __repr__(self) -> str:
        return f"BatchModel({self.name!r})"

    async def aclose(self) -> None:
        """Close the connections; batches at the provider go on."""
        await self._inner.aclose()

    async def generate(self, request: Request) -> Completion:
        """Draw one completion; it may take hours.

        Raises:
            ModelUnavailable: The batch ended without this call's answer.
            ModelRejected: The provider refused the batch or this call.
        """
        ticket = self._enter(request)
        try:
            while ticket.outcome is None:
                if self._leading:
                    await ticket.moved.wait()
                    ticket.moved = anyio.Event()
                else:
                    await self._lead(ticket)
        finally:
            self._waiting.pop(ticket.id, None)
            if ticket in self._pending:
                self._pending.remove(ticket)
        return self._completed(ticket)

    def _enter(self, request: Request) -> Ticket:
        key = request_hash(request)[:48]
        ordinal = self._ordinals[key]
        self._ordinals[key] += 1
        ticket = Ticket(id=f"{key}-{ordinal}", sent=self._inner.write(request))
        ticket.outcome = self._found.pop(ticket.id, None)
        if ticket.outcome is None:
            self._waiting[ticket.id] = ticket
            if not any(ticket.id in job.wanted for job in self._jobs):  # an earlier process sent it already
                self._pending.append(ticket)
                self._added = anyio.current_time()
        return ticket

    async def _lead(self, ticket: Ticket) -> None:
        """Send and ask for everyone, until this ticket has its answer; then somebody else who waits goes on."""
        self._leading = True
        try:
            while ticket.outcome is None:
                await self._turn()
        except ModelError as error:
            for waiting in list(self._waiting.values()):  # the provider cannot be reached: all who wait are told
                waiting.outcome = waiting.outcome or Outcome(error=error)
        finally:
            self._leading = False
            for waiting in self._waiting.values():
                waiting.moved.set()

    async def _turn(self) -> None:
        now = anyio.current_time()
        quiet = now - self._added
        while self._pending and (quiet >= self._linger_s or len(self._pending) >= MOST_CALLS):
            await self._send()
        for job in [job for job in self._jobs if job.due <= now]:
            await self._look(job)
        due = [job.due for job in self._jobs]
        if self._pending:
            due.append(self._added + self._linger_s)
        if not any(ticket.outcome for ticket in self._waiting.values()):
            # Not until the next question, since further calls may come in meanwhile.
            await self._sleep(min(max(min(due, default=now) - anyio.current_time(), 0.0), FIRST_POLL_S))

    async def _send(self) -> None:
        tickets, self._pending = self._pending[:MOST_CALLS], self._pending[MOST_CALLS:]
        id: str | None = None
        bodies = {ticket.id: ticket.sent.body for ticket in tickets}
        try:
            # A batch that is being sent is sent whole, or it would be paid for and not be known.
            with anyio.CancelScope(shield=True, deadline=anyio.current_time() + SENDING_S):
                id = await self._wire.create(self._inner, bodies)
        except ModelError as error:
            for ticket in tickets:
                self._settle(ticket.id, Outcome(error=error))
            return
        if id is None:
            self._pending += [ticket for ticket in tickets if ticket.id in self._waiting]
            return
        calls = [ticket.id for ticket in tickets]
        self._register.sent(id, self._inner.endpoint.where, self._inner.model, calls)
        due = anyio.current_time() + self._first_poll_s
        self._jobs.append(Job(id=id, wanted=frozenset(calls), wait_s=self._first_poll_s, due=due))

    async def _look(self, job: Job) -> None:
        job.wait_s = min(job.wait_s * 1.5, SLOWEST_POLL_S)
        job.due = anyio.current_time() + job.wait_s
        try:
            status = await self._wire.status(self._inner, job.id)
            if not status.ended:
                job.failures = 0
                return
            outcomes = await self._wire.results(self._inner, status)
        except ModelUnavailable:
            job.failures += 1
            if job.failures > MOST_FAILURES:
                raise
            return  # the batch goes on while the network does not
        self._jobs.remove(job)
        for id in job.wanted:
            self._settle(id, outcomes.get(id) or Outcome(error=self._missing(status)))
        self._register.collected(job.id)

    def _settle(self, id: str, outcome: Outcome) -> None:
        ticket = self._waiting.get(id)
        if ticket is None:
            self._found[id] = outcome  # nobody waits for it yet: it is of an earlier process
            return
        ticket.outcome = outcome
        ticket.moved.set()

    def _missing(self, status: Status) -> ModelError:
        about = f"The batch {status.id} of {self._inner.name} ended as {status.word!r}"
        if status.problem:
            return ModelRejected(f"{about}: {status.problem}", model=self.name, status=400)
        return ModelUnavailable(f"{about} without an answer to this call.", model=self.name)

    def _completed(self, ticket: Ticket) -> Completion:
        outcome = ticket.outcome
        assert outcome is not None
        if outcome.error is not None:
            raise outcome.error
        return self._inner.read(Answered(body=outcome.body, headers={}), ticket.sent)
