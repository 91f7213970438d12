"""What a client's file says about the client, and what an entry of ours is before any client's format."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Level = Literal["user", "project"]
Format = Literal["json", "toml", "yaml"]


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One server as a client starts it."""

    name: str
    """The key in the client's file: `understudy`, or `understudy-docs` for a single server."""
    command: str
    args: tuple[str, ...]
    env: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where people's settings are: the home folder, and the folder of per-user configuration."""

    home: Path
    config: Path
    """`$XDG_CONFIG_HOME` or `~/.config`; on macOS `~/Library/Application Support` is `application_support`."""
    platform: str = sys.platform

    @property
    def application_support(self) -> Path:
        """Where desktop programs keep their settings on this system."""
        return self.home / "Library" / "Application Support" if self.platform == "darwin" else self.config


@dataclass(frozen=True, kw_only=True)
class Client:
    """An MCP client: where its configuration lives, and how an entry of ours is written there."""

    name: str
    title: str
    format: Format
    user: Callable[[Place], Path]
    project: str | None
    """The file below a project's folder; None when the client has no project level."""
    at: tuple[str, ...]
    """The keys that lead to the table (or, for a list, the array) of servers."""
    entry: Callable[[Entry], Mapping[str, Any]]
    listed: bool = False
    """Servers are an array of tables with a `name` each, rather than a table by name."""
    check: str
    """How a person sees that it worked."""
    evidence: str
    """Which version was run with the written configuration, or whose documentation it follows."""
    source: str
    """Where the client documents its format."""
    also: str | None = None
    """Another suffix the file may have; a file that is there is edited, not doubled."""

    def path(self, level: Level, place: Place, project: Path) -> Path:
        """The file to write for this level.

        Raises:
            ValueError: The client has no configuration at that level.
        """
        if level == "project" and self.project is None:
            raise ValueError(f"{self.title} has no configuration per project. Use --user.")
        path = self.user(place) if level == "user" else project / str(self.project)
        other = path.with_suffix(self.also) if self.also else path
        return other if other.exists() and not path.exists() else path


def plain(entry: Entry) -> dict[str, Any]:
    """Write an entry in the `mcpServers` notation that most clients share."""
    written: dict[str, Any] = {"command": entry.command, "args": list(entry.args)}
    if entry.env:
        written["env"] = dict(entry.env)
    return written
