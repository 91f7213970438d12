"""Many runs in a row: wrong verdicts, memory and descriptors of server and warm interpreter, milliseconds per run.

Run: `python tests/benchmarks/bench_testing_soak.py [RUNS]`. Candidates alternate between right and
wrong, of equal length. The floor that times are compared with is starting a bare interpreter, `python -I -S -c pass`,
in the same rounds.
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

from understudy_servers.testing.engines.execute import Executor, Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import for_workspace
from understudy_servers.testing.workspace import Workspace, address

TESTS = {"test_s.py": "from s import f\n\n\ndef test_f():\n    assert f(1) == 2\n"}
LIMITS = Limits(wall_s=60.0, cpu_s=60)
SAMPLE = 500  # runs between two looks at memory


def held(pid: int) -> tuple[int, int]:
    """Resident memory in KiB and open descriptors of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    resident = int(status.partition("VmRSS:")[2].split()[0])
    return resident, len(os.listdir(f"/proc/{pid}/fd"))


def main(runs: int) -> None:
    workspace = Workspace(address(TESTS, TESTS), TESTS, frozenset(TESTS))
    executor = Executor(Machine(limits=LIMITS))
    wrong, times, floor = 0, [], []
    for number in range(runs):
        right = number % 2 == 0
        plan = for_workspace(workspace, {"s.py": f"def f(x):\n    return x + {1 if right else 2}\n"})
        started = time.perf_counter()
        judgement, _ = executor.run(plan, LIMITS)
        times.append((time.perf_counter() - started) * 1000)
        if judgement.verdict != ("passed" if right else "failed"):
            wrong += 1
            click.echo(f"run {number}: {judgement.verdict} {judgement.reason}")
        if number % 100 == 0:
            started = time.perf_counter()
            subprocess.run([sys.executable, "-I", "-S", "-c", "pass"], check=True)
            floor.append((time.perf_counter() - started) * 1000)
        if number % SAMPLE == 10:
            zygotes = [held(process.pid) for process in executor.pool.processes()]
            click.echo(
                f"after {number:6} runs: server {held(os.getpid())}, warm interpreters {zygotes} (KiB, descriptors)"
            )
    ratio = statistics.median(times) / statistics.median(floor)
    click.echo(
        f"{runs} runs, {wrong} wrong verdicts, median {statistics.median(times):.1f} ms, "
        f"{ratio:.2f} of starting a bare interpreter; load {os.getloadavg()[0]:.1f}"
    )
    executor.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
