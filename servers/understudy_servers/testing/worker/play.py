"""What a worker does with its job, once it is locked in: run tests, or be the candidate's side of split mode."""

import sys
from typing import Any

from understudy_servers.testing.worker import bytecode, candidate, plain, pytest_runner
from understudy_servers.testing.worker.events import channel
from understudy_servers.testing.worker.remote import Line, RemoteModules


def play(job: dict[str, Any], events: int, peer: int | None) -> int:
    """Do the job and return the exit status. From here on the candidate's code may run."""
    put = channel(events, job.pop("mark"))
    bytecode.distrust(job["root"])
    sys.path[:] = [*job["path"], *(entry for entry in sys.path if entry)]
    if job.get("role") == "candidate":
        assert peer is not None
        plain.reseed(job["seed"])
        return candidate.serve(peer)
    put("start")
    line = None
    if peer is not None:
        line = Line(peer)
        sys.meta_path.insert(0, RemoteModules(line, job["remote"]))
    runner = pytest_runner.run if job["framework"] == "pytest" else plain.run
    return runner(job, put, lambda: _tell_split(put, line))


def _tell_split(put: Any, line: Line | None) -> None:
    """Say, before the report ends, how far the tests needed more than values."""
    if line is not None:
        put("split", calls=line.calls, soft=list(line.soft), objects=line.objects)
