"""What a worker does with its job, once it is locked in: run tests, serve the candidate in split mode, or trace."""

import sys
from typing import Any

from understudy_servers.testing.worker import bytecode, plain, pytest_runner
from understudy_servers.testing.worker.events import channel


def play(job: dict[str, Any], events: int, peer: int | None) -> int:
    """Do the job and return the exit status. From here on the candidate's code may run."""
    put = channel(events, job.pop("mark"))
    put("start")
    bytecode.distrust(job["root"])
    sys.path[:] = [*job["path"], *(entry for entry in sys.path if entry)]
    runner = pytest_runner.run if job["framework"] == "pytest" else plain.run
    return runner(job, put)
