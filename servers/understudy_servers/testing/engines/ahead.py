"""Runs of Linux that are started ahead of their job: locked in while they had one thread, warm, and used once."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, ExitStack

from understudy_servers.testing.engines.running import Run

MAX_WAITING = 3  # kinds of run that are kept ready


class Waiting:
    """A run that waits, with what it needs to live."""

    def __init__(self, start: AbstractContextManager[Run]) -> None:
        self._stack = ExitStack()
        self.run = self._stack.enter_context(start)

    def close(self) -> None:
        """Let go of it, once it has ended or is to end."""
        self._stack.close()


class Ahead:
    """Keeps one run ready for each kind."""

    def __init__(self, note_loss: Callable[[], None]) -> None:
        self._note_loss = note_loss
        self._waiting: OrderedDict[Hashable, Waiting] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, kind: Hashable, start: Callable[[], AbstractContextManager[Run]]) -> Waiting:
        """A run for one job; the next one starts to warm up.

        Raises:
            ZygoteLost: none can be started.
        """
        with self._lock:
            waiting = self._waiting.pop(kind, None)
        if waiting is not None and not waiting.run.waits:
            waiting.run.end()
            waiting.close()
            self._note_loss()
            waiting = None
        taken = waiting or Waiting(start())
        self._keep(kind, Waiting(start()))
        return taken

    def _keep(self, kind: Hashable, waiting: Waiting) -> None:
        with self._lock:
            old = [self._waiting.pop(kind)] if kind in self._waiting else []
            self._waiting[kind] = waiting
            while len(self._waiting) > MAX_WAITING:
                old.append(self._waiting.popitem(last=False)[1])
        for one in old:
            one.run.end()
            one.close()

    def close(self) -> None:
        with self._lock:
            waiting = list(self._waiting.values())
            self._waiting.clear()
        for one in waiting:
            one.run.end()
            one.close()
