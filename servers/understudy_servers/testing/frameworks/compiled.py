"""What frameworks for compiled languages share: the driver that compiles and runs their tests inside the sandbox."""

import sys
from collections.abc import Sequence
from importlib import resources

from understudy_servers.testing.frameworks.foreign import SUPPORT

DRIVER = "compiled_run.py"
_FRAMEWORKS = "understudy_servers.testing.frameworks"


def command(language: str, compiler: str, select: Sequence[str] | None) -> list[str]:
    """The driver, by the server's own Python, which every run can see."""
    return [sys.executable, "-I", "-S", f"{SUPPORT}/{DRIVER}", language, compiler, *(select or ())]


def driver() -> dict[str, str]:
    """The driver's files."""
    worker = resources.files("understudy_servers.testing.worker")
    return {
        DRIVER: (resources.files(_FRAMEWORKS) / DRIVER).read_text(encoding="utf-8"),
        "understudy_servers/testing/worker/events.py": (worker / "events.py").read_text(encoding="utf-8"),
    }


def text_of(name: str) -> str:
    """One of the stand-ins."""
    return (resources.files(_FRAMEWORKS) / "stand_ins" / name).read_text(encoding="utf-8")
