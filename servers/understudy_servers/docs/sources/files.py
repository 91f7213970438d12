"""Reading files that strangers may have put there: ordinary files only, and never more than a limit.

A named pipe or a terminal would block a reader for ever, and a link to `/dev/zero` never ends.
"""

import os
import stat
from pathlib import Path


class NotReadable(Exception):
    """A file is too large or no ordinary file; the message says which, in words."""


def read_file(path: Path, limit: int) -> bytes:
    """Return the bytes of an ordinary file.

    Raises:
        NotReadable: it is something else, or larger than `limit` bytes.
        OSError: it cannot be opened.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise NotReadable("left out, it is no ordinary file")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise NotReadable(f"left out, {max(found.st_size, len(data))} bytes is more than the {limit} that are read")
    return data
