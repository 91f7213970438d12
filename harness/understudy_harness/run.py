"""Run every row that a ledger lacks: interleaved arms, limits per endpoint, and nothing acknowledged twice.

A run is its folder. Running the same settings on it again does what is missing and nothing else, whatever ended the
earlier process.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import anyio

from understudy_harness import provenance
from understudy_harness.arms import Arm
from understudy_harness.cache import COMPLETIONS, CompletionStore, RowCache
from understudy_harness.documentation import readers, ready_indexes
from understudy_harness.doors import Opened, open_doors, rows_in_flight
from understudy_harness.errors import EndpointDown, HarnessError, LedgerError, SettingsError, Stopped
from understudy_harness.indexes import same_index, wording_of
from understudy_harness.journal import Damage
from understudy_harness.ledger import LEDGER, Ledger, Row, RowKey
from understudy_harness.progress import REFRESH_S, Progress
from understudy_harness.row import Outcome, Work, run_row
from understudy_harness.settings import Loaded, Settings, load, plan_work

SYNC_EVERY_BEATS = 2
GIVE_UP_AFTER = 6  # attempts of one arm in a row that gave no answer

Models = tuple[str, ...]
"""The specs that an arm uses; arms that use the same ones share workers."""

Engine = Callable[[Settings, tuple[Loaded, ...], Mapping[Models, deque[Work]], "Recorder"], Awaitable[None]]
"""Works queues of rows off and gives what they bring to the recorder."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a run ended."""

    rows: int
    """In the ledger now."""
    fresh: int
    """Of them, rows of this process."""
    errors: int
    usd: float
    damage: Mapping[str, tuple[Damage, ...]]
    """File -> its lines of an earlier process that were not used."""


class Recorder:
    """Writes what rows bring, and knows when going on is pointless."""

    def __init__(self, ledger: Ledger, store: CompletionStore, header: str, progress: Progress) -> None:
        self.ledger, self.store, self.progress = ledger, store, progress
        self.fresh = 0
        self.failed: set[RowKey] = set()
        """Rows that gave no answer in this process, and have not been made good."""
        self.last_error = ""
        self.usd = 0.0
        self._header = header
        self._failing: dict[str, int] = {}

    def keep(self, work: Work, outcome: Outcome, cache: RowCache) -> None:
        """Write a row or an error.

        Raises:
            EndpointDown: The same failure has come too often to go on.
        """
        self.usd += outcome.usd
        failed_before = len(self.failed)
        if outcome.row is not None:
            row = _timed(outcome.row, cache)
            self.note_index(work.arm, cache.facts.values())
            if cache.facts or cache.replayed:
                facts = tuple(sorted(self.ledger.facts(content) for content in cache.facts.values()))
                row = replace(row, facts=facts, replayed=row.replayed or cache.replayed)
            self.ledger.write(row, self._header, outcome.events)
            self.fresh += 1
            self.failed.discard(work.key)
            self._failing.pop(work.arm.id, None)
        else:
            assert outcome.error is not None
            self.ledger.write_error(outcome.key, self._header, outcome.error, outcome.events)
            self.failed.add(work.key)
            self.last_error = str(outcome.error["message"])
        cache.ended(in_ledger=outcome.row is not None)
        self.progress.ended(work.arm.id, usd=outcome.usd, error=outcome.row is None)
        lane = self.progress.lanes[work.arm.id]
        lane.errors += len(self.failed) - failed_before
        if outcome.error is not None:
            self._count(work, outcome.error)

    def note_index(self, arm: Arm, contents: Iterable[Mapping[str, Any]]) -> None:
        """Say so when an arm's documentation is no longer the one that its earlier rows were answered from."""
        for content in contents:
            if "server" not in content:
                continue
            index, before = content["facts"], self.ledger.indexes.get(arm.id)
            self.ledger.indexes[arm.id] = index
            if before is not None and not same_index(before, index):
                self.progress.say(
                    f"{arm.label} on {arm.benchmark}: the documentation's index was {wording_of(before)} for earlier "
                    f"rows and is {wording_of(index)} now. The ledger keeps which row had which, and the report says "
                    "so; choose another --out for rows of one index only."
                )

    def _count(self, work: Work, error: Mapping[str, Any]) -> None:
        self._failing[work.arm.id] = self._failing.get(work.arm.id, 0) + 1
        if self._failing[work.arm.id] >= GIVE_UP_AFTER:
            raise EndpointDown(
                f"{work.arm.label} failed {GIVE_UP_AFTER} times without an answer: {error['message']} "
                "The ledger keeps what was done; run the same command again to go on."
            )


@dataclass(kw_only=True)
class Purse:
    """What a whole run may still spend: every row leases its own cap before it begins."""

    most_usd: float | None
    lease_usd: float
    spent: float = 0.0
    leased: float = field(default=0.0)

    def lease(self) -> None:
        """Set a row's cap aside.

        Raises:
            Stopped: It does not fit any more.
        """
        if self.most_usd is not None and self.spent + self.leased + self.lease_usd > self.most_usd + 1e-12:
            raise Stopped(
                f"The run's budget of ${self.most_usd:g} is used up: ${self.spent:.4f} spent, and a row may need "
                f"${self.lease_usd:g}. Raise --most-usd and run the same command again to go on."
            )
        self.leased += self.lease_usd

    def settle(self, usd: float) -> None:
        """Take what a row did cost, and give the rest of its lease back."""
        self.leased -= self.lease_usd
        self.spent += usd


async def execute(
    settings: Settings,
    progress: Progress | None = None,
    *,
    secrets: tuple[str, ...] = (),
    engine: Engine | None = None,
) -> Finished:
    """Do the rows that are missing in `settings.out`.

    Args:
        settings: What to run, and where its folder is.
        progress: Where progress is shown.
        secrets: Texts that must not reach any file.
        engine: What works the queues off; this process by default.

    Raises:
        HarnessError: Its message says in a sentence what stopped the run; the ledger is sound.
    """
    cells = load(settings)
    if settings.most_usd is not None and settings.row_budget.usd is None:
        raise SettingsError("--most-usd needs --row-usd: rows in flight are stopped before the run's cap, not after.")
    with Ledger(settings.out, secrets=secrets) as ledger:
        check_same_run(ledger, cells)
        had = bool(ledger.done)
        with CompletionStore(settings.out, done=ledger.done, secrets=secrets) as store:
            if had or store.in_flight:
                ledger.resumed(store.in_flight)
            header = ledger.header(provenance.header(settings, cells))
            recorder = Recorder(ledger, store, header, progress or Progress())
            queues = missing(settings, cells, recorder)
            if queues:
                await (engine or _here)(settings, cells, queues, recorder)
            if recorder.failed and not ledger.done:
                raise EndpointDown(f"Every row failed, so there is nothing to report: {recorder.last_error}")
            return Finished(
                rows=len(ledger.done),
                fresh=recorder.fresh,
                errors=len(recorder.failed),
                usd=recorder.usd,
                damage={LEDGER: tuple(ledger.damage), COMPLETIONS: tuple(store.damage)},
            )


async def _here(
    settings: Settings, cells: tuple[Loaded, ...], queues: Mapping[Models, deque[Work]], recorder: Recorder
) -> None:
    """Work the queues off in this process."""
    async with open_doors(settings, cells) as opened:
        with recorder.progress.shown():
            await Crew(queues, opened, settings, recorder, cells).work()


def missing(settings: Settings, cells: tuple[Loaded, ...], recorder: Recorder) -> dict[Models, deque[Work]]:
    """Queue the rows that the ledger lacks by the models that they use, and open a lane of progress for every arm."""
    queues: dict[Models, deque[Work]] = {}
    lanes = recorder.progress.lanes
    for work in plan_work(cells, settings):
        arm = work.arm
        if arm.id not in lanes:
            recorder.progress.lane(arm.id, f"{arm.benchmark}  {arm.label}" if len(cells) > 1 else arm.label)
        lanes[arm.id].total += 1
        if work.key in recorder.ledger.done:
            lanes[arm.id].done += 1
        else:
            queues.setdefault(tuple(sorted(set(arm.models.values()))), deque()).append(work)
    return queues


class Crew:
    """The workers of a run: each queue of rows has as many as its models bear."""

    def __init__(
        self,
        queues: Mapping[Models, deque[Work]],
        opened: Opened,
        settings: Settings,
        recorder: Recorder,
        cells: tuple[Loaded, ...],
    ) -> None:
        self._queues, self._opened, self._settings, self._recorder = queues, opened, settings, recorder
        self._cells, self._readers = cells, readers(settings, cells)
        self._waiting = {work.arm.id: work.arm for queue in queues.values() for work in queue}
        self._indexes: dict[str, dict[str, Any]] = {}
        self._indexed = anyio.Event()
        self._no_index: HarnessError | None = None
        self._purse = Purse(
            most_usd=settings.most_usd, lease_usd=settings.row_budget.usd or 0.0, spent=recorder.ledger.usd
        )
        self._fatal: list[HarnessError] = []

    async def work(self) -> None:
        """Work until every queue is empty.

        Raises:
            HarnessError: What ended it early.
        """
        async with anyio.create_task_group() as outer:
            outer.start_soon(self._upkeep)
            async with anyio.create_task_group() as workers:
                workers.start_soon(self._index)
                for specs, queue in self._queues.items():
                    models = [self._opened.models[spec] for spec in specs]
                    for _ in range(min(len(queue), rows_in_flight(models, self._settings.concurrency))):
                        workers.start_soon(self._worker, queue, workers.cancel_scope)
            outer.cancel_scope.cancel()
        if self._fatal:
            raise self._fatal[0]

    async def _worker(self, queue: deque[Work], scope: anyio.CancelScope) -> None:
        try:
            while queue:
                self._purse.lease()
                work = queue.popleft()
                is_new = work.key not in self._recorder.failed
                await self._one(work)
                if is_new and work.key in self._recorder.failed:
                    queue.append(work)  # once more at the end: what failed it may have passed by then
        except Stopped as error:  # rows in flight were paid for: let them end
            self._fatal.append(error)
            for waiting in self._queues.values():
                waiting.clear()
        except HarnessError as error:
            self._fatal.append(error)
            scope.cancel()

    async def _index(self) -> None:
        """Wait for the docs servers beside the rows that need none."""
        waiting = self._waiting
        say = self._recorder.progress.say
        try:
            self._indexes = await ready_indexes(
                self._settings, self._cells, self._opened.doors, say, arms=waiting.keys() & self._readers
            )
        except HarnessError as error:
            self._no_index = error
        for arm, index in self._indexes.items():
            self._recorder.note_index(waiting[arm], [index])
        self._indexed.set()

    async def _one(self, work: Work) -> None:
        recorder = self._recorder
        if work.arm.id in self._readers:
            await self._indexed.wait()
            if self._no_index is not None:
                raise self._no_index
        recorder.progress.begun(work.arm.id)
        cache = recorder.store.of(work.key)
        if work.arm.id in self._indexes:
            cache.learn(self._indexes[work.arm.id])
        outcome = await run_row(work, self._opened.doors[work.arm.benchmark], cache)
        self._purse.settle(outcome.usd)
        recorder.keep(work, outcome, cache)

    async def _upkeep(self) -> None:
        """Keep the screen up to date and the files synced."""
        for beat in count(1):
            await anyio.sleep(REFRESH_S)
            self._recorder.progress.tick()
            if beat % SYNC_EVERY_BEATS == 0:
                self._recorder.store.sync()
                self._recorder.ledger.sync()


def _timed(row: Row, cache: RowCache) -> Row:
    """Take the servers' own seconds where all calls of a row's only model have them: they hold no waiting, and a call
    that was answered from the cache keeps its own."""
    if not cache.timed_calls or len(row.spend) != 1:
        return row
    ((role, part),) = row.spend.items()
    if part.calls != cache.timed_calls:
        return row
    return replace(row, spend={role: replace(part, seconds=round(cache.worked_s, 4))})


def check_same_run(ledger: Ledger, cells: tuple[Loaded, ...]) -> None:
    """Refuse to mix data: the folder's rows must come from the same samples.

    Raises:
        LedgerError: A benchmark of the same name had other data.
    """
    before = {b["name"]: b["dataset"] for header in ledger.headers for b in header.get("benchmarks", ())}
    for loaded in cells:
        known = before.get(loaded.cell.benchmark, loaded.dataset)
        if known != loaded.dataset:
            raise LedgerError(
                f"{ledger.folder} holds rows of {loaded.cell.benchmark} with other data ({known[:12]}, now "
                f"{loaded.dataset[:12]}). Choose another --out, or bring the old data back."
            )
