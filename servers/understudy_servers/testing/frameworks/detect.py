"""Which framework a project or a loose problem without Python tests uses."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from understudy_servers.testing.frameworks.cargo_test import CargoTest
from understudy_servers.testing.frameworks.catch2 import Catch2
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.frameworks.go_test import GoTest
from understudy_servers.testing.frameworks.javascript import JEST, VITEST
from understudy_servers.testing.frameworks.junit5 import Junit5
from understudy_servers.testing.frameworks.node_test import NodeTest

KNOWN: tuple[Foreign, ...] = (VITEST, JEST, NodeTest(), GoTest(), CargoTest())


def detect(root: Path) -> Foreign | None:
    """The first framework that finds its files in the project."""
    return next((framework for framework in KNOWN if framework.found(root)), None)


LOOSE: Mapping[str, Foreign] = {
    "package.json": NodeTest(),
    "go.mod": GoTest(),
    "Cargo.toml": CargoTest(),
    "CMakeLists.txt": Catch2(),
    "build.gradle": Junit5(),
    "build.gradle.kts": Junit5(),
    "pom.xml": Junit5(),
}
"""Those that need nothing installed in the project's folder, by the file that they look for."""


def detect_loose(files: Mapping[str, str]) -> Foreign | None:
    """The framework of a loose problem, whose files lie nowhere yet."""
    for name, framework in LOOSE.items():
        if name in files:
            with TemporaryDirectory() as folder:
                Path(folder, name).write_text(files[name], encoding="utf-8")
                if framework.found(Path(folder)):
                    return framework
    return None
