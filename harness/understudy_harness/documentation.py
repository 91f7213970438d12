"""See that documentation is indexed before the first row that reads it, and keep which index rows were answered from.

A docs server indexes what it is asked about, answers by words at first, and by words and vectors as soon as those are
ready. Rows that ran before and after would be two treatments under one name. So every library that the samples name is
asked for here, and the run waits until none of their vectors are `building`. Vectors that failed or are switched off
are a treatment too: the run goes on by words, and every report of it says so. Waiting has an end, which ends the run.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from understudy.context import Server, ToolResult
from understudy.docs import SERVER, split_requirement
from understudy.errors import ServerError, ServerLost
from understudy_harness.doors import used_by
from understudy_harness.errors import Missing, Stopped
from understudy_harness.progress import duration
from understudy_harness.row import Doors
from understudy_harness.settings import Loaded, Settings

POLL_S = 0.25
SAY_EVERY_S = 5.0
QUESTION, QUESTION_TOKENS = "overview", 200
STILL_INDEXING = "still being indexed"  # of a docs server's refusal that passes by itself

Say = Callable[[str], None]


def readers(settings: Settings, cells: Sequence[Loaded]) -> set[str]:
    """The ids of the arms whose scaffold calls the docs server."""
    arms = (arm for loaded in cells for arm in loaded.cell.arms)
    return {arm.id for arm in arms if SERVER in used_by(arm.scaffold, settings.servers)}


async def ready_indexes(
    settings: Settings, cells: Sequence[Loaded], doors: Mapping[str, Doors], say: Say, *, arms: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Wait for the docs servers of those of the `arms` that use one; return what is said of their index, by arm id.

    Raises:
        Missing: A docs server was lost.
        Stopped: Vectors are still being built after `settings.docs_wait_s`.
    """
    waits: dict[int, _Wait] = {}
    asking: list[tuple[str, str, _Wait]] = []
    reading = readers(settings, cells)
    for loaded in cells:
        for arm in loaded.cell.arms:
            if arm.id not in reading:
                continue
            server = doors[loaded.cell.benchmark].servers[SERVER]
            wait = waits.setdefault(id(server), _Wait(server, settings.docs_wait_s, say))
            # All of the split for all arms, whatever is missing: a later process must find the index of the first rows.
            source = loaded.benchmark if arm.samples_of == loaded.cell.benchmark else loaded.others[arm.samples_of][0]
            wait.want(sample.problem.libraries for sample in source.samples(settings.split))
            asking.append((arm.id, loaded.cell.benchmark, wait))
    wanted = {id(wait) for arm, _, wait in asking if arm in arms}
    for wait in waits.values():
        if id(wait) in wanted:
            try:
                await wait.until_ready()
            except ServerError as error:
                raise Missing(f"{error} No row that reads documentation was run.") from None
    return {
        arm: {"server": SERVER, "benchmark": benchmark, "facts": wait.facts}
        for arm, benchmark, wait in asking
        if arm in arms
    }


@dataclass
class _Wait:
    """One docs server, and what is wanted of it."""

    server: Server
    seconds: float
    say: Say
    wanted: dict[str, None] = field(default_factory=dict)
    """Libraries as the tool takes them."""
    open_ended: bool = False
    """Whether some sample names no library, so that any may be asked about."""
    states: dict[str, str] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    """Digest, embedder, state of the vectors, and how many libraries were asked for; empty until known."""

    def want(self, named: Iterable[tuple[str, ...]]) -> None:
        """Add the libraries of samples."""
        for libraries in named:
            self.open_ended |= not libraries
            for library in libraries:
                name, version = split_requirement(library)
                self.wanted[f"{name}@{version}" if version else name] = None

    async def until_ready(self) -> None:
        """Have the libraries indexed, wait for their vectors, and take the index's digest."""
        listed = await self._listed()
        if listed is None:
            self.say("The docs server of this run tells no digest of its index, so the ledger cannot keep one.")
            self.facts = {"digest": "", "embedder": "", "vectors": "unknown", "libraries": len(self.wanted)}
            return
        if self.open_ended:
            self.wanted |= {str(one["id"]): None for one in listed["libraries"] if one.get("vectors")}
        await self._all_asked()
        listed = await self._listed() or listed
        self.facts = {
            "digest": str(listed["digest"]),
            "embedder": str(listed.get("embedder", "")),
            "vectors": _worst(self.states.values()),
            "libraries": sum(bool(state) for state in self.states.values()),
        }
        self._say_state()

    async def _listed(self) -> dict[str, Any] | None:
        """What `list-libraries` says; None from a server that has no such tool or leaves the digest out."""
        said = await _called(self.server, "list-libraries", {})
        fields = {} if said is None or said.is_error else dict(said.data or {})
        return fields if fields.get("digest") and isinstance(fields.get("libraries"), list) else None

    async def _all_asked(self) -> None:
        begun = said = time.monotonic()
        waiting = deque(self.wanted)
        while waiting:
            library = waiting.popleft()
            was_asked = library in self.states
            self.states[library] = state = await self._state(library)
            if state == "building":
                waiting.append(library)
            now = time.monotonic()
            if waiting and now - begun >= self.seconds:
                raise Stopped(self._too_long(len(waiting)))
            if waiting and now - said >= SAY_EVERY_S:
                said = now
                left = f"{len(waiting)} of {_libraries(len(self.wanted))} to go"
                self.say(f"Waiting for the documentation's index: {left}, after {duration(now - begun)}.")
            if state == "building" and was_asked:  # each is asked for once before any is waited for
                await anyio.sleep(POLL_S)

    async def _state(self, library: str) -> str:
        """State of a library's vectors, asked so that it is indexed; empty where there is no such library."""
        arguments = {"libraryId": library, "query": QUESTION, "tokens": QUESTION_TOKENS}
        said = await _called(self.server, "query-docs", arguments)
        if said is None or said.is_error:
            return "building" if said is not None and STILL_INDEXING in said.text else ""
        return str((said.data or {}).get("vectors", ""))

    def _too_long(self, left: int) -> str:
        return (
            f"After {duration(self.seconds)} the docs server is still indexing {left} of "
            f"{_libraries(len(self.wanted))} or building their vectors. Rows before and after that would not be "
            "comparable, so none that reads them was run. Run the same command again with a larger --docs-wait, or "
            "search by words alone: --server 'docs=understudy serve docs --embedder off'."
        )

    def _say_state(self) -> None:
        unknown = [name for name, state in self.states.items() if not state]
        if unknown:
            shown = ", ".join(unknown[:3]) + (" …" if len(unknown) > 3 else "")
            self.say(f"The docs server has no documentation of {shown}: those samples get none.")
        vectors, digest = self.facts["vectors"], self.facts["digest"]
        if vectors == "ready":
            self.say(f"The documentation is indexed: {digest}, vectors of {self.facts['embedder']}.")
        elif vectors:
            self.say(f"The documentation is indexed: {digest}. {_BY_WORDS[vectors]}")


_BY_WORDS = {
    "failed": "Its vectors failed, so it is searched by words alone; the report says so. `understudy docs doctor` "
    "says why.",
    "off": "Its vectors are off, so it is searched by words alone; the report says so.",
}


def _libraries(number: int) -> str:
    return "1 library" if number == 1 else f"{number:,} libraries"


def _worst(states: Iterable[str]) -> str:
    """The state of all together: one that is searched by words makes the whole no more than that."""
    found = set(states)
    return next((state for state in ("building", "failed", "off", "ready") if state in found), "")


async def _called(server: Server, tool: str, arguments: Mapping[str, Any]) -> ToolResult | None:
    """Call a tool; None where the server refuses the call as such, as one without that tool does."""
    try:
        return await server.call(tool, arguments)
    except ServerError as error:
        if isinstance(error, ServerLost):
            raise
        return None
