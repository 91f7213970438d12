"""Which framework a project without Python tests uses."""

from pathlib import Path

from understudy_servers.testing.frameworks.cargo_test import CargoTest
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.frameworks.go_test import GoTest
from understudy_servers.testing.frameworks.javascript import JEST, VITEST
from understudy_servers.testing.frameworks.node_test import NodeTest

KNOWN: tuple[Foreign, ...] = (VITEST, JEST, NodeTest(), GoTest(), CargoTest())


def detect(root: Path) -> Foreign | None:
    """The first framework that finds its files in the project."""
    return next((framework for framework in KNOWN if framework.found(root)), None)
