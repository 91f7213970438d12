"""Arithmetic on vectors: the only file that imports numpy. Elsewhere a vector is the blob that the index stores.

A blob is a unit vector in little-endian float16: 768 bytes for 384 dimensions, and exact to three decimals of cosine.
"""

import os
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any


@cache
def _np() -> Any:
    # one thread: for a scan of some megabytes, waking and joining others costs far more than it saves
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
    # part of the `docs` extra, and a tenth of a second to import
    import numpy  # noqa: PLC0415

    return numpy


def import_numpy() -> None:
    """Import numpy with one thread, before another library imports it with all."""
    _np()


def to_blobs(rows: Any) -> list[bytes]:
    """Return one normalized blob for each row of numbers."""
    np = _np()
    array = np.atleast_2d(np.asarray(rows, dtype=np.float32))
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    unit = array / np.where(norms == 0, 1, norms)
    return [row.tobytes() for row in unit.astype("<f2")]


def to_lists(blobs: Sequence[bytes]) -> list[list[float]]:
    """Return vectors as lists of floats, for a store that wants those."""
    found: list[list[float]] = _stack(blobs).tolist()
    return found


def whole_numbers(values: Any) -> Any:
    """Return 64-bit integers, as models take token ids."""
    return _np().asarray(values, dtype=_np().int64)


def side_by_side(arrays: Sequence[Any]) -> Any:
    """Return arrays joined along their last axis."""
    return _np().concatenate(arrays, axis=-1)


def cosines(left: Sequence[bytes], right: Sequence[bytes]) -> list[float]:
    """Return the cosine of each pair."""
    found: list[float] = (_stack(left) * _stack(right)).sum(axis=1).tolist()
    return found


class Matrix:
    """The vectors of one version with the ids of their chunks, for an exact scan."""

    def __init__(self, rows: Iterable[tuple[int, bytes]]) -> None:
        pairs = list(rows)
        self.ids = [id for id, _ in pairs]
        self.rows = _stack([blob for _, blob in pairs]) if pairs else None

    @property
    def size(self) -> int:
        """Bytes held."""
        return int(self.rows.nbytes) if self.rows is not None else 0

    def nearest(self, query: bytes, limit: int) -> list[tuple[int, float]]:
        """Return chunk ids with their cosine to the query, nearest first."""
        if self.rows is None:
            return []
        np = _np()
        # numpy's own loop reads the rows twice as fast as OpenBLAS multiplies a matrix by a vector on one thread
        scores = np.einsum("ij,j->i", self.rows, _stack([query])[0])
        count = min(limit, len(self.ids))
        top = np.argpartition(-scores, count - 1)[:count]
        ordered = top[np.argsort(-scores[top], kind="stable")]
        return [(self.ids[index], float(scores[index])) for index in ordered]


def _stack(blobs: Sequence[bytes]) -> Any:
    np = _np()
    return np.frombuffer(b"".join(blobs), dtype="<f2").reshape(len(blobs), -1).astype(np.float32)
