"""Run test suites of public packages under the verifier and beside plain pytest: nothing honest is `tampered`.

Usage: `python tests/benchmarks/check_testing_public_suites.py SDISTS PYTHON [RESULT.md]`, where SDISTS is a folder of
source distributions with their tests (`pip download --no-binary :all: --no-deps -d SDISTS NAME …`) and PYTHON an
interpreter in which the packages and pytest are installed. Run it as an ordinary user: a project may then be written to
in its overlay. Counts may differ where a suite needs the network; such differences are listed, not hidden.
"""

import asyncio
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

import click

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.project import Project
from understudy_servers.testing.result import Result
from understudy_servers.testing.subjects import ProjectSubject
from understudy_servers.testing.verifier import Request, Verifier

LIMITS = Limits(wall_s=300, cpu_s=600, processes=256, descriptors=1024, events_kb=262_144, memory_mb=2048, disk_mb=256)
COUNT = re.compile(r"(\d+) (passed|failed|skipped|xfailed|xpassed|error|errors)\b")


@dataclass
class Row:
    name: str
    plain: dict[str, int]
    result: Result

    @property
    def agrees(self) -> bool:
        skipped = self.plain.get("skipped", 0) + self.plain.get("xfailed", 0)
        failed = self.plain.get("failed", 0) + self.plain.get("error", 0)
        counts = (self.plain.get("passed", 0), failed, skipped)
        return any(counts) and counts == (self.result.passed, self.result.failed, self.result.skipped)


def plain_counts(python: str, root: Path) -> dict[str, int]:
    """Count with plain pytest, in the same folder."""
    command = [python, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=no"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=600)
    last = next((line for line in reversed(done.stdout.splitlines()) if COUNT.search(line)), "")
    return {word.removesuffix("s") if word == "errors" else word: int(number) for number, word in COUNT.findall(last)}


def extract(archive: Path, target: Path) -> Path:
    with tarfile.open(archive) as stream:
        if hasattr(tarfile, "data_filter"):
            stream.extraction_filter = tarfile.data_filter
        stream.extractall(target)
    return next(path for path in target.iterdir() if path.is_dir())


async def check(archive: Path, python: str) -> Row | None:
    with tempfile.TemporaryDirectory() as place:
        root = extract(archive, Path(place))
        project = Project.open(root, writes=True)
        if not project.test_files():
            return None
        plain = await asyncio.to_thread(plain_counts, python, root)
        verifier = Verifier(Machine(python=python, network="loopback", limits=LIMITS), workers=1)
        try:
            result = await verifier.verify(Request(subject=ProjectSubject(project)))
        finally:
            verifier.close()
        return Row(archive.name.removesuffix(".tar.gz"), plain, result)


def main(folder: Path, python: str, target: Path | None) -> None:
    lines = ["| package | plain pytest | verifier | verdict | proof | agrees |", "|---|---|---|---|---|---|"]
    rows = []
    for archive in sorted(folder.glob("*.tar.gz")):
        try:
            row = asyncio.run(check(archive, python))
        except subprocess.TimeoutExpired:
            click.echo(f"{archive.name}: plain pytest takes longer than ten minutes")
            continue
        if row is None:
            click.echo(f"{archive.name}: carries no tests")
            continue
        rows.append(row)
        counts = f"{row.result.passed}/{row.result.failed}/{row.result.skipped}"
        plain = ", ".join(f"{number} {word}" for word, number in row.plain.items())
        verdict = f"{row.result.verdict} {row.result.reason}".strip()
        proof = ", ".join(row.result.proof or [])
        lines.append(f"| {row.name} | {plain} | {counts} | {verdict} | {proof} | {'yes' if row.agrees else 'no'} |")
        click.echo(lines[-1])
        for note in row.result.notes:
            click.echo(f"    {note}")
    false = [row.name for row in rows if row.result.verdict == "tampered"]
    agreeing = sum(row.agrees for row in rows)
    lines += ["", f"{len(rows)} suites; false `tampered`: {len(false)} {false or ''}; counts agree: {agreeing}."]
    click.echo(lines[-1])
    if target is not None:
        target.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]) if len(sys.argv) > 3 else None)
