"""The processes below a process, by what the kernel tells of its threads' children."""

import os


def tree(pid: int) -> list[int]:
    """The process and all its descendants, it first; empty where it is gone."""
    found, todo = [], [pid]
    while todo:
        current = todo.pop()
        try:
            for thread in os.listdir(f"/proc/{current}/task"):
                with open(f"/proc/{current}/task/{thread}/children") as stream:
                    todo += [int(word) for word in stream.read().split()]
        except OSError:
            continue
        found.append(current)
    return found
