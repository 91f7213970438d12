"""Record what a model answers, and replay it later without the model.

A recording is JSON lines: the model, the request's hash, how often it had come before, the request, the completion. The
same requests give the same completions in the same order; a request that was not recorded is an error, never a guess.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from understudy.errors import ModelRejected, SpecError
from understudy.model import Completion, Model, Request, Usage
from understudy.problem import ToolCall


def request_hash(request: Request) -> str:
    """Hash everything that a request says."""
    written = json.dumps(asdict(request), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()


def completion_from(row: Mapping[str, Any]) -> Completion:
    """Read a completion that `dataclasses.asdict` wrote, of this version or a later one."""
    known = {f.name for f in fields(Completion)}
    given = {key: value for key, value in row.items() if key in known}
    given["usage"] = Usage(**row.get("usage", {}))
    given["tool_calls"] = tuple(ToolCall(**call) for call in row.get("tool_calls", ()))
    return Completion(**given)


def which(rest: str) -> tuple[Path, str | None]:
    """Split `FILE#MODEL`; a file whose own name holds the mark is that file."""
    file, mark, model = rest.partition("#")
    return (Path(file), model) if mark and not Path(rest).exists() else (Path(rest), None)


class Recording:
    """A model that writes down every completion of another one before handing it on."""

    def __init__(self, model: Model, path: Path) -> None:
        self._model, self.path = model, path
        self._seen: Counter[str] = Counter()
        if path.exists():
            self._seen.update(row["request_hash"] for row in _rows(path) if row["model"] == model.name)

    @property
    def name(self) -> str:
        return self._model.name

    async def aclose(self) -> None:
        """Close the model that is recorded."""
        close = getattr(self._model, "aclose", None)
        if close is not None:
            await close()

    async def generate(self, request: Request) -> Completion:
        """Draw a completion from the recorded model, and append it to the file.

        Raises:
            ModelError: As the recorded model; errors are not recorded.
        """
        completion = await self._model.generate(request)
        key = request_hash(request)
        row = {
            "request_hash": key,
            "ordinal": self._seen[key],
            "model": self._model.name,
            "request": asdict(request),
            "completion": asdict(completion),
        }
        self._seen[key] += 1
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        with self.path.open("ab") as file:  # one write per line, so that a kill leaves whole lines
            file.write(line)
        return completion


class Replay:
    """A model that answers from a recording."""

    def __init__(self, path: Path, *, model: str | None = None, name: str | None = None) -> None:
        """Read the recording.

        Args:
            path: The file.
            model: Which of the recorded models; may be left out where there is one.
            name: The spec.

        Raises:
            SpecError: There is no such file, a line of it is broken, or it does not say which model is meant.
        """
        self._name = name or f"replay:{path}" + (f"#{model}" if model else "")
        self.path = path
        rows = _rows(path)
        recorded = sorted({row["model"] for row in rows})
        if (len(recorded) > 1 and model is None) or (model is not None and model not in recorded):
            raise SpecError(f"{str(path)!r} holds {', '.join(recorded) or 'nothing'}. Write replay:{path}#MODEL.")
        self._kept: dict[tuple[str, int], Completion] = {}
        for row in rows:
            if model in (None, row["model"]):
                self._kept[row["request_hash"], row["ordinal"]] = completion_from(row["completion"])
        self._seen: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return self._name

    async def generate(self, request: Request) -> Completion:
        """Answer as recorded.

        Raises:
            ModelRejected: This request was not recorded, or not so often.
        """
        key = request_hash(request)
        ordinal = self._seen[key]
        kept = self._kept.get((key, ordinal))
        if kept is None:
            times = f"only {ordinal} times" if ordinal else "never"
            last = request.messages[-1].content[:80] if request.messages else ""
            raise ModelRejected(
                f"{self._name} holds this request {times} (it ends {last!r}, hash {key[:12]}). Record it again with "
                "the scaffold, prompts and settings that are running now.",
                model=self._name,
            )
        self._seen[key] += 1
        return kept


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise SpecError(f"No recording can be read at {str(path)!r}: {error.strerror}.") from None
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            completion_from(row["completion"])
            named = {"request_hash": str(row["request_hash"]), "model": str(row.get("model", ""))}
            rows.append({**row, **named, "ordinal": int(row["ordinal"])})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SpecError(
                f"Line {number} of {str(path)!r} is no recorded completion ({type(error).__name__}: {error}). Delete "
                "the line, or record again."
            ) from None
    return rows
