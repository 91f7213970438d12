"""Messages with their length in front, over a pipe."""

import json
import os
from typing import Any

LENGTH = 8


def frame(message: object) -> bytes:
    """The bytes of a message."""
    data = json.dumps(message).encode()
    return len(data).to_bytes(LENGTH, "big") + data


def read_frame(descriptor: int) -> dict[str, Any] | None:
    """Read one message, and no byte of the next; None where the other side has closed."""
    size = _exactly(descriptor, LENGTH)
    data = None if size is None else _exactly(descriptor, int.from_bytes(size, "big"))
    if data is None:
        return None
    message: dict[str, Any] = json.loads(data)
    return message


def _exactly(descriptor: int, size: int) -> bytes | None:
    parts = []
    while size:
        part = os.read(descriptor, min(size, 1 << 20))
        if not part:
            return None
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
