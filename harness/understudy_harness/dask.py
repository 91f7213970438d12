"""Run the rows of a run on a Dask cluster. The only file that knows `distributed`.

Rows travel as text: spelling of the scaffold, specs of the models, id of the sample, hash of the data. No keys and no
code do; a worker finds keys in its own environment, opens the same benchmark by name and refuses when its data differ
or it cannot reach an endpoint. The client alone writes the ledger and leases the budget. A limit of an endpoint holds
for the cluster, by a semaphore of the scheduler. A worker that dies costs nothing but its rows in flight.
"""

import json
import logging
import os
import re
import socket
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import anyio
import anyio.to_thread
from anyio.abc import TaskStatus
from anyio.from_thread import BlockingPortal
from distributed import Client, Semaphore, get_worker

from understudy.budget import Budget
from understudy.model import Completion, Model, Request
from understudy.models import open_models
from understudy_harness.arms import Arm, read_scaffold
from understudy_harness.cache import RowCache, completion_from, completion_record
from understudy_harness.documentation import ready_indexes
from understudy_harness.doors import open_doors, rows_in_flight
from understudy_harness.errors import EndpointDown, HarnessError, LedgerError, Missing, SettingsError, Stopped
from understudy_harness.ledger import row_from, row_record
from understudy_harness.progress import REFRESH_S, Progress
from understudy_harness.row import Doors, Outcome, Work, run_row
from understudy_harness.run import Finished, Models, Purse, Recorder, execute
from understudy_harness.sample import Sample, dataset_hash
from understudy_harness.settings import Cell, Loaded, Settings, load

CONNECT_S = 10.0


async def execute_on_dask(
    settings: Settings, address: str, progress: Progress | None = None, *, secrets: tuple[str, ...] = ()
) -> Finished:
    """Do the rows that are missing, on the workers of a cluster.

    Raises:
        HarnessError: Its message says in a sentence what stopped the run; the ledger is sound.
    """
    return await execute(settings, progress, secrets=secrets, engine=partial(_with_cluster, address))


async def _with_cluster(
    address: str,
    settings: Settings,
    cells: tuple[Loaded, ...],
    queues: Mapping[Models, deque[Work]],
    recorder: Recorder,
) -> None:
    if not re.fullmatch(r"(?:inproc|ucx|ws|wss)://\S+|(?:\w+://)?[^\s/]+:\d+/?", address):
        raise SettingsError(f"--dask {address!r} is no address of a scheduler. Write --dask tcp://HOST:PORT.")
    try:
        client = await Client(address, asynchronous=True, timeout=CONNECT_S)
    except ValueError as error:
        raise SettingsError(f"--dask {address!r} is no scheduler's address ({error}). Write tcp://HOST:PORT.") from None
    except (OSError, TimeoutError) as error:
        raise Missing(f"No Dask scheduler answers at {address} ({error}). Start one with `dask scheduler`.") from None
    try:
        await Foreman(client, settings, cells, recorder).work(queues)
    finally:
        await client.close()


class Foreman:
    """Hands rows to workers, and takes what they bring."""

    def __init__(self, client: Any, settings: Settings, cells: tuple[Loaded, ...], recorder: Recorder) -> None:
        self._client, self._settings, self._recorder = client, settings, recorder
        self._data = {loaded.cell.benchmark: loaded.dataset for loaded in cells}
        for loaded in cells:
            for name, (_, samples) in loaded.others.items():
                self._data[name] = dataset_hash(samples.values())
        self._refused: dict[str, str] = {}
        self._fatal: list[HarnessError] = []
        self._purse = Purse(
            most_usd=settings.most_usd, lease_usd=settings.row_budget.usd or 0.0, spent=recorder.ledger.usd
        )

    async def work(self, queues: Mapping[Models, deque[Work]]) -> None:
        """Work until every queue is empty.

        Raises:
            HarnessError: What ended it early.
        """
        threads = sum((await self._client.nthreads()).values())
        if not threads:
            raise Missing("The Dask scheduler has no workers. Start some with `dask worker`.")
        with self._recorder.progress.shown():
            async with anyio.create_task_group() as outer:
                outer.start_soon(self._upkeep)
                async with (
                    open_models({spec: spec for specs in queues for spec in specs}) as models,
                    anyio.create_task_group() as group,
                ):
                    limits = {spec: rows_in_flight([models[spec]], self._settings.concurrency) for spec in models}
                    for specs, queue in queues.items():
                        most = max(limits[spec] for spec in specs) * _places(models, specs, threads)
                        for _ in range(min(len(queue), most)):
                            group.start_soon(self._lane, queue, queues, limits, group.cancel_scope)
                outer.cancel_scope.cancel()
        if self._fatal:
            raise self._fatal[0]

    async def _lane(
        self,
        queue: deque[Work],
        queues: Mapping[Models, deque[Work]],
        limits: Mapping[str, int],
        scope: anyio.CancelScope,
    ) -> None:
        try:
            while queue:
                self._purse.lease()
                work = queue.popleft()
                is_new = work.key not in self._recorder.failed
                await self._one(work, limits)
                if is_new and work.key in self._recorder.failed:
                    queue.append(work)
        except Stopped as error:
            self._fatal.append(error)
            for waiting in queues.values():
                waiting.clear()
        except HarnessError as error:
            self._fatal.append(error)
            scope.cancel()

    async def _one(self, work: Work, limits: Mapping[str, int]) -> None:
        recorder = self._recorder
        recorder.progress.begun(work.arm.id)
        cache = recorder.store.of(work.key)
        cache.begin("row")  # its calls are the worker's business; a row in flight is what a kill can cost
        answer = await self._asked(json.dumps(self._task(work, cache, limits)))
        for key, record in answer["completions"].items():
            cache.put(key, completion_from(record))
        if answer["index"] is not None:
            cache.learn(answer["index"])
        outcome = Outcome(
            key=work.key,
            row=None if answer["row"] is None else replace(row_from(answer["row"]), replayed=answer["replayed"]),
            error=answer["error"],
            events=answer["events"],
            usd=answer["usd"],
        )
        self._purse.settle(outcome.usd)
        recorder.keep(work, outcome, cache)

    async def _asked(self, task: str) -> dict[str, Any]:
        """Have a worker run a row; one that refuses is asked no more."""
        while True:
            workers = [name for name in await self._client.nthreads() if name not in self._refused]
            if not workers:
                why = next(iter(self._refused.values()), "none is left")
                raise EndpointDown(f"No Dask worker can run the rows: {why}")
            chosen = workers if self._refused else None
            future = self._client.submit(remote_row, task, pure=False, workers=chosen)
            try:
                answer = json.loads(await future)
            except HarnessError:
                raise
            except Exception as error:  # whatever Dask raises for a task whose workers died again and again
                raise EndpointDown(f"A row could not be run on the cluster: {type(error).__name__}: {error}") from None
            if "refused" not in answer:
                assert isinstance(answer, dict)
                return answer
            self._refused[answer["worker"]] = f"{answer['worker']}: {answer['refused']}"

    def _task(self, work: Work, cache: RowCache, limits: Mapping[str, int]) -> dict[str, Any]:
        settings = self._settings
        return {
            "arm": work.arm.described(),
            "sample": work.sample.id,
            "epoch": work.epoch,
            "split": settings.split,
            "data": {name: self._data[name] for name in {work.arm.benchmark, work.arm.samples_of}},
            "budget": {name: cap for name, cap in vars(settings.row_budget).items() if cap is not None},
            "servers": dict(settings.servers),
            "docs_wait_s": settings.docs_wait_s,
            "limits": {spec: limits[spec] for spec in work.arm.models.values()},
            "kept": cache.records(),
        }

    async def _upkeep(self) -> None:
        while True:
            await anyio.sleep(REFRESH_S)
            self._recorder.progress.tick()
            self._recorder.store.sync()
            self._recorder.ledger.sync()


def _places(models: Mapping[str, Model], specs: Iterable[str], threads: int) -> int:
    """In-process models stand once on every worker; an endpoint stands once for all."""
    return 1 if any(_address(models[spec]) for spec in specs) else threads


# ---- on a worker ----------------------------------------------------------------------------------------------------


def remote_row(task: str) -> str:
    """Run one row on this worker. Called by Dask with text and gives text back."""
    asked = json.loads(task)
    worker = get_worker().address
    try:
        answer = Station.here().run(asked)
    except (HarnessError, LedgerError) as refusal:
        answer = {"refused": str(refusal)}
    return json.dumps({**answer, "worker": worker})


class Station:
    """What one worker holds open for a run: one thread, one loop, one owner of models and servers."""

    _lock = threading.Lock()
    _only: "Station | None" = None

    @classmethod
    def here(cls) -> "Station":
        """The station of this process."""
        with cls._lock:
            if cls._only is None:
                cls._only = Station()
            return cls._only

    def __init__(self) -> None:
        self._portal: BlockingPortal
        self._serving = threading.Event()
        # A daemon, since Dask ends a worker's process without asking; servers notice that their pipe has closed.
        threading.Thread(target=anyio.run, args=(self._serve,), daemon=True, name="understudy station").start()
        self._serving.wait()
        self._opening = threading.Lock()
        self._cells: dict[str, tuple[Loaded, Doors, dict[str, Any] | None]] = {}
        self._gates: dict[str, Any] = {}

    async def _serve(self) -> None:
        async with BlockingPortal() as self._portal:
            self._serving.set()
            await anyio.sleep_forever()

    def run(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Run one row.

        Raises:
            HarnessError: This worker cannot: other data, no key, an endpoint out of reach.
        """
        arm = _arm_from(asked["arm"])
        loaded, doors, index = self._opened(asked, arm)
        benchmark, sample = loaded.source(arm, _sample(loaded, asked["sample"]))
        work = Work(
            arm=arm, scaffold=read_scaffold(arm.scaffold), sample=sample, epoch=asked["epoch"], benchmark=benchmark
        )
        cache = _Kept(asked["kept"])
        outcome = self._portal.call(run_row, work, replace(doors, budget=Budget(**asked["budget"])), cache)
        return {
            "row": None if outcome.row is None else row_record(outcome.row, ""),
            "error": outcome.error,
            "events": outcome.events,
            "usd": outcome.usd,
            "replayed": cache.replayed,
            "index": index,
            "completions": {key: completion_record(value) for key, value in cache.fresh.items()},
        }

    def _opened(self, asked: Mapping[str, Any], arm: Arm) -> tuple[Loaded, Doors, dict[str, Any] | None]:
        """The samples, doors and documentation index of an arm, opened once; rows that come meanwhile wait."""
        models = sorted(arm.models.values())
        name = json.dumps([asked["data"], asked["split"], asked["servers"], arm.scaffold, models], sort_keys=True)
        with self._opening:
            if name not in self._cells:
                self._cells[name] = self._open(asked, arm)
            return self._cells[name]

    def _open(self, asked: Mapping[str, Any], arm: Arm) -> tuple[Loaded, Doors, dict[str, Any] | None]:
        cell = Cell(benchmark=arm.benchmark, arms=(arm,))
        settings = Settings(
            out=Path(os.devnull),
            cells=(cell,),
            split=asked["split"],
            servers=asked["servers"],
            docs_wait_s=asked["docs_wait_s"],
        )
        (loaded,) = load(settings)
        have = {arm.benchmark: loaded.dataset}
        have |= {name: dataset_hash(samples.values()) for name, (_, samples) in loaded.others.items()}
        for name, wanted in asked["data"].items():
            if have.get(name) != wanted:
                raise LedgerError(f"its data of {name} are others ({str(have.get(name))[:12]}, not {wanted[:12]}).")
        _, doors = self._portal.start_task(self._own, settings, (loaded,))
        for model in doors.models.values():
            _reachable(model)
        gated = {
            spec: Gated(model, self._gate(spec, model, asked["limits"].get(spec, 1)))
            for spec, model in doors.models.items()
        }
        indexes = self._portal.call(self._indexed, settings, loaded, doors)
        return loaded, replace(doors, models=gated), indexes.get(arm.id)

    async def _indexed(self, settings: Settings, loaded: Loaded, doors: Doors) -> dict[str, dict[str, Any]]:
        """Wait for this worker's docs server; what it says goes to the worker's log."""
        (arm,) = loaded.cell.arms
        say = logging.getLogger(__name__).info
        return await ready_indexes(settings, (loaded,), {arm.benchmark: doors}, say, arms={arm.id})

    async def _own(self, settings: Settings, cells: tuple[Loaded, ...], *, task_status: TaskStatus[Doors]) -> None:
        """Open the doors in a task of their own, which owns them until the process ends."""
        async with open_doors(settings, cells) as opened:
            task_status.started(opened.doors[cells[0].cell.benchmark])
            await anyio.sleep_forever()

    def _gate(self, spec: str, model: Model, limit: int) -> Any:
        """One semaphore per address for the whole cluster; none for a model inside this process."""
        address = _address(model)
        if address is None:
            return None
        if address not in self._gates:
            self._gates[address] = Semaphore(max_leases=limit, name=f"understudy {address}")
        return self._gates[address]


class Gated:
    """A model whose calls wait for a lease of the cluster's semaphore."""

    def __init__(self, model: Model, gate: Any) -> None:
        self._model, self._gate = model, gate

    @property
    def name(self) -> str:
        """The model's spec."""
        return self._model.name

    async def generate(self, request: Request) -> Completion:
        """Draw one completion, once a lease is there."""
        if self._gate is None:
            return await self._model.generate(request)
        await anyio.to_thread.run_sync(self._gate.acquire)
        try:
            return await self._model.generate(request)
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._gate.release)


class _Kept:
    """The completions of one row on a worker: those that the client has, and new ones to bring home."""

    def __init__(self, records: Mapping[str, Any]) -> None:
        self._records = records
        self.fresh: dict[str, Completion] = {}
        self.replayed = 0

    def get(self, key: str) -> Completion | None:
        if key in self._records:
            self.replayed += 1
            return completion_from(self._records[key])
        return self.fresh.get(key)

    def put(self, key: str, completion: Completion) -> None:
        self.fresh[key] = completion


def _arm_from(described: Mapping[str, Any]) -> Arm:
    fields = ("kind", "label", "scaffold", "fingerprint", "models", "benchmark", "samples_of", "seed")
    return Arm(**{name: described[name] for name in fields})


def _sample(loaded: Loaded, wanted: str) -> Sample:
    found = next((sample for sample in loaded.samples if sample.id == wanted), None)
    if found is None:
        raise LedgerError(f"it has no sample {wanted!r} of {loaded.cell.benchmark}.")
    return found


def _address(model: Model) -> str | None:
    return getattr(getattr(model, "endpoint", None), "where", None)


def _reachable(model: Model) -> None:
    """Open a connection to the model's address and close it: nothing is asked, nothing is paid."""
    address = _address(model)
    if address is None:
        return
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=CONNECT_S).close()
    except OSError as error:
        raise EndpointDown(f"it cannot reach {address} ({error.strerror or error}).") from None
