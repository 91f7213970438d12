"""Work in a thread of its own, waited for as long as one likes; it never keeps the process alive."""

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Work that goes on while its starter does something else."""

    def __init__(self, work: Callable[[], T], name: str) -> None:
        self._done: list[T] = []
        self._failed: BaseException | None = None
        self._thread = Thread(target=self._run, args=(work,), name=name, daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], T]) -> None:
        try:
            self._done.append(work())
        except BaseException as error:  # raised again where the result is asked for
            self._failed = error

    @property
    def over(self) -> bool:
        """Whether the work has ended, well or not."""
        return not self._thread.is_alive()

    def result(self, seconds: float | None = None) -> T:
        """Wait for the result.

        Raises:
            TimeoutError: it takes longer than `seconds`; the work goes on.
        """
        self._thread.join(seconds)
        if self._failed is not None:
            raise self._failed
        if not self._done:
            raise TimeoutError
        return self._done[0]
