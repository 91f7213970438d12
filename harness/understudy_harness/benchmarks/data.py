"""Read the data of benchmarks: JSON lines or one JSON array, gzipped or not, and say file and line when one is broken.

Data files come from other people, so sizes are capped and nothing in them is ever evaluated.
"""

import gzip
import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from understudy_harness.errors import BenchmarkError

MOST_BYTES = 1 << 30  # unpacked; the largest file known, HumanEval+ with its inputs, is 60 MB

Kind = TypeVar("Kind")


@dataclass(frozen=True)
class Record:
    """One JSON object of a data file, and where it stands."""

    fields: Mapping[str, Any]
    path: Path
    line: int
    """From 1; for one JSON array the number of the item."""

    def get(self, name: str, kind: type[Kind], default: Kind | None = None) -> Kind:
        """Return a field of the expected type.

        Raises:
            BenchmarkError: The field is missing and there is no default, or it is of another type.
        """
        if name not in self.fields:
            if default is not None:
                return default
            self.broken(f"the field {name!r} is missing")
        value = self.fields[name]
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            self.broken(f"the field {name!r} is {_shown(value)}, not {_NAMES.get(kind, kind.__name__)}")
        return value

    def texts(self, name: str, default: list[str] | None = None) -> list[str]:
        """Return a field that must be a list of strings."""
        values = self.get(name, list, default)
        for value in values:
            if not isinstance(value, str):
                self.broken(f"the field {name!r} holds {_shown(value)}, not only strings")
        return values

    def broken(self, why: str) -> NoReturn:
        """Refuse the record, naming the file and the line."""
        raise BenchmarkError(f"{self.path}:{self.line}: {why}. Repair or remove the line, or fetch the file again.")


_NAMES: dict[type[Any], str] = {
    str: "a string",
    int: "an integer",
    list: "a list",
    dict: "an object",
    bool: "true or false",
}


def data_folder() -> Path:
    """Where fetched benchmark data lives: under UNDERSTUDY_HOME, else XDG_DATA_HOME, else ~/.local/share."""
    home = os.environ.get("UNDERSTUDY_HOME")
    if home:
        return Path(home) / "benchmarks"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "understudy" / "benchmarks"


def read_bytes(path: Path) -> bytes:
    """Read a file, unpacked when it is gzipped.

    Raises:
        BenchmarkError: It is not there, cannot be read or unpacked, or is larger than 1 GiB unpacked.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if packed else path.open("rb") as stream:
            text = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise BenchmarkError(f"There is no file {path}. Check the path.") from None
    except (OSError, EOFError, zlib.error) as error:
        raise BenchmarkError(f"{path} cannot be read ({error}). Fetch it again.") from error
    if len(text) > MOST_BYTES:
        raise BenchmarkError(f"{path} is larger than {MOST_BYTES >> 30} GiB unpacked, so it was not read.")
    return text


def read_text(path: Path) -> str:
    """Read a text file in UTF-8, unpacked when it is gzipped.

    Raises:
        BenchmarkError: It cannot be read, or it is not UTF-8; the message names the line.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise BenchmarkError(f"{path}:{line}: the text is not UTF-8. Save the file as UTF-8.") from None


def read_records(path: Path) -> Iterator[Record]:
    """Yield the objects of a file of JSON lines, or of one JSON array.

    Raises:
        BenchmarkError: The file cannot be read, or a line is not a JSON object; the message names file and line.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        yield from _array(path, text)
        return
    # JSON lines end at \n alone: a string may hold \u2028 or \x85, at which str.splitlines would cut.
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield _record(path, number, _parsed(path, number, line))


def file_hash(path: Path) -> str:
    """SHA-256 of a file as it lies there (hex)."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _array(path: Path, text: str) -> Iterator[Record]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise BenchmarkError(f"{path}:{line}: this is not valid JSON ({error}). Fetch the file again.") from None
    for number, item in enumerate(items, start=1):
        yield _record(path, number, item)


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BenchmarkError(
            f"{path}:{number}: this line is not valid JSON ({error}). Repair or remove it, or fetch the file again."
        ) from None


def _record(path: Path, number: int, item: Any) -> Record:
    if not isinstance(item, dict):
        raise BenchmarkError(f"{path}:{number}: expected a JSON object and found {_shown(item)}.")
    return Record(item, path, number)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."
