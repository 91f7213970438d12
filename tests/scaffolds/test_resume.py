"""Runs that are killed and go on: what was acknowledged is never asked for again, from Python or the command line."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.scaffolds.endpoint import served

from understudy import Direct, Form, Problem, Reply, Retry, Vote, solve
from understudy.problem import Message
from understudy.remember import Busy, State
from understudy.testing import ScriptedModel
from understudy_harness.cli import understudy as command_line

PYTHON = """
import sys, anyio
from understudy import Direct, Form, Message, Problem, Reply, Retry, solve

messages = (Message(role="user", content="?"),)
problem = Problem(messages=messages, reply=Reply(kind="value", pattern="SOLVED"), check=Form())
scaffold = Retry(Direct(), tries=20, stale=0)
answer = anyio.run(lambda: solve(scaffold, problem, models=sys.argv[1], state=sys.argv[2]))
print(answer.verdict.word, answer.text)
"""


class Deadly:
    """An endpoint that numbers its replies and kills whoever asks at the wrong moment."""

    def __init__(self) -> None:
        self.spec = ""
        self.replies: dict[int, str] = {}
        """Number of a reply -> what was asked."""
        self.asked: list[str] = []
        self.solved_at = 7
        self.deadly = 0
        """How many requests from now on until one kills; 0: none."""
        self.process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def answer(self, body: bytes) -> str | None:
        with self._lock:
            self.asked.append(hashlib.sha256(body).hexdigest())
            self.deadly -= 1
            if self.deadly == 0 and self.process is not None:
                self.process.kill()
                return None
            number = len(self.replies) + 1
            self.replies[number] = self.asked[-1]
            return f"reply {number} SOLVED" if number >= self.solved_at else f"reply {number}"


@pytest.fixture
def deadly() -> Iterator[Deadly]:
    made = Deadly()
    with served(made.answer) as made.spec:
        yield made


def kept_numbers(home: Path) -> set[int]:
    """The numbers of the replies that are on the disk, which is what "acknowledged" means."""
    numbers = set()
    for file in home.rglob("completions.jsonl"):
        for line in file.read_bytes().splitlines(keepends=True):
            if line.endswith(b"\n"):
                numbers |= {int(found) for found in re.findall(r"reply (\d+)", json.loads(line)["value"]["text"])}
    return numbers


def killed_again_and_again(deadly: Deadly, command: list[str], home: Path, every: int) -> tuple[str, int]:
    """Start a command until it ends by itself; return its output and how often it was killed."""
    for kills in range(40):
        acknowledged = {deadly.replies[number] for number in kept_numbers(home)}
        before, deadly.deadly = len(deadly.asked), every
        environment = {**os.environ, "XDG_DATA_HOME": str(home)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            deadly.process = process
            said, complaint = process.communicate(timeout=60)
        assert not acknowledged & set(deadly.asked[before:]), "an acknowledged reply was asked for again"
        if process.returncode == 0:
            return said.decode(), kills
        assert process.returncode < 0, complaint.decode()
    raise AssertionError("it never ended")


def test_a_loop_in_python_goes_on_after_every_kill_and_pays_nothing_twice(deadly: Deadly, tmp_path: Path) -> None:
    command = [sys.executable, "-c", PYTHON, deadly.spec, str(tmp_path / "state")]

    said, kills = killed_again_and_again(deadly, command, tmp_path, every=4)

    assert said == "passed reply 7 SOLVED\n"
    assert kills == 2  # three replies a start
    assert len(deadly.asked) == 7 + kills  # the call in flight at a kill is the only one that is made again


def bulk(deadly: Deadly, folder: Path) -> list[str]:
    (folder / "in.jsonl").write_text("".join(f'"question {number}"\n' for number in range(6)))
    files = [str(folder / "in.jsonl"), str(folder / "out.jsonl")]
    return ["--jsonl", *files, "--jobs", "2", "--scaffold", "Vote(n=3)"]


def question(deadly: Deadly, folder: Path) -> list[str]:
    return ["--state", str(folder / "state"), "--scaffold", "Vote(SelfRefine(rounds=2), n=2)", "Which?"]


def project(deadly: Deadly, folder: Path) -> list[str]:
    root = folder / "project"
    root.mkdir()
    (root / "test_it.py").write_text("from it import right\n\ndef test_it():\n    assert right()\n")
    (root / "it.py").write_text("def right():\n    return False\n")
    return ["--project", str(root), "--tests", "test_*.py", "--scaffold", "Retry(Vote(n=3), tries=3, stale=0)"]


@pytest.mark.parametrize(
    ("made", "every"),
    [
        pytest.param(bulk, 8, id="in bulk, six calls at once"),
        pytest.param(question, 4, id="a question, two calls at once"),
    ],
)
def test_a_command_goes_on_after_every_kill_and_pays_nothing_twice(
    deadly: Deadly, tmp_path: Path, made: Any, every: int
) -> None:
    deadly.solved_at = 1000
    arguments = made(deadly, tmp_path)
    command = [sys.executable, "-m", "understudy_harness", "solve", *arguments, "--local", deadly.spec, "--no-log"]

    _, kills = killed_again_and_again(deadly, command, tmp_path, every)

    assert kills >= 2
    if made is bulk:
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert len(rows) == len({row["id"] for row in rows}) == 6
        assert not kept_numbers(tmp_path)  # all are answered, so nothing needs to be kept


@pytest.mark.slow
def test_a_project_goes_on_after_every_kill_and_pays_nothing_twice(deadly: Deadly, tmp_path: Path) -> None:
    deadly.solved_at = 1000
    arguments = project(deadly, tmp_path)
    command = [sys.executable, "-m", "understudy_harness", "solve", *arguments, "--local", deadly.spec, "--no-log"]
    with pytest.raises(AssertionError, match="Not solved"):  # no reply holds code, so it ends with 1, which is its end
        killed_again_and_again(deadly, command, tmp_path, every=4)

    assert len(kept_numbers(tmp_path)) == 9


def never(text: str = "?") -> Problem:
    message = Message(role="user", content=text)
    return Problem(messages=(message,), reply=Reply(kind="value", pattern="never"), check=Form())


async def test_the_same_call_with_the_same_folder_makes_no_call(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: f"draw {request.sampling.seed}")

    first = await solve(Retry(Direct(), tries=3), never(), models=model, state=tmp_path)
    second = await solve(Retry(Direct(), tries=3), never(), models=model, state=tmp_path)
    other = await solve(Retry(Direct(), tries=3), never("another"), models=model, state=tmp_path)

    assert first == second
    assert other.text
    assert len(model.requests) == 6


async def test_one_open_folder_serves_many_runs_and_nobody_else(tmp_path: Path) -> None:
    model = ScriptedModel(lambda request: "x")

    with State(tmp_path) as state:
        await solve(Vote(Direct(), n=2), "a", models=model, state=state)
        await solve(Vote(Direct(), n=2), "b", models=model, state=state)
        with pytest.raises(Busy):
            await solve(Direct(), "c", models=model, state=tmp_path)
        assert state.replies == 4
    await solve(Direct(), "c", models=model, state=tmp_path)


async def test_a_cache_and_a_folder_exclude_each_other(tmp_path: Path) -> None:
    with State(tmp_path) as state, pytest.raises(ValueError, match="not both"):
        await solve(Direct(), "a", models=ScriptedModel([]), state=state, cache=state.cache)


def test_a_fresh_start_forgets_replies_and_deletes_no_answers(deadly: Deadly, tmp_path: Path) -> None:
    arguments = ["solve", "--local", deadly.spec, "--no-log", "--state", str(tmp_path / "state"), "Which?"]
    (tmp_path / "in.jsonl").write_text('"one"\n')
    in_bulk = ["solve", "--local", deadly.spec, "--no-log", "--jsonl", tmp_path / "in.jsonl", tmp_path / "out.jsonl"]

    def run(*arguments: Any) -> Any:
        return CliRunner(env={"XDG_DATA_HOME": str(tmp_path)}).invoke(command_line, [str(part) for part in arguments])

    assert [run(*arguments).exit_code for _ in range(2)] == [0, 0]
    assert len(deadly.asked) == 1
    assert run(*arguments, "--fresh").exit_code == 0
    assert len(deadly.asked) == 2
    assert run(*in_bulk, "--fresh").exit_code == 0
    refused = run(*in_bulk, "--fresh")
    assert (refused.exit_code, "holds answers" in refused.output) == (2, True)
