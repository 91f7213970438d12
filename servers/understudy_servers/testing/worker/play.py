"""What a worker does with its job, once it is locked in: run tests, or be the candidate's side of split mode."""

import os
import sys
from typing import Any

from understudy_servers.testing.worker import bytecode, candidate, plain, pytest_runner
from understudy_servers.testing.worker.events import channel, short
from understudy_servers.testing.worker.failures import Sources
from understudy_servers.testing.worker.guard import Guard
from understudy_servers.testing.worker.remote import Line, RemoteModules
from understudy_servers.testing.worker.steps import Coverage, Trace


def play(job: dict[str, Any], events: int, peer: int | None) -> int:
    """Do the job and return the exit status. From here on the candidate's code may run."""
    if job.get("command"):
        return _become(job, events)
    put = channel(events, job.pop("mark"))
    bytecode.distrust(job["root"])
    below = [f"{job['root']}/{name}" for name in job.get("sources", ())]
    sys.path[:] = [*job["path"], *below, *(entry for entry in sys.path if entry)]
    if job.get("role") == "candidate":
        assert peer is not None
        plain.reseed(job["seed"])
        return candidate.serve(peer)
    put("start")
    line = None
    if peer is not None:
        line = Line(peer, job["remote"])
        sys.meta_path.insert(0, RemoteModules(line, job["remote"], job.get("kept", ())))
    watch = _watch(job)
    guard = Guard(job["guard"], job["root"], job["set_by_tests"]) if job.get("guard") else None
    runner = pytest_runner.run if job["framework"] == "pytest" else plain.run

    def last() -> None:
        _tell(put, line, watch)
        if guard is not None:
            put("guard", changed=guard.changed(), reached=_reached(job["helper"]))

    return runner(job, put, last)


def _become(job: dict[str, Any], events: int) -> int:
    """Turn into the program that runs tests of another language; it inherits the sandbox and the private channel.

    The mark goes through a pipe that is read once: the environment of a process can be read by those it starts.
    """
    os.set_inheritable(events, True)
    channel_env = {}
    if job["verified"]:
        letter, writer = os.pipe()
        os.write(writer, job["mark"].encode())
        os.close(writer)
        os.set_inheritable(letter, True)
        channel_env = {"UNDERSTUDY_MARK": str(letter), "UNDERSTUDY_EVENTS": str(events)}
    try:
        os.execve(job["command"][0], job["command"], {**os.environ, **channel_env})
    except OSError as error:
        os.write(2, f"{job['command'][0]}: {error.strerror}\n".encode())
        return 127


def _watch(job: dict[str, Any]) -> Coverage | None:
    """Start to watch the candidate's lines where the job asks for that."""
    if job.get("watch") not in {"coverage", "trace"}:
        return None
    sources = Sources(job["root"], job["tests"], job["candidate"])
    watch = Coverage(sources) if job["watch"] == "coverage" else Trace(sources)
    watch.start()
    return watch


def _reached(helper: str) -> list[str]:
    """The tests that came to an assertion which they need not come to."""
    found: set[str] = set()
    for module in list(sys.modules.values()):
        found |= getattr(getattr(module, helper, None), "__dict__", {}).get("reached", set())
    return sorted(short(str(name).removesuffix(" (call)"), 400) for name in found)


def _tell(put: Any, line: Line | None, watch: Coverage | None) -> None:
    """Say, before the report ends, which lines ran and how far the tests needed more than values."""
    if watch is not None:
        watch.stop()
        put("watched", **watch.facts())
    if line is not None:
        doubts, said = line.doubts.final(), list(line.doubts.said)
        put(
            "split",
            asked=line.asked,
            calls=line.calls,
            soft=list(line.soft),
            objects=line.objects,
            doubts=doubts,
            said=said,
        )
