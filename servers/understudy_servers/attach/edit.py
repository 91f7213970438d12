"""Write or remove one entry in a client's configuration file, everything else in it kept."""

import io
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

import tomlkit
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from tomlkit.exceptions import TOMLKitError

from understudy_servers.attach.client import Client, Entry
from understudy_servers.attach.jsonc import NotJson, delete_member, set_member

BACKUP_SUFFIX = ".before-understudy"


class CannotEdit(Exception):
    """The file is not what the client's format says, so nothing was changed."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} cannot be edited: {reason}. Nothing was changed; mend the file, or see --print.")
        self.path, self.reason = path, reason


def with_entry(client: Client, text: str, entry: Entry) -> str:
    """Return the configuration with our entry in it; the same text when it is there already."""
    value = client.entry(entry)
    if client.format == "json":
        return set_member(text, (*client.at, entry.name), value)
    return _edited(client, text, lambda table: _put(client, table, entry.name, value))


def without_entry(client: Client, text: str, name: str) -> str:
    """Return the configuration without the entry of this name; the same text when there is none."""
    if client.format == "json":
        return delete_member(text, (*client.at, name))
    return _edited(client, text, lambda table: _drop(client, table, name), create=False)


def rewrite(path: Path, change: Callable[[str], str]) -> bool:
    """Apply `change` to the file's text: atomically, with a backup of the first original, and through symbolic links.

    Returns whether anything changed.

    Raises:
        CannotEdit: The file cannot be read, parsed or written.
    """
    target = path.resolve()  # dotfiles are often links into a repository; the link stays
    try:
        before = target.read_bytes().decode("utf-8") if target.exists() else ""
        after = change(before)
    except NotJson as error:
        raise CannotEdit(path, f"it is not JSON ({error})") from error
    except (TOMLKitError, YAMLError, TypeError, AttributeError) as error:
        raise CannotEdit(path, f"it does not have the expected form ({str(error).splitlines()[0]})") from error
    except (OSError, UnicodeDecodeError) as error:
        raise CannotEdit(path, str(error)) from error
    if after == before:
        return False
    try:
        _keep_original(target)
        replace_file(target, after)
    except OSError as error:
        raise CannotEdit(path, error.strerror or str(error)) from error
    return True


def _keep_original(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    backup = target.with_name(target.name + BACKUP_SUFFIX)
    if target.exists() and not backup.exists():
        shutil.copy2(target, backup)


def replace_file(target: Path, text: str) -> None:
    """Write the file anew, whole or not at all, with the mode it had."""
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, temporary)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _edited(client: Client, text: str, change: Callable[[Any], bool], *, create: bool = True) -> str:
    """Change a TOML or YAML document through a library that keeps comments and layout."""
    document: MutableMapping[str, Any]
    yaml = YAML()
    yaml.preserve_quotes = True
    document = tomlkit.parse(text) if client.format == "toml" else yaml.load(text) or {}
    if not create and not _reaches(client, document):
        return text
    if not change(document):
        return text
    if client.format == "toml":
        return tomlkit.dumps(document)
    stream = io.StringIO()
    yaml.dump(document, stream)
    return stream.getvalue()


def _reaches(client: Client, document: Mapping[str, Any]) -> bool:
    table: Any = document
    for key in client.at:
        if key not in table:
            return False
        table = table[key]
    return True


def _holder(client: Client, document: MutableMapping[str, Any]) -> Any:
    table: Any = document
    for depth, key in enumerate(client.at):
        if key not in table:
            last = depth == len(client.at) - 1
            if client.format == "toml":
                table[key] = tomlkit.aot() if last and client.listed else tomlkit.table(is_super_table=True)
            else:
                table[key] = [] if last and client.listed else {}
        table = table[key]
    return table


def _put(client: Client, document: MutableMapping[str, Any], name: str, value: Mapping[str, Any]) -> bool:
    holder = _holder(client, document)
    if client.listed:
        for index, row in enumerate(holder):
            if row.get("name") == name:
                if dict(row) == dict(value):
                    return False
                holder[index] = tomlkit.item(dict(value))
                return True
        holder.append(tomlkit.item(dict(value)))
        return True
    if name in holder and _unwrapped(holder[name]) == dict(value):
        return False
    holder[name] = dict(value)
    return True


def _drop(client: Client, document: MutableMapping[str, Any], name: str) -> bool:
    holder = _holder(client, document)
    if client.listed:
        for index, row in enumerate(holder):
            if row.get("name") == name:
                del holder[index]
                return True
        return False
    if name not in holder:
        return False
    del holder[name]
    return True


def _unwrapped(value: Any) -> Any:
    return value.unwrap() if hasattr(value, "unwrap") else dict(value)
