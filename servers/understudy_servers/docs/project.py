"""What the user's project has: its environments and packages, its lock files, its own documentation.

Never the environment of the server itself, unless the user or the project says so.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from understudy_servers.docs.sources import lockfiles, npm
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.sources.distributions import installed, site_packages
from understudy_servers.docs.sources.source import Source

ENVIRONMENT_FOLDERS = (".venv", "venv", "env")
# a folder without any of these is a home or system folder, not a project whose pages are to be read
PROJECT_MARKS = (".git", "pyproject.toml", "setup.py", "package.json", "Cargo.toml", "go.mod", "mkdocs.yml", ".hg")


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
    notes: list[str] = field(default_factory=list)
    _seen: dict[Path, tuple[object, tuple[Source, ...]]] = field(default_factory=dict)

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

    def sources(self) -> list[Source]:
        """Return what the project has, in order: installed packages, its own pages, locked versions.

        Each place is read again only when it changed. Of two environments with one package, the first wins.
        """
        found: dict[str, Source] = {}
        for prefix in self.environments():
            for folder in site_packages(prefix):
                for source in self._cached(folder, folder.stat().st_mtime_ns):
                    found.setdefault(source.key, source)
        for root in self.roots:
            modules = root / "node_modules"
            if modules.is_dir():
                for source in self._cached(modules, modules.stat().st_mtime_ns):
                    found.setdefault(source.key, source)
        pages = [folder_source(root) for root in self.roots if any((root / mark).exists() for mark in PROJECT_MARKS)]
        pins = [source for root in self.roots for source in self._cached(root, lockfiles.fingerprint(root))]
        return [*found.values(), *pages, *pins]

    def _cached(self, place: Path, mark: object) -> tuple[Source, ...]:
        known = self._seen.get(place)
        if known is None or known[0] != mark:
            known = self._seen[place] = (mark, tuple(self._read(place)))
        return known[1]

    def _read(self, place: Path) -> list[Source]:
        if place.name == "node_modules":
            return list(npm.packages(place))
        if place in self.roots:
            self.notes = [note for note in self.notes if not note.startswith(f"{place}: ")]
            notes: list[str] = []
            found = [one.source for one in lockfiles.locked(place, notes)]
            self.notes += [f"{place}: {note}" for note in notes]
            return found
        return [one.source for one in installed(place)]


def prefix_of(python: Path) -> Path:
    """Return the environment of an interpreter or environment folder, without running it."""
    python = python.expanduser().absolute()  # not resolved: a virtual environment's python is a link out of it
    if python.is_dir():
        return python
    return python.parent.parent if python.parent.name.lower() in ("bin", "scripts") else python.parent
