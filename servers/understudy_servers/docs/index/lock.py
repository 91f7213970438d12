"""A lock that dies with its process, so that no crash leaves one behind."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """An exclusive advisory lock on a file, for POSIX systems."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free, and say whether we have it."""
        file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            return False
        os.truncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)  # for people who look; the lock is what counts
        self._file = file
        return True

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def held_elsewhere(self) -> bool:
        """Say whether another holder has the lock."""
        if not self.acquire():
            return True
        self.release()
        return False
