"""After our last entry left a client's file, put everything back as it was before we came.

The file of the first `attach` returns byte for byte when nothing else in it changed since; a file that we made and that
holds nothing else goes, with folders that are empty then. Backups go in either case: their purpose is over.
"""

import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from understudy_servers.attach import jsonc
from understudy_servers.attach.client import Client
from understudy_servers.attach.edit import BACKUP_SUFFIX, replace_file, without_entry


def tidy(client: Client, path: Path, names: Sequence[str], within: Iterable[Path]) -> None:
    """Undo what `attach` left in and beside `path`; nothing happens while one of `names` is still in it.

    Folders are removed when they are empty and lie inside one of `within`.
    """
    target = path.resolve()
    text = target.read_bytes().decode("utf-8")
    if _holds(client, text, names):
        return
    backup = target.with_name(target.name + BACKUP_SUFFIX)
    original = backup.read_bytes().decode("utf-8") if backup.exists() else None
    if original is not None and not _holds(client, original, names):
        if _pruned(client, original) == _pruned(client, text):
            replace_file(target, original)
    elif not _pruned(client, text) and not _remarks(client, text):  # no backup, or one of a file that we made
        target.unlink()
    backup.unlink(missing_ok=True)
    if not target.exists():
        _drop_empty(target.parent, [one.resolve() for one in within])


def _holds(client: Client, text: str, names: Sequence[str]) -> bool:
    return any(without_entry(client, text, name) != text for name in names)


def _pruned(client: Client, text: str) -> Any:
    """What the file says, without the containers for servers that hold none."""
    if client.format == "json":
        data = jsonc.load(text) if text.strip() else {}
    elif client.format == "toml":
        data = tomllib.loads(text)
    else:
        data = YAML(typ="safe").load(text) or {}
    for depth in range(len(client.at), 0, -1):
        holder = data
        for key in client.at[: depth - 1]:
            holder = holder.get(key, {})
        if not holder.get(client.at[depth - 1], True):
            del holder[client.at[depth - 1]]
    return data


def _remarks(client: Client, text: str) -> bool:
    """Whether someone wrote comments into a file that is otherwise empty."""
    return any(mark in text for mark in (("//", "/*") if client.format == "json" else ("#",)))


def _drop_empty(folder: Path, within: list[Path]) -> None:
    while any(folder != top and folder.is_relative_to(top) for top in within) and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
