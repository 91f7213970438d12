"""What the user's project has: its environments and their packages. Never the server's own environment by accident."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy_servers.docs.distributions import Installed, installed, site_packages

ENVIRONMENT_FOLDERS = (".venv", "venv", "env")


@dataclass(kw_only=True)
class Project:
    """The folders a user works in, and where their packages are installed.

    An environment counts when the user named it (`pythons`), when it lies in a root, or when `VIRTUAL_ENV` or
    `CONDA_PREFIX` names it. The environment this server itself runs in counts only in the first two cases: a server
    started by uvx or pipx must not describe its own packages as the project's.
    """

    roots: Sequence[Path] = ()
    pythons: Sequence[Path] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    own_prefix: Path = field(default_factory=lambda: Path(sys.prefix))
    _seen: dict[Path, tuple[int, tuple[Installed, ...]]] = field(default_factory=dict)

    def environments(self) -> list[Path]:
        """Return the prefixes of the environments of this project, the most explicit first."""
        found = [prefix_of(python) for python in self.pythons]
        for root in self.roots:
            found += [root / name for name in ENVIRONMENT_FOLDERS if (root / name / "pyvenv.cfg").is_file()]
        for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
            named = self.environ.get(variable)
            if named and Path(named).resolve() != self.own_prefix.resolve():
                found.append(Path(named))
        return list(dict.fromkeys(path for path in found if path.is_dir()))

    def packages(self) -> dict[str, Installed]:
        """Return the installed distributions by library key; the first environment that has one wins."""
        packages: dict[str, Installed] = {}
        for prefix in self.environments():
            for folder in site_packages(prefix):
                for one in self._installed(folder):
                    packages.setdefault(one.key, one)
        return packages

    def _installed(self, folder: Path) -> tuple[Installed, ...]:
        changed = folder.stat().st_mtime_ns
        known = self._seen.get(folder)
        if known is None or known[0] != changed:
            known = self._seen[folder] = (changed, tuple(installed(folder)))
        return known[1]


def prefix_of(python: Path) -> Path:
    """Return the environment of an interpreter or environment folder, without running it."""
    python = python.expanduser().absolute()  # not resolved: a virtual environment's python is a link out of it
    if python.is_dir():
        return python
    return python.parent.parent if python.parent.name.lower() in ("bin", "scripts") else python.parent
