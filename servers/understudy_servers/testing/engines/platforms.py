"""The systems that tests can be run on: by which engine, with what missing, and what would cure that."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from understudy_servers.testing.engines.containment import Containment, ProcessGroup, ProcessTree

if TYPE_CHECKING:
    from understudy_servers.testing.engines.engine import Engine
    from understudy_servers.testing.machine import Machine

ONLY_LINUX = ("namespaces", "network", "view", "landlock", "seccomp")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A system. The engine is named, not imported: that of Linux cannot even be loaded elsewhere."""

    name: str
    engine: str
    lacks: Mapping[str, str] = field(default_factory=dict)
    cure: str = ""
    memory: str = "looked at twice a second, for the process group"  # who holds that of a run
    other_languages: bool = True  # whether a worker can become a program that inherits its private channel
    containment: Containment = field(default_factory=ProcessGroup)

    def make_engine(self, machine: "Machine") -> "Engine":
        """Build the engine of this system."""
        module, _, name = self.engine.partition(":")
        made: Engine = getattr(import_module(module), name)(machine)
        return made


LINUX = Platform(name="Linux", engine="understudy_servers.testing.engines.forks:Forks")
MACOS = Platform(
    name="macOS",
    engine="understudy_servers.testing.engines.processes:Processes",
    lacks=dict.fromkeys(ONLY_LINUX, "macOS has none")
    | {
        "privileges": "tests run as you",
        "limits": "only some, and memory is looked at twice a second",
    },
    cure="Run the server in a Linux virtual machine or container.",
)
WINDOWS = Platform(
    name="Windows",
    engine="understudy_servers.testing.engines.processes:Processes",
    lacks=dict.fromkeys(ONLY_LINUX, "Windows has none")
    | {"privileges": "tests run as you", "limits": "only time and output are limited"},
    cure="Run the server inside WSL2.",
    memory="not limited",
    other_languages=False,
    containment=ProcessTree(),
)
OTHER = Platform(name=sys.platform, engine=MACOS.engine, lacks=MACOS.lacks, cure=MACOS.cure)
KNOWN = {"linux": LINUX, "darwin": MACOS, "win32": WINDOWS}


def here() -> Platform:
    """The system that this process runs on."""
    return KNOWN.get(sys.platform, OTHER)
