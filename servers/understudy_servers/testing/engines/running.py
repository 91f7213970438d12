"""Run one job in a fork of the zygote: feed it, watch it, and bring back what it said. Blocking; used from threads."""

import contextlib
import json
import os
import select
import signal
import tempfile
import threading
import time
from typing import IO, Any

from understudy_servers.testing.engines import memory
from understudy_servers.testing.engines.raw import FLOOD, Raw
from understudy_servers.testing.engines.warm import START_S
from understudy_servers.testing.engines.zygote import Zygote
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.worker.frames import frame

LOOK_S = 0.01  # how often the memory of a run is looked at
END_S = 2.0  # how long the end of a killed run is waited for
LINGER_S = 0.5  # how long pipes may stay open after the worker is gone
CHUNK = 1 << 16
WAKE = select.POLLIN | select.POLLHUP


class Run:
    """One run from fork to end. `start`, then `finish`; split mode starts two and finishes both."""

    def __init__(
        self,
        zygote: Zygote,
        job: dict[str, Any],
        limits: Limits,
        *,
        peer: int | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Start it. A job that is `spare` is only the beginning of one: the rest is given later."""
        self.limits, self.raw, self.stop = limits, Raw(), stop
        self.started = time.monotonic()
        self.pid, self.handle = -1, -1
        self._status, self._overflowed = bytearray(), False
        letter, self.orders = _letter(job)
        with letter:
            pipes = [os.pipe() for _ in range(3)]
            self.events, self.output, self.status = (pair[0] for pair in pipes)
            theirs = [letter.fileno(), *(pair[1] for pair in pipes), *([] if peer is None else [peer])]
            self.slot = zygote.scope.take(limits) if zygote.scope is not None else None
            try:
                self.pid, self.handle = zygote.fork(theirs, job.get("ahead", ()), self.slot)
            except BaseException:
                self._close()
                raise
            finally:
                for pair in pipes:
                    os.close(pair[1])
        self.open = {self.events, self.output, self.status}

    def give(self, job: dict[str, Any], limits: Limits, stop: threading.Event | None) -> None:
        """Hand the job to a run that was started ahead of it; the clock starts when it is warm."""
        self.limits, self.stop, self.raw.mode = limits, stop, "spare"
        watch, deadline = select.poll(), time.monotonic() + START_S
        watch.register(self.status, WAKE)
        while b'"warm"' not in self._status and (left := deadline - time.monotonic()) > 0:
            if watch.poll(left * 1000) and not self.read(self.status):
                break  # it is gone
        self.started = time.monotonic()
        if self.slot is not None:
            with contextlib.suppress(OSError):
                self.slot.hold(limits)
        assert self.orders is not None
        with contextlib.suppress(OSError), open(self.orders, "wb") as stream:  # one that is gone will be seen to be
            self.orders = None
            stream.write(frame(job))

    def finish(self, *others: "Run") -> Raw:
        """Wait for the end or for a limit; `others` are runs that end with this one. Return what this one left."""
        runs = [self, *others]
        owner = {descriptor: run for run in runs for descriptor in run.open}
        poll = select.poll()
        for descriptor in owner:
            poll.register(descriptor, WAKE)
        next_look, gone = self.started + LOOK_S, None
        while self.open:
            now = time.monotonic()
            gone = now if gone is None and self.status not in self.open else gone
            if gone is not None and now - gone > LINGER_S:
                break
            if now >= next_look:
                next_look = now + LOOK_S
                self.raw.stopped = next((word for run in runs if (word := run.over(now))), None)
                if self.raw.stopped:
                    break
            for descriptor, _ in poll.poll(LOOK_S * 1000):
                if not owner[descriptor].read(descriptor):
                    poll.unregister(descriptor)
        for run in runs:
            run.end()
        if self.raw.stopped is None and any(run._overflowed for run in runs):
            self.raw.stopped = "memory"
        return self.raw

    def read(self, descriptor: int) -> bool:
        data = os.read(descriptor, CHUNK)
        if not data:
            self.open.discard(descriptor)
        elif descriptor == self.events:
            self.raw.events += data
        elif descriptor == self.status:
            self._status += data
        else:
            room = max(0, self.limits.output_kb * 1024 - len(self.raw.output))
            self.raw.output += data[:room]
            self.raw.output_cut += len(data) - min(room, len(data))
        return bool(data)

    def over(self, now: float) -> str | None:
        limits = self.limits
        if self.stop is not None and self.stop.is_set():
            return "cancelled"
        if now - self.started > limits.wall_s:
            return "wall"
        if len(self.raw.events) > limits.events_kb * 1024:
            return "report_flood"
        if self.raw.output_cut > FLOOD * limits.output_kb * 1024:
            return "output_flood"
        return "memory" if memory.exceeds(self.pid, limits.memory_mb << 20) else None

    @property
    def waits(self) -> bool:
        """Whether it is still there: the handle of a process that has ended can be read."""
        watch = select.poll()
        watch.register(self.handle, WAKE)
        return not watch.poll(0)

    def end(self) -> None:
        self._kill()
        self.raw.seconds = time.monotonic() - self.started
        self._understand_status()
        self._close()

    def _kill(self) -> None:
        """End the run and everything it started, and wait until it is gone: the monitor leaves as the last one."""
        if self.status in self.open:
            self._signal(signal.SIGTERM)
        if self._gone(END_S):
            return
        if self.slot is not None:
            self.slot.kill()
        for pid in reversed(memory.tree(self.pid)):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._gone(END_S)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.handle, number)

    def _gone(self, seconds: float) -> bool:
        """Wait for the end of the monitor, reading what process 1 still has to say."""
        deadline = time.monotonic() + seconds
        watch = select.poll()
        watch.register(self.handle, WAKE)
        watch.register(self.status, WAKE)
        while (left := deadline - time.monotonic()) > 0:
            for descriptor, _ in watch.poll(left * 1000):
                if descriptor == self.handle:
                    return True
                if not self.read(descriptor):
                    watch.unregister(descriptor)
        return False

    def _understand_status(self) -> None:
        for line in bytes(self._status).splitlines():
            facts = json.loads(line)
            self.raw.ready = self.raw.ready or facts.get("ready", False)
            self.raw.missing.update(facts.get("missing", {}))
            self.raw.status = facts.get("status", self.raw.status)
            self.raw.cpu_s = facts.get("cpu_s", self.raw.cpu_s)
            if "broken" in facts:
                self.raw.broken = facts["broken"]
            if "lost" in facts:
                self.raw.broken = f"a layer that was there before is missing: {facts['lost']}"

    def _close(self) -> None:
        for descriptor in (self.events, self.output, self.status, self.handle, self.orders):
            if descriptor is not None and descriptor >= 0:
                os.close(descriptor)
        if self.slot is not None:
            self._overflowed = self.slot.overflowed
            self.slot.leave()


def _letter(job: dict[str, Any]) -> tuple[IO[bytes], int | None]:
    """A file that holds the job, or a pipe that more can be written to where this is only its beginning."""
    if job.get("spare"):
        theirs, ours = os.pipe()
        os.write(ours, frame(job))
        return open(theirs, "rb", buffering=0), ours
    # In no pipe's buffer, where a large job would wait for its reader.
    letter = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    letter.write(frame(job))
    letter.flush()
    letter.seek(0)
    return letter, None
