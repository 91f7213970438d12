"""Limits of a run, and their merge: a host may lower them, nobody may raise them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

LOOSE_S, PROJECT_S = 10.0, 120.0  # wall time where nobody asked for another


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use; the memory is that of its whole process tree, shared pages counted once."""

    wall_s: float = 10.0
    cpu_s: int = 10
    memory_mb: int = 1024
    address_mb: int = 4096
    processes: int = 64
    descriptors: int = 256
    file_mb: int = 64
    disk_mb: int = 64
    shm_mb: int = 16
    inodes: int = 8192
    output_kb: int = 1024
    events_kb: int = 8192

    def lowered(self, wishes: Mapping[str, Any]) -> "Limits":
        """Apply the limits that a host sent, as far as they are lower than these.

        Raises:
            ValueError: a wish is not a positive number or not the name of a limit.
        """
        known = asdict(self)
        changed: dict[str, Any] = {}
        for name, wish in wishes.items():
            if name not in known:
                raise ValueError(f"No limit is called {name!r}. Use one of: {', '.join(known)}.")
            if isinstance(wish, bool) or not isinstance(wish, int | float) or not wish > 0:
                raise ValueError(f"The limit {name} must be a positive number, got {wish!r}.")
            changed[name] = min(type(known[name])(max(wish, 1 if isinstance(known[name], int) else wish)), known[name])
        return replace(self, **changed)


def limits_of(*, project: bool, seconds: float | None = None, memory_mb: int = Limits.memory_mb) -> Limits:
    """The limits for a loose problem or for a project, whose tests are more and may start servers of their own."""
    wall = seconds or (PROJECT_S if project else LOOSE_S)
    limits = Limits(wall_s=wall, cpu_s=max(1, int(wall * 2)), memory_mb=memory_mb, address_mb=max(4096, memory_mb * 4))
    return replace(limits, events_kb=65_536, processes=256, descriptors=1024) if project else limits
