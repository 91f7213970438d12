"""What a request is about: a loose problem that a host sent, or a person's project. Both make plans."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from understudy_servers.testing.frameworks.detect import detect, detect_loose
from understudy_servers.testing.frameworks.foreign import Foreign
from understudy_servers.testing.plan import BadTests, Framework, Plan, for_workspace
from understudy_servers.testing.project import Project
from understudy_servers.testing.workspace import Workspace, folders_of, shadow, takes_over

__all__ = ["BadTests", "Loose", "ProjectSubject", "Subject"]
Candidate = Mapping[str, str]


class Subject(Protocol):
    """A source of plans."""

    @property
    def id(self) -> str: ...

    def refusal(self, candidate: Candidate) -> str | None:
        """The sign of tampering that a candidate shows before anything runs, or None."""

    def plan(self, candidate: Candidate, framework: Framework, select: Sequence[str] | None) -> Plan:
        """Plan a run of the visible tests. Raises BadTests when trusted tests cannot be read."""

    def hidden(self, candidate: Candidate, framework: Framework) -> Plan | None:
        """Plan a run of the hidden tests, or None where there are none."""

    def changed_tests(self, candidate: Candidate) -> list[str]:
        """Test files and settings that are not as they were at the start, or that the candidate replaces."""

    def foreign(self) -> Foreign | None:
        """The framework of another language that runs these tests, or None for Python."""

    def affected(self) -> list[str] | None:
        """The test files that a change since the last call concerns; None where everything may be."""


def seed_of(subject: str, candidate: Candidate) -> int:
    """The same candidate for the same subject gets the same seed."""
    text = json.dumps([subject, dict(candidate)], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:4], "big") >> 1


@dataclass(frozen=True)
class Loose:
    """A loose problem."""

    workspace: Workspace

    @property
    def id(self) -> str:
        return self.workspace.id

    def refusal(self, candidate: Candidate) -> str | None:
        guarded = self.workspace.protected | self.workspace.hidden
        if touched := sorted(guarded & candidate.keys()):
            return f"protected_path:{touched[0]}"
        helpers = self.workspace.helpers()  # a candidate's copy of one is left aside, so it takes nothing over
        own = {path: text for path, text in candidate.items() if path not in helpers}
        taker = next((path for path, text in own.items() if takes_over(path, self.workspace.files, text)), None)
        taker = taker or shadow(own, guarded | {*helpers}, self.workspace.tests()) or self._clash(candidate)
        return f"takes_over:{taker}" if taker else None

    def _clash(self, candidate: Candidate) -> str | None:
        """A file where the workspace has a folder, or the other way round."""
        files = self.workspace.files.keys() - candidate.keys()
        folders = folders_of(files)
        return next((path for path in candidate if path in folders or folders_of([path]) & files), None)

    def plan(self, candidate: Candidate, framework: Framework, select: Sequence[str] | None) -> Plan:
        return for_workspace(self.workspace, candidate, select=select, seed=seed_of(self.id, candidate))

    def hidden(self, candidate: Candidate, framework: Framework) -> Plan | None:
        if not self.workspace.hidden:
            return None
        return for_workspace(self.workspace, candidate, hidden=True, seed=seed_of(self.id, candidate))

    def changed_tests(self, candidate: Candidate) -> list[str]:
        return []

    def affected(self) -> list[str] | None:
        return None

    def foreign(self) -> Foreign | None:
        python = self.workspace.tests() or self.workspace.tests(hidden=True)
        return None if python else detect_loose(self.workspace.files)


def holds(root: Path, path: str) -> bool:
    """Whether a file can lie at this path: no link leads out of the project, and no file is in the way."""
    full = root / path
    real = Path(os.path.realpath(full))
    free = not full.is_dir() and not any(parent.is_file() for parent in full.parents if root in parent.parents)
    return free and root in real.parents


@dataclass
class ProjectSubject:
    """A project on disk, with the hidden tests of its owner."""

    project: Project
    unseen: Mapping[str, str] = field(default_factory=dict)
    chosen: Foreign | None = None
    _seen: dict[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return str(self.project.root)

    def refusal(self, candidate: Candidate) -> str | None:
        if touched := sorted(path for path in candidate if self.project.is_protected(path)):
            return f"protected_path:{touched[0]}"
        if outside := next((path for path in candidate if not holds(self.project.root, path)), None):
            return f"leaves_project:{outside}"
        if taker := self.project.taken_over(candidate):
            return f"takes_over:{taker}"
        changed = next((path for path in self.project.changed() if self.project.is_protected(path)), None)
        return f"protected_files_changed:{changed}" if changed else None

    def plan(self, candidate: Candidate, framework: Framework, select: Sequence[str] | None) -> Plan:
        return self.project.plan(candidate, framework, select, seed_of(self.id, candidate))

    def hidden(self, candidate: Candidate, framework: Framework) -> Plan | None:
        if not self.unseen:
            return None
        files = {**candidate, **self.unseen}
        return self.project.plan(files, framework, list(self.unseen), seed_of(self.id, candidate))

    def changed_tests(self, candidate: Candidate) -> list[str]:
        return sorted({*self.project.changed(), *self.project.replaced(candidate)})

    def affected(self) -> list[str] | None:
        """Test files that changed, or that name a module that changed, since the last call."""
        now = {path: str((self.project.root / path).stat().st_mtime_ns) for path in self._python_files()}
        before, self._seen = self._seen, now
        if not before:
            return None
        changed = [path for path in now.keys() | before.keys() if now.get(path) != before.get(path)]
        stems = {Path(path).stem if Path(path).stem != "__init__" else Path(path).parent.name for path in changed}
        words = re.compile(rf"\b({'|'.join(map(re.escape, stems))})\b") if stems else None
        return [path for path in self.project.test_files() if path in changed or (words and self._names(path, words))]

    def foreign(self) -> Foreign | None:
        """The framework that was chosen, else one whose files are there where no Python tests are."""
        if self.chosen is not None or self.project.test_files():
            return self.chosen
        return detect(self.project.root)

    def _python_files(self) -> list[str]:
        return [path for path in self.project.walk() if path.endswith(".py")]

    def _names(self, path: str, words: re.Pattern[str]) -> bool:
        return words.search((self.project.root / path).read_text(encoding="utf-8", errors="replace")) is not None
