"""What holds a run together on systems without the layers of Linux: how it is started, measured and ended.

A stronger means of such a system goes here: Seatbelt as a `command` that puts `sandbox-exec` in front, a job object
of Windows as one that `adopt` puts the process into. What it then gives is taken out of `lacks` of its platform.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

LOOK_S = 5.0  # how long a program that looks or kills may take


class Containment(Protocol):
    """One way to hold a process and what it starts."""

    def command(self, words: Sequence[str]) -> list[str]:
        """The command that is really started for these words."""

    def options(self) -> dict[str, Any]:
        """Arguments of `subprocess.Popen`."""

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Take hold of a process that was just started, before it gets any work."""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """End the process and what it started, as far as it can be found. May be called twice."""

    def memory(self, process: subprocess.Popen[bytes]) -> int | None:
        """Bytes that the process and what it started hold, or None where the system does not say."""


@dataclass(frozen=True)
class ProcessGroup:
    """POSIX: a session and process group of its own, which a hostile process can leave."""

    look: tuple[str, ...] = ("ps", "-axo", "pgid=,rss=")

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def options(self) -> dict[str, Any]:
        return {"start_new_session": True}

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Nothing to do: the group exists since the start."""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)

    def memory(self, process: subprocess.Popen[bytes]) -> int | None:
        try:
            listed = subprocess.run(self.look, capture_output=True, text=True, timeout=LOOK_S, check=True).stdout
            rows = [line.split() for line in listed.splitlines()]
            return sum(int(kib) << 10 for group, kib in rows if int(group) == process.pid)
        except (OSError, subprocess.SubprocessError, ValueError):
            return None


@dataclass(frozen=True)
class ProcessTree:
    """Windows: a process group of its own, ended as a tree by `taskkill`."""

    flags: int = 0x200  # CREATE_NEW_PROCESS_GROUP
    killer: tuple[str, ...] = ("taskkill", "/T", "/F", "/PID")

    def command(self, words: Sequence[str]) -> list[str]:
        return list(words)

    def options(self) -> dict[str, Any]:
        return {"creationflags": self.flags}

    def adopt(self, process: subprocess.Popen[bytes]) -> None:
        """Nothing to do: the tree is found by its root."""

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run([*self.killer, str(process.pid)], capture_output=True, timeout=LOOK_S)
            process.kill()

    def memory(self, process: subprocess.Popen[bytes]) -> int | None:
        return None
