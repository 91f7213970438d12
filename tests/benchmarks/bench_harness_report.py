"""Time, memory and size of a report over a million rows, beside merely parsing the same ledger as JSON.

The ledger is synthetic: five arms, ten epochs, 20,000 samples in 400 clusters, each row with a transcript. Run:
python tests/benchmarks/bench_harness_report.py [SAMPLES]
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from understudy_harness.arms import Arm, build_arms
from understudy_harness.ledger import LEDGER, Ledger, Row, Spend

EPOCHS = 10
CHANCES = {"L": 0.42, "C": 0.8, "S": 0.63, "CS": 0.86, "control": 0.43}
PRICES = {"L": 0.0004, "C": 0.021, "S": 0.0011, "CS": 0.04, "control": 0.0008}
REPORT = """
import resource, sys, time
from pathlib import Path
began = time.perf_counter()
from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.report.page import write_page
page = write_page(analyze(read_columns(Path(sys.argv[1]))))
megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{time.perf_counter() - began:.1f} {time.process_time():.1f} {megabytes:.0f} {page.stat().st_size / 1e6:.2f}")
"""


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from what it is about."""
    return int.from_bytes(hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=4).digest(), "big") / 2**32


def write_run(
    folder: Path, samples: int, *, epochs: int = EPOCHS, models: tuple[str, str] = ("http://a/v1#a", "http://b/v1#b")
) -> int:
    """Write a synthetic run; return its rows."""
    arms = build_arms(
        benchmark="synthetic",
        local=models[0],
        cloud=models[1],
        scaffolds=["Retry(Direct())"],
        controls=["Direct(temperature=0.8)"],
    )
    header = {
        "arms": [arm.described() for arm in arms],
        "benchmarks": [
            {
                "name": "synthetic",
                "dataset": "0" * 64,
                "samples": samples,
                "statement": {"check": "examples", "grade": "hidden tests", "cluster": "the template", "reply": "code"},
            }
        ],
        "epochs": epochs,
        "split": "all",
    }
    rows = 0
    with Ledger(folder) as ledger:
        name = ledger.header(header)
        for sample in range(samples):
            for epoch in range(epochs):
                for arm in arms:
                    ledger.write(row_of(arm, sample, epoch), name, transcript_of(arm, sample))
                    rows += 1
    return rows


def row_of(arm: Arm, sample: int, epoch: int) -> Row:
    """A plausible row: samples and clusters differ in ease, arms in skill."""
    cluster = sample % 400
    ease = 0.5 * chance("cluster", cluster) + 0.5 * chance("sample", sample)
    right = chance(arm.kind, sample, epoch) < CHANCES[arm.kind] + 0.7 * (ease - 0.5)
    calls = 1 + int(3 * chance("calls", arm.kind, sample)) if arm.kind in ("S", "CS") else 1
    return Row(
        arm=arm.id,
        benchmark="synthetic",
        sample=f"sample-{sample:06d}",
        epoch=epoch,
        cluster=f"template-{cluster:03d}",
        score=float(right),
        grade="right" if right else "wrong",
        accepted=right or chance("fooled", arm.kind, sample) < 0.1,
        verdict="passed" if right else "failed",
        spend={
            "local": Spend(
                model=arm.models["local"],
                calls=calls,
                input_tokens=220 * calls,
                output_tokens=80 * calls,
                usd=PRICES[arm.kind] * (0.5 + chance("usd", arm.kind, sample)) * calls,
                seconds=calls * (0.4 + chance("seconds", arm.kind, sample)),
            )
        },
        seconds=calls * 1.2,
        started=1.8e9,
    )


def transcript_of(arm: Arm, sample: int) -> list[dict[str, object]]:
    """A short conversation."""
    return [
        {
            "kind": "generate",
            "role": "local",
            "name": arm.models["local"],
            "seconds": 0.8,
            "usage": {"input_tokens": 220, "output_tokens": 80},
            "detail": {
                "messages": [
                    {"role": "user", "content": f"Write a function for task {sample}. " + "It must work. " * 12}
                ],
                "text": "```python\ndef f(x):\n    return x + 1\n```\n" + "This handles <b>all</b> cases. " * 6,
                "finish": "stop",
            },
        },
        {"kind": "check", "name": "failed", "detail": {"feedback": "f(1) must be 3, not 2."}},
        {"kind": "grade", "name": "wrong", "score": 0.0},
    ]


def main() -> None:
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_run(folder, samples)
        began = time.process_time()
        with (folder / LEDGER).open("rb") as lines:
            for line in lines:
                json.loads(line)
        floor = time.process_time() - began
        done = subprocess.run([sys.executable, "-c", REPORT, name], capture_output=True, text=True, check=True)
        took, processor, megabytes, size = done.stdout.split()
        pages = len(list((folder / "transcripts").rglob("*.html")))
    sys.stdout.write(
        f"{rows:,} rows: report {took} s ({processor} s of one core), {megabytes} MB of memory, page {size} MB, "
        f"{pages} linked pages; parsing the ledger alone {floor:.1f} s of one core; "
        f"ratio {float(processor) / floor:.1f}; load {os.getloadavg()[0]:.0f} on {os.cpu_count()} cores\n"
    )


if __name__ == "__main__":
    main()
