"""Read what a GGUF file says about itself, without loading its weights or any library.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import hashlib
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from understudy.errors import SpecError

_MAGIC = b"GGUF"
_STRING, _ARRAY = 8, 9
_SCALARS: Mapping[int, str] = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"
}  # fmt: skip
_MOST_KEYS, _MOST_LENGTH = 100_000, 1 << 28  # a broken file must not make us read for hours


def metadata(path: Path) -> dict[str, Any]:
    """Return the scalar and string metadata of a file; arrays are skipped.

    Raises:
        SpecError: The file is not there, is no GGUF file, or is cut off.
    """
    try:
        with path.open("rb") as file:
            if file.read(4) != _MAGIC:
                raise SpecError(f"{str(path)!r} is not a GGUF file. Give the path of a .gguf model file.")
            version, _, count = struct.unpack("<IQQ", file.read(20))
            if version not in (2, 3) or count > _MOST_KEYS:
                raise SpecError(f"{str(path)!r} is a GGUF file of unknown form (version {version}). Convert it again.")
            pairs = (_pair(file) for _ in range(count))
            return {key: value for key, value in pairs if value is not None}
    except (struct.error, UnicodeDecodeError, ValueError, EOFError):
        raise SpecError(f"{str(path)!r} is a broken or cut off GGUF file. Fetch it again.") from None
    except OSError as error:
        raise SpecError(f"{str(path)!r} cannot be read: {error.strerror}. Give the path of a .gguf file.") from None


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def first(found: Mapping[str, Any], endings: Collection[str]) -> Any:
    """The first value whose key ends so: keys begin with the name of the architecture."""
    return next((value for key, value in found.items() if key.endswith(tuple(endings))), None)


def _pair(file: BinaryIO) -> tuple[str, Any]:
    return _string(file), _value(file, _number(file, "<I"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        inner, length = _number(file, "<I"), _length(file)
        if inner in _SCALARS:
            file.seek(struct.calcsize(_SCALARS[inner]) * length, 1)
        else:
            for _ in range(length):
                _value(file, inner)
        return None
    if kind not in _SCALARS:
        raise ValueError(f"unknown type {kind}")
    return _number(file, _SCALARS[kind])


def _string(file: BinaryIO) -> str:
    length = _length(file)
    text = file.read(length)
    if len(text) != length:
        raise EOFError
    return text.decode()


def _length(file: BinaryIO) -> int:
    length: int = _number(file, "<Q")
    if length > _MOST_LENGTH:
        raise ValueError(f"a length of {length}")
    return length


def _number(file: BinaryIO, form: str) -> Any:
    return struct.unpack(form, file.read(struct.calcsize(form)))[0]
