"""What every warm interpreter is started with, on any system: its recipe, the worker's modules, and how it begins."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources

WORKER = "understudy_servers.testing.worker"
START_S = 60.0
# Installs the worker's modules from text: the project's interpreter needs nothing of ours on its path.
BOOT = """
import importlib.abc, importlib.util, json, os, sys
sys.path[:] = [entry for entry in sys.path if entry]
way, number = sys.argv[1:]
sys.argv[1:] = []
orders = os.dup(0)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
def exactly(size):
    data = b""
    while len(data) < size:
        part = os.read(orders, size - len(data))
        if not part:
            sys.exit()
        data += part
    return data
sources = json.loads(exactly(int.from_bytes(exactly(8), "big")))
class Sent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name in sources:
            return importlib.util.spec_from_loader(name, self, is_package=not sources[name] or name.endswith(".worker"))
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(sources[module.__name__], "<understudy>", "exec"), module.__dict__)
finder = Sent()
sys.meta_path.insert(0, finder)
if way == "alone":
    from understudy_servers.testing.worker.alone import main
else:
    os.close(orders)
    from understudy_servers.testing.worker.zygote import main
sys.meta_path.remove(finder)
main(orders if way == "alone" else int(number))
"""


class ZygoteLost(Exception):
    """The zygote could not be started, or is gone; nothing is known about the code under test."""


@cache
def sources() -> bytes:
    """The modules of the worker as one JSON object from name to text."""
    folder = resources.files("understudy_servers.testing") / "worker"
    modules = {"understudy_servers": "", "understudy_servers.testing": ""}
    for entry in folder.iterdir():
        if entry.name.endswith(".py"):
            name = WORKER if entry.name == "__init__.py" else f"{WORKER}.{entry.name[:-3]}"
            modules[name] = entry.read_text(encoding="utf-8")
    return json.dumps(modules).encode()


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """What makes one zygote different from another."""

    python: str
    preload: tuple[str, ...] = ()
    pytest: bool = False
    plugins: bool = False  # whether pytest loads the plugins that are installed
    hash_seed: int = 0
