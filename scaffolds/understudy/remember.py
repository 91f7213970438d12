"""What was paid for and what was judged, kept in a folder, so that a run can be stopped and go on where it was.

A scaffold is a function of its problem and of what models and servers answered. Kept answers therefore carry it,
without a call and without a cent, to the point where it was stopped; nothing else of its state needs saving. Lines are
appended and synced before they are used; a line that was cut off by the end of the process is dropped.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from understudy.checks import CLIENT, SERVER
from understudy.context import Server, ToolResult
from understudy.errors import UnderstudyError
from understudy.model import Completion
from understudy.models.replay import completion_from
from understudy.problem import Tool

COMPLETIONS, VERDICTS = "completions.jsonl", "verdicts.jsonl"


class Busy(UnderstudyError):
    """Another process is using the folder."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Another process is using {str(path)!r}. Wait for it, or give this run another --state folder."
        )
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.path,)


class KeptLines:
    """Records by key in a file of JSON lines, held by one process at a time.

    Raises:
        Busy: Another process holds the file.
        OSError: The folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab+")
        try:
            _hold(self._file.fileno(), path)
        except Busy:
            self._file.close()
            raise
        self._file.seek(0)
        self.records: dict[str, Any] = {}
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                record = json.loads(line)
            except ValueError:
                continue
            self.records[record["key"]] = record["value"]
        self._file.truncate(whole)

    def put(self, key: str, value: Any) -> None:
        """Append a record and wait until it is on the disk."""
        self._file.write(json.dumps({"key": key, "value": value}, ensure_ascii=True).encode() + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self.records[key] = value

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()


class KeptCompletions:
    """The response cache of a context, in a file."""

    def __init__(self, lines: KeptLines) -> None:
        self._lines = lines

    def get(self, key: str) -> Completion | None:
        """Return what `put` was given for this key, if anything."""
        row = self._lines.records.get(key)
        return None if row is None else completion_from(row)

    def put(self, key: str, completion: Completion) -> None:
        """Keep a completion durably."""
        self._lines.put(key, asdict(completion))


class RememberingServer:
    """A server whose results are kept: the same call with the same files is not made twice. Failures are not kept.

    Only for a server whose results follow from the call, such as the testing server.
    """

    def __init__(self, server: Server, lines: KeptLines) -> None:
        self._server, self._lines = server, lines

    async def tools(self) -> tuple[Tool, ...]:
        """List what the server offers."""
        return await self._server.tools()

    async def call(
        self, tool: str, arguments: Mapping[str, Any], *, meta: Mapping[str, Any] | None = None
    ) -> ToolResult:
        """Answer from what was kept, or ask the server and keep its result.

        Raises:
            ServerError: The server failed.
        """
        asked = json.dumps([tool, arguments, _identity(meta)], sort_keys=True, ensure_ascii=True)
        key = hashlib.sha256(asked.encode()).hexdigest()
        kept = self._lines.records.get(key)
        if kept is not None:
            return ToolResult(**kept)
        result = await self._server.call(tool, arguments, meta=meta)
        if not result.is_error:
            self._lines.put(key, asdict(result))
        return result


class State:
    """A folder that lets a run go on where it was stopped: `solve(…, state=FOLDER)`.

    Replies of models are kept for as many problems as share the folder, and the testing server's verdicts. Other
    servers are asked again, since what they answer may follow from what they were told before.

    Raises:
        Busy: Another process uses the folder.
        OSError: The folder cannot be written.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        with ExitStack() as stack:
            self._completions = stack.enter_context(KeptLines(self.folder / COMPLETIONS))
            self._verdicts = stack.enter_context(KeptLines(self.folder / VERDICTS))
            self._open = stack.pop_all()
        self.cache = KeptCompletions(self._completions)

    @property
    def replies(self) -> int:
        """How many replies of models are kept."""
        return len(self._completions.records)

    def servers(self, servers: Mapping[str, Server]) -> dict[str, Server]:
        """The same servers, the testing server remembered."""
        return {
            name: RememberingServer(server, self._verdicts) if name == SERVER else server
            for name, server in servers.items()
        }

    def close(self) -> None:
        """Let go of the folder."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()


@contextmanager
def opened_state(state: State | Path | str | None) -> Iterator[State | None]:
    """Open a folder and close it at the end; a state that is open already stays so."""
    if isinstance(state, State) or state is None:
        yield state
        return
    with State(state) as own:
        yield own


def forget(folder: Path) -> None:
    """Drop what is kept in a folder."""
    for name in (COMPLETIONS, VERDICTS):
        (folder / name).unlink(missing_ok=True)


def state_home() -> Path:
    """Where runs are kept whose folder the user did not choose."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "understudy" / "solve"


def _identity(meta: Mapping[str, Any] | None) -> Any:
    """What a result follows from: a workspace by its id, whether or not its files are sent along; not who asks."""
    return {
        key: value.get("id", value) if isinstance(value, Mapping) and "id" in value else value
        for key, value in (meta or {}).items()
        if key != CLIENT
    }


def _hold(descriptor: int, path: Path) -> None:
    try:
        import fcntl  # noqa: PLC0415 - not on Windows, where the file is not guarded
    except ImportError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Busy(path) from None
