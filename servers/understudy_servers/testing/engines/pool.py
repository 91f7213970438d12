"""The zygotes in use: one for each recipe, renewed by age and use, replaced when lost."""

import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from understudy_servers.testing.engines.warm import Recipe
from understudy_servers.testing.engines.zygote import Zygote

MAX_RUNS = 2_000  # then a new one: what a kernel or allocator keeps per fork can never add up
MAX_AGE_S = 15 * 60.0
MAX_ZYGOTES = 8


@dataclass
class _Kept:
    zygote: Zygote
    born: float
    busy: int = 0
    retired: bool = False


class Pool:
    """Hands out zygotes; safe to use from several threads. `replaced` counts the ones that were lost."""

    def __init__(self) -> None:
        self.replaced = 0
        self.started = 0
        self._kept: dict[Recipe, _Kept] = {}
        self._lock = threading.Lock()
        self._starting: dict[Recipe, threading.Lock] = {}

    @contextmanager
    def borrow(self, recipe: Recipe) -> Generator[Zygote]:
        """Lend a living zygote of this recipe, starting it when there is none.

        Raises:
            ZygoteLost: it could not be started.
        """
        kept = self._take(recipe)
        try:
            yield kept.zygote
        finally:
            with self._lock:
                kept.busy -= 1
                done = kept.retired and kept.busy == 0
            if done:
                kept.zygote.close()

    def _take(self, recipe: Recipe) -> _Kept:
        with self._lock:
            gate = self._starting.setdefault(recipe, threading.Lock())
        with gate:  # two runs that need the same new zygote start one
            with self._lock:
                kept = self._kept.get(recipe)
                if kept is not None and self._usable(recipe, kept):
                    kept.busy += 1
                    return kept
            fresh = _Kept(Zygote.start(recipe), time.monotonic(), busy=1)
            with self._lock:
                self.started += 1
                self._kept[recipe] = fresh
                idle = self._surplus()
            for old in idle:
                old.zygote.close()
            return fresh

    def _usable(self, recipe: Recipe, kept: _Kept) -> bool:
        if not kept.zygote.alive:
            self.replaced += 1
        elif kept.zygote.runs < MAX_RUNS and time.monotonic() - kept.born < MAX_AGE_S:
            return True
        del self._kept[recipe]
        kept.retired = True
        if kept.busy == 0:
            kept.zygote.close()
        return False

    def _surplus(self) -> list[_Kept]:
        idle = [recipe for recipe, kept in self._kept.items() if kept.busy == 0]
        return [self._kept.pop(recipe) for recipe in idle[: max(0, len(self._kept) - MAX_ZYGOTES)]]

    def discard(self, recipe: Recipe, lost: Zygote | None) -> None:
        """Take a zygote that failed a run out of use, unless another run has done so and there is a new one."""
        with self._lock:
            kept = self._kept.get(recipe)
            if kept is None or kept.zygote is not lost:
                return
            del self._kept[recipe]
            kept.retired = True
            self.replaced += 1
        if kept.busy == 0:
            kept.zygote.close()

    def note_loss(self) -> None:
        """Count a run that was started ahead and is gone."""
        with self._lock:
            self.replaced += 1

    def drop(self, recipe: Recipe) -> None:
        """Let go of a zygote that will not be wanted again."""
        with self._lock:
            kept = self._kept.pop(recipe, None)
            if kept is not None:
                kept.retired = True
        if kept is not None and kept.busy == 0:
            kept.zygote.close()

    def describe(self) -> list[dict[str, object]]:
        with self._lock:
            return [
                {
                    "python": recipe.python,
                    "pytest": kept.zygote.facts["pytest"],
                    "runs": kept.zygote.runs,
                    "busy": kept.busy,
                    "memory": kept.zygote.memory,
                }
                for recipe, kept in self._kept.items()
            ]

    def processes(self) -> list[subprocess.Popen[bytes]]:
        """The processes of the ones in use now."""
        with self._lock:
            return [kept.zygote.process for kept in self._kept.values()]

    def close(self) -> None:
        with self._lock:
            kept = list(self._kept.values())
            self._kept.clear()
        for one in kept:
            one.zygote.close()
