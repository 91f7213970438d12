"""How long work says how far it is."""

from collections.abc import Callable

Progress = Callable[[int, int], None]  # done, of total; total 0 when it is not known


def silent(done: int, total: int) -> None:
    """Progress that nobody watches."""
