"""C++ tests written for Catch2, compiled with a small stand-in for it, so that nothing has to be installed."""

from collections.abc import Sequence
from pathlib import Path

from understudy_servers.testing.engines.raw import Raw
from understudy_servers.testing.frameworks import compiled
from understudy_servers.testing.frameworks.foreign import MissingToolchain, program
from understudy_servers.testing.verdict.judge import Report, read_events

COMPILERS = ("g++", "clang++", "c++")
CURE = "Install g++ 9 or newer, or clang++."
HEADERS = ("test/catch.hpp", "catch2/catch.hpp", "catch2/catch_all.hpp", "catch2/catch_test_macros.hpp")


class Catch2:
    """A loose problem in C++: a CMakeLists.txt, of which the standard and the warnings are read, and its sources."""

    name = "Catch2 (stand-in)"
    verified = True

    def found(self, root: Path) -> bool:
        return (root / "CMakeLists.txt").exists()

    def command(self, root: Path, select: Sequence[str] | None) -> list[str]:
        return compiled.command("cpp", _compiler(), select)

    def support(self) -> dict[str, str]:
        more = {f"include/{path}": f'#include "{"../" * path.count("/")}catch.hpp"\n' for path in HEADERS}
        return {
            **compiled.driver(),
            **more,
            "include/catch.hpp": compiled.text_of("catch.hpp"),
            "catch_main.cpp": compiled.text_of("catch_main.cpp"),
        }

    def readable(self) -> list[str]:
        return []

    def environment(self) -> dict[str, str]:
        return {"LC_ALL": "C"}

    def read(self, raw: Raw, mark: str) -> Report:
        return read_events(bytes(raw.events), mark)


def _compiler() -> str:
    for name in COMPILERS:
        try:
            return program(name, CURE)
        except MissingToolchain:
            continue
    return program(COMPILERS[-1], CURE)
