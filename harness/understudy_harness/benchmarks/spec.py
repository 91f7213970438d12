"""What a benchmark is opened with."""

from pathlib import Path
from typing import NamedTuple


class Spec(NamedTuple):
    """A spec taken apart."""

    text: str
    """The spec as written; the benchmark's name, since it opens the same benchmark again."""
    name: str
    path: Path | None
    """Where the data is; None for what is generated or bundled."""

    def data(self) -> Path:
        """The path, where the registry made sure that there is one."""
        assert self.path is not None
        return self.path
