"""How much memory a tree of processes holds, seen from outside."""

import os

from understudy_servers.testing.worker.tree import tree

__all__ = ["exceeds", "tree"]

PAGE = os.sysconf("SC_PAGE_SIZE")


def exceeds(pid: int, limit: int) -> bool:
    """Say whether the descendants of `pid` hold more than `limit` bytes together.

    Counts pages shared after a fork once, by a slower look that is taken only when the quick sum is above the limit.
    """
    below = tree(pid)[1:]
    return sum(map(_resident, below)) > limit and sum(map(_proportional, below)) > limit


def _resident(pid: int) -> int:
    """Bytes in memory, whatever they belong to: at least as many as count.

    Leaving out what the kernel calls shared would leave out memory that is shared with nobody but a child.
    """
    try:
        with open(f"/proc/{pid}/statm") as stream:
            words = stream.read().split()
        return int(words[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _proportional(pid: int) -> int:
    """Bytes in memory, a page shared by n processes counted as 1/n of a page; files' own pages left out."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as stream:
            lines = dict(line.split(":", 1) for line in stream if ":" in line)
        return int(lines["Pss_Anon"].split()[0]) * 1024 + int(lines["Pss_Shmem"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return _resident(pid)  # not readable, so the larger number stands
