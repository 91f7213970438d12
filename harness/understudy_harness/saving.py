"""Files that a command writes at its end: each is there whole or not at all, and a failure is a sentence."""

import errno
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from understudy_harness.errors import DiskFull, SettingsError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})
"""What a disk says that takes no more."""


@contextmanager
def writing(path: Path) -> Generator[TextIO]:
    """Open a text file beside its place and move it there at the end, so that an older one is kept on failure.

    Raises:
        DiskFull: There is no room. What the ledger holds is not concerned.
        SettingsError: The place cannot be written.
    """
    part = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    except OSError as error:
        _remove(part)
        if error.errno in FULL:
            raise DiskFull(
                f"{path} could not be written: {error.strerror}. The run's rows are safe; make room and write it again."
            ) from None
        raise SettingsError(f"{path} cannot be written: {error.strerror}. Choose another place.") from None


def save(path: Path, text: str) -> Path:
    """Write a text file and return its path.

    Raises:
        DiskFull: There is no room.
        SettingsError: The place cannot be written.
    """
    with writing(path) as file:
        file.write(text)
    return path


def _remove(part: Path) -> None:
    with suppress(OSError):  # where the folder itself is gone or closed, there is nothing to take back
        part.unlink(missing_ok=True)
