"""Tables in text as people export them: commas, semicolons, tabs or bars; an index column; empty columns and lines."""

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from understudy_harness.benchmarks.data import read_text
from understudy_harness.errors import SettingsError

_LONGEST_FIELD = 1 << 24  # characters; published files carry whole transcripts in a column, and 131072 is the default
_DELIMITERS = (",", "\t", ";", "|")


def read_separated(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a table with their line numbers; what separates its fields is seen in the first line.

    Raises:
        BenchmarkError: The file cannot be read, or is not UTF-8.
        SettingsError: It is no such table; the message names the line.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    text, delimiter, skipped = _said_first(read_text(path), "\t" if ".tsv" in path.suffixes else None)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    names: list[str] | None = None
    try:
        for values in reader:
            line = reader.line_num + skipped
            if not any(value.strip() for value in values):
                continue
            if names is None:
                names = _names(values, f"{path}:{line}")
            elif len(values) != len(names):
                raise SettingsError(
                    f"{path}:{line}: this line has another number of fields ({len(values)}) than the first one names "
                    f"({len(names)}). Repair it, or export the table again."
                )
            else:
                yield line, dict(zip(names, values, strict=True))
    except csv.Error as error:
        raise SettingsError(
            f"{path}:{reader.line_num + skipped}: this is not CSV that can be read ({error}). Repair the line, or "
            "export the table again."
        ) from None


def _said_first(text: str, known: str | None) -> tuple[str, str, int]:
    """The text without Excel's `sep=` line, what separates fields, and the number of lines left out."""
    first, _, rest = text.partition("\n")
    said = first.strip().lower().removeprefix("sep=")
    if said in _DELIMITERS[1:] or first.strip().lower() == "sep=,":
        return rest, said, 1
    if known is not None and known in first:
        return text, known, 0
    # Between quotes anything may stand. Where two kinds are equally many, the comma comes first.
    bare = "".join(first.split('"')[::2])
    return text, max(_DELIMITERS, key=bare.count), 0


def _names(values: list[str], place: str) -> list[str]:
    """The names of the columns; one without a name, such as an index that pandas wrote, gets its number."""
    names = [value.strip() or f"column {number}" for number, value in enumerate(values, start=1)]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        raise SettingsError(
            f"{place}: the column {doubled!r} stands twice in the first line, so nobody can tell which is meant. "
            "Rename one of them."
        )
    return names
