"""The same rows on a real Dask cluster of two worker processes."""

import json
import os
import shlex
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from distributed import Client, LocalCluster
from tests.harness.answering import AnsweringServer, answering, write_sums

from understudy_harness.analysis import analyze
from understudy_harness.cli import understudy
from understudy_harness.columns import read_columns
from understudy_harness.report.data import as_data

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore:.*unclosed.*")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=":0") as made:
        yield made


def gap(*words: object) -> Result:
    return CliRunner().invoke(understudy, ["gap", *map(str, words)])


def run_words(server: AnsweringServer, sums: Path, out: Path, *more: object) -> list[object]:
    words = ["run", "--local", server.spec("small"), "--cloud", server.spec("large"), "--benchmark", sums]
    return [*words, "--scaffold", "Vote(n=3)", "--split", "all", "--out", out, *more]


def table(folder: Path) -> str:
    return json.dumps(as_data(analyze(read_columns(folder)), timing=False), sort_keys=True)


@pytest.mark.slow
def test_a_cluster_gives_the_table_that_one_process_gives(tmp_path: Path, cluster: Any) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 12)
    with answering() as server:
        alone = gap(*run_words(server, sums, tmp_path / "alone"))
        calls = server.asked.copy()
        server.asked.clear()
        spread = gap(*run_words(server, sums, tmp_path / "spread", "--dask", cluster.scheduler_address))

        assert alone.exit_code == spread.exit_code == 0, spread.output
        assert table(tmp_path / "spread") == table(tmp_path / "alone")
        assert server.asked == calls


@pytest.mark.slow
def test_a_worker_killed_in_mid_run_costs_only_its_rows_in_flight(tmp_path: Path, cluster: Any) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 16)
    with answering() as server:
        gap(*run_words(server, sums, tmp_path / "alone"))
        calls = server.asked.copy()
        server.asked.clear()
        with Client(cluster.scheduler_address) as client:
            victim = next(iter(client.run(os.getpid).values()))
        answer, kills = server.answer, iter([victim])

        def answer_and_kill(body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            if server.asked.total() == 40:
                for pid in kills:
                    os.kill(pid, signal.SIGKILL)
            return answer(body)

        server.answer = answer_and_kill  # type: ignore[method-assign]
        spread = gap(
            *run_words(server, sums, tmp_path / "spread", "--dask", cluster.scheduler_address, "--concurrency", "4")
        )

        assert spread.exit_code == 0, spread.output
        assert table(tmp_path / "spread") == table(tmp_path / "alone")
        assert sum((server.asked - calls).values()) <= 4 * 2 * 3


@pytest.mark.slow
def test_workers_with_other_data_refuse(tmp_path: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_harness.settings.dataset_hash", lambda samples: "f" * 64)
    with answering() as server:
        sums = write_sums(tmp_path / "sums.jsonl", 4)
        done = gap(*run_words(server, sums, tmp_path / "out", "--dask", cluster.scheduler_address))

    assert done.exit_code == 3
    assert "No Dask worker can run the rows" in done.output
    assert "not ffffffffffff" in done.output


@pytest.mark.slow
def test_workers_that_cannot_reach_an_endpoint_refuse_with_the_address(tmp_path: Path, cluster: Any) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    with answering() as server:
        dead = server.spec("small")
    done = gap(
        "run", "--local", dead, "--scaffold", "Vote()", "--benchmark", sums, "--split", "all",
        "--out", tmp_path / "out", "--dask", cluster.scheduler_address,
    )  # fmt: skip

    assert done.exit_code == 3
    assert "cannot reach http://127.0.0.1" in done.output


def test_no_scheduler_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_harness.dask.CONNECT_S", 0.5)
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    with answering() as server:
        done = gap(*run_words(server, sums, tmp_path / "out", "--dask", "tcp://127.0.0.1:9"))

    assert done.exit_code == 3
    assert "No Dask scheduler answers at tcp://127.0.0.1:9" in done.output


def test_workers_in_threads_give_the_table_that_one_process_gives(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 4)
    made = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
    with made as threads, answering() as server:
        alone = gap(*run_words(server, sums, tmp_path / "alone"))
        spread = gap(*run_words(server, sums, tmp_path / "spread", "--dask", threads.scheduler_address))
        again = gap(*run_words(server, sums, tmp_path / "spread", "--dask", threads.scheduler_address))

    assert alone.exit_code == spread.exit_code == again.exit_code == 0, spread.output
    assert table(tmp_path / "spread") == table(tmp_path / "alone")
    assert "0 rows run" in again.output


def test_workers_in_threads_that_cannot_reach_an_endpoint_refuse_and_a_cluster_without_workers_is_said(
    tmp_path: Path,
) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    with answering() as server:
        dead = server.spec("small")
    words = ["run", "--local", dead, "--scaffold", "Vote()", "--benchmark", sums, "--split", "all", "--dask"]
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as one:
        unreachable = gap(*words, one.scheduler_address, "--out", tmp_path / "out")
    with LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as none:
        empty = gap(*words, none.scheduler_address, "--out", tmp_path / "empty")

    assert unreachable.exit_code == empty.exit_code == 3
    assert "No Dask worker can run the rows" in unreachable.output
    assert "it cannot reach http://127.0.0.1" in " ".join(unreachable.output.split())
    assert "The Dask scheduler has no workers" in empty.output


@pytest.mark.slow
def test_each_worker_waits_for_its_own_docs_server_and_its_rows_name_that_index(tmp_path: Path, cluster: Any) -> None:
    questions = tmp_path / "questions.jsonl"
    rows = [
        {"id": f"q{n}", "prompt": f"What is {n} + 2?", "number": str(n + 2), "libraries": ["adder"]} for n in range(6)
    ]
    questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    (tmp_path / "adder").mkdir()
    (tmp_path / "adder" / "adding.md").write_text("# Adding\n\nCall add to add numbers.\n", "utf-8")
    words = ["understudy", "serve", "docs", "--home", tmp_path / "home", "--root", tmp_path / "adder", "--in-process"]
    docs = shlex.join([*map(str, words), "--add", str(tmp_path / "adder"), "--embedder", "off"])
    with answering() as server:
        done = gap("run", "--local", server.spec("small"), "--scaffold", "Docs()", "--benchmark", questions, "--split",
                   "all", "--server", f"docs={docs}", "--out", tmp_path / "out", "--dask",
                   cluster.scheduler_address)  # fmt: skip

    assert done.exit_code == 0, done.output
    columns = read_columns(tmp_path / "out")
    (index,) = [fact for fact in columns.facts.values() if "server" in fact]
    assert index["facts"]["vectors"] == "off"
    kinds = [columns.arms[arm]["kind"] for arm, names in columns.facts_of.items() if index["id"] in names]
    assert kinds == ["S"]
