"""Warm, isolated runs against cold `python -m pytest` of the same tests in the same rounds: the ratio is the result.

Run: `python tests/benchmarks/bench_testing_warm.py [ROUNDS [PYTHON]]`. Rounds are interleaved, so that a busy
machine hurts both alike. numpy and pandas are used when PYTHON has them.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click

from understudy_servers.testing.engines.execute import Executor, Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.plan import Plan
from understudy_servers.testing.worker.surroundings import ALL

LIMITS = Limits(wall_s=120.0, cpu_s=120, address_mb=16_384)
BARS = {"one test": 0.25, "numpy and pandas": 0.15, "200 tests": 0.60}


def one(folder: Path) -> None:
    (folder / "test_one.py").write_text("def test_one():\n    assert 1 + 1 == 2\n")


def two_hundred(folder: Path) -> None:
    for number in range(10):
        tests = "".join(f"def test_{n}():\n    assert {n} + 1 == {n + 1}\n\n\n" for n in range(20))
        (folder / f"test_many_{number}.py").write_text(tests)


def science(folder: Path) -> None:
    (folder / "test_science.py").write_text(
        "import numpy as np\nimport pandas as pd\n\n\ndef test_sum():\n    assert np.arange(4).sum() == 6\n\n\n"
        "def test_frame():\n    assert pd.DataFrame({'a': [1, 2]}).a.sum() == 3\n"
    )


def plan_of(folder: Path) -> Plan:
    tests = tuple(sorted(path.name for path in folder.glob("test_*.py")))
    return Plan(files={}, tests=tests, framework="pytest", root=str(folder), extra={"project": True, "writes": False})


def measure(name: str, make: Callable[[Path], None], rounds: int, python: str, preload: tuple[str, ...] = ()) -> None:
    env = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "OPENBLAS_NUM_THREADS": "1"}
    full = Executor(Machine(python=python, preload=preload, limits=LIMITS, plugins=False))
    naked = Executor(
        Machine(
            python=python, preload=preload, limits=LIMITS, policy="weak", plugins=False, switched_off=frozenset(ALL)
        )
    )
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        make(folder)
        folder.chmod(0o755)
        plan = plan_of(folder)
        command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        ways: dict[str, Callable[[], object]] = {
            "cold pytest": lambda: subprocess.run(command, cwd=folder, env=env, check=True, stdout=subprocess.DEVNULL),
            "warm, no layers": lambda: expect_pass(naked, plan),
            "warm, all layers": lambda: expect_pass(full, plan),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        processor: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(rounds + 2):
            for way, action in ways.items():
                started = time.perf_counter()
                answer = action()
                spent = (time.perf_counter() - started) * 1000
                if number >= 2:
                    times[way].append(spent)
                    processor[way] += [answer] if isinstance(answer, float) else []
    full.close()
    naked.close()
    medians = {way: statistics.median(values) for way, values in times.items()}
    click.echo(f"{name} ({rounds} rounds, load {os.getloadavg()[0]:.1f})")
    for way, median in medians.items():
        ratio = median / medians["cold pytest"]
        click.echo(f"  {way:18} median {median:8.1f} ms  min {min(times[way]):8.1f} ms  {ratio:5.2f} of cold")
    pairs = zip(times["warm, all layers"], times["warm, no layers"], strict=True)
    overhead = statistics.median(with_all - without for with_all, without in pairs)
    ratio = medians["warm, all layers"] / medians["cold pytest"]
    calm = calmest(times["warm, all layers"]) - calmest(times["warm, no layers"])
    click.echo(
        f"  ratio {ratio:.2f} (bar {BARS[name]:.2f}); isolation adds {overhead:.1f} ms in the median of pairs, "
        f"{calm:.1f} ms between the calmest quarters (bar 5)"
    )
    without, with_all = (calmest(processor[way]) for way in ("warm, no layers", "warm, all layers"))
    click.echo(f"  processor time of the worker: {without:.1f} ms without layers, {with_all:.1f} ms with all")


def calmest(values: list[float]) -> float:
    """The mean of the fastest quarter: on a busy machine, what is left of waiting for others."""
    fastest = sorted(values)[: max(1, len(values) // 4)]
    return statistics.mean(fastest)


def expect_pass(executor: Executor, plan: Plan) -> float:
    """Run it; return the milliseconds of processor time that the worker took."""
    judgement, raw = executor.run(plan, LIMITS)
    assert judgement.verdict == "passed", (judgement.verdict, judgement.reason)
    return raw.cpu_s * 1000


def main(rounds: int, python: str) -> None:
    measure("one test", one, rounds, python)
    measure("200 tests", two_hundred, rounds, python)
    if subprocess.run([python, "-c", "import numpy, pandas"], capture_output=True).returncode == 0:
        measure("numpy and pandas", science, rounds, python, ("numpy", "pandas"))
    else:
        click.echo(f"numpy and pandas: not installed for {python}, left out")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 25, sys.argv[2] if len(sys.argv) > 2 else sys.executable)
