"""Whether a candidate changed what the tests check with: builtins, and the modules that the tests import.

The candidate shares the process, so this is evidence and not proof. Nothing is looked at while the tests run.
"""

import builtins
import importlib
import os
import sys
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any

MAX_ENTRIES = 60_000
Entry = tuple[Any, Any]  # the object itself, and the code of a function


class Guard:
    """Remembers how things were before the first test file was loaded."""

    def __init__(self, modules: list[str], root: str, changed_by_tests: list[str]) -> None:
        self.root, self.excused = os.path.realpath(root) + os.sep, set(changed_by_tests)
        self.modules: dict[str, ModuleType] = {}
        for name in modules:
            with suppress(Exception):
                self._take(importlib.import_module(name), name)
        self.known = {name: _entries(module, name) for name, module in self.modules.items()}

    def _take(self, module: ModuleType, name: str) -> None:
        """A module, and those that are reached through it, such as `os.path`."""
        self.modules[name] = module
        for attribute, inner in list(vars(module).items()):
            below = isinstance(inner, ModuleType) and inner.__name__.startswith(f"{module.__name__}.")
            if (below or attribute == "path") and isinstance(inner, ModuleType) and inner not in self.modules.values():
                self.modules[f"{name}.{attribute}"] = inner

    def changed(self) -> list[str]:
        """The names of what is not as it was; additions do not count, nor do changes by installed libraries."""
        found = [f"{name}" for name, module in self.modules.items() if self._replaced(name, module)]
        for name, before in self.known.items():
            for path, (thing, code) in before.items():
                now = _look_up(self.modules[name], path)
                same = now is thing and (code is None or getattr(thing, "__code__", None) is code)
                if not same and path.rpartition(".")[2] not in self.excused and not self._installed(now):
                    found.append(f"{name}.{path}")
        if sys.gettrace() is not None or sys.getprofile() is not None:
            found.append("sys.settrace")
        return found[:5]

    def _replaced(self, name: str, module: ModuleType) -> bool:
        return name in sys.modules and sys.modules[name] is not module

    def _installed(self, thing: Any) -> bool:
        """Code of a library that patches others, as some do for a living."""
        file = str(getattr(getattr(thing, "__code__", None), "co_filename", ""))
        return f"{os.sep}site-packages{os.sep}" in file and not file.startswith(self.root)


def _entries(module: ModuleType, name: str) -> dict[str, Entry]:
    """What can be called in a module, and in the classes that it defines."""
    found: dict[str, Entry] = {}
    for attribute, thing in list(vars(module).items()):
        if not callable(thing) or len(found) > MAX_ENTRIES or (attribute.startswith("__") and module is not builtins):
            continue
        found[attribute] = (thing, thing.__code__ if isinstance(thing, FunctionType) else None)
        if isinstance(thing, type) and thing.__module__.partition(".")[0] == name.partition(".")[0]:
            for inner, value in list(vars(thing).items()):
                if isinstance(value, FunctionType | classmethod | staticmethod | property):
                    found[f"{attribute}.{inner}"] = (value, getattr(value, "__code__", None))
    return found


def _look_up(module: ModuleType, path: str) -> Any:
    first, _, inner = path.partition(".")
    thing = vars(module).get(first)
    return vars(thing).get(inner) if inner and isinstance(thing, type) else thing
