"""A bounded number of runs at a time, shared fairly: clients take turns, however many runs one of them asks for."""

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio


class Busy(Exception):
    """So many runs wait already that one more is refused."""


class Turns:
    """The queue: `workers` runs at once, waiting ones served client by client in rotation."""

    def __init__(self, workers: int, *, max_waiting: int = 1_000) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, got {workers}")
        self.workers, self.max_waiting = workers, max_waiting
        self.running = 0
        self._waiting: OrderedDict[str, deque[anyio.Event]] = OrderedDict()

    @property
    def waiting(self) -> int:
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, client: str) -> AsyncGenerator[None]:
        """Wait for a free worker.

        Raises:
            Busy: the queue is full.
        """
        await self._enter(client)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, client: str) -> None:
        if self.running < self.workers and not self._waiting:
            self.running += 1
            return
        if self.waiting >= self.max_waiting:
            raise Busy(f"{self.waiting} runs wait already. Try again later, or start the server with more `--workers`.")
        event = anyio.Event()
        self._waiting.setdefault(client, deque()).append(event)
        try:
            await event.wait()
        except BaseException:
            if event.is_set():
                self._leave()  # the turn had come while this run was being cancelled
            else:
                self._forget(client, event)
            raise

    def _forget(self, client: str, event: anyio.Event) -> None:
        line = self._waiting[client]
        line.remove(event)
        if not line:
            del self._waiting[client]

    def _leave(self) -> None:
        if not self._waiting:
            self.running -= 1
            return
        client, line = self._waiting.popitem(last=False)
        event = line.popleft()
        if line:
            self._waiting[client] = line  # to the end of the rotation
        event.set()
