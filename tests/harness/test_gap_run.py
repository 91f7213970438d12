"""`understudy gap run` from the outside: a table for a newcomer, one clear sentence for every failure."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.harness.answering import AnsweringServer, answering, write_sums

from understudy_harness.analysis import analyze
from understudy_harness.cli import understudy
from understudy_harness.columns import read_columns
from understudy_harness.journal import Damage, encode
from understudy_harness.ledger import LEDGER, Ledger, read_ledger, row_from
from understudy_harness.report.data import as_data


def gap(*words: str | Path) -> Result:
    return CliRunner().invoke(understudy, ["gap", *map(str, words)])


def run_words(server: AnsweringServer, benchmark: Path, out: Path, *more: str) -> list[str]:
    words = ["run", "--local", server.spec("small"), "--cloud", server.spec("large"), "--benchmark", str(benchmark)]
    return [*words, "--scaffold", "Vote(n=3)", "--split", "all", "--out", str(out), *more]


def kinds(folder: Path) -> Counter[str]:
    return Counter(
        line.problem if isinstance(line, Damage) else str(line.record["kind"]) for line in read_ledger(folder)
    )


def table(folder: Path) -> dict[str, Any]:
    return as_data(analyze(read_columns(folder)), timing=False)


def test_a_run_pairs_four_arms_and_writes_a_report_whose_path_comes_last(tmp_path: Path) -> None:
    with answering() as server:
        done = gap(*run_words(server, write_sums(tmp_path / "sums.jsonl", 12), tmp_path / "out"))

    assert done.exit_code == 0, done.output
    assert Path(done.output.splitlines()[-1]) == tmp_path / "out" / "report.html"
    found = table(tmp_path / "out")["benchmarks"][0]
    assert [(arm["kind"], arm["rows"]) for arm in found["arms"]] == [("L", 12), ("C", 12), ("S", 12), ("CS", 12)]
    assert found["arms"][2]["calls"] == 3
    assert found["contrasts"][0]["gap_closed"]["refused"][0] == "12 samples are fewer than 100"
    assert "Lift" in done.output


def test_the_same_command_again_runs_nothing_and_more_epochs_run_only_what_is_new(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 5)
    with answering() as server:
        gap(*run_words(server, sums, tmp_path / "out"))
        first = server.asked.total()
        again = gap(*run_words(server, sums, tmp_path / "out"))
        assert server.asked.total() == first
        gap(*run_words(server, sums, tmp_path / "out", "--epochs", "2"))
        assert server.asked.total() == 2 * first

    assert "0 rows run, 20 kept from before" in again.output
    assert kinds(tmp_path / "out")["row"] == 40


def test_a_row_that_failed_is_tried_once_more_at_the_end_of_the_run(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 4)
    with answering() as server:
        server.failing = 4  # as often as a client tries a call that cost nothing
        done = gap("run", "--benchmark", sums, "--split", "all", "--concurrency", "1", "--out", tmp_path / "out",
                   "--local", server.spec("small"), "--scaffold", "Direct(temperature=0.5)")  # fmt: skip

    assert done.exit_code == 0
    assert "8 rows run." in done.output
    assert kinds(tmp_path / "out")["error"] == 1
    assert kinds(tmp_path / "out")["row"] == 8


def test_a_failed_row_is_missing_and_the_next_run_makes_it_good(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 4)
    words = ["run", "--benchmark", str(sums), "--split", "all", "--concurrency", "1", "--out", str(tmp_path / "out")]
    with answering() as server:
        arms = ["--local", server.spec("small"), "--scaffold", "Direct(temperature=0.5)"]
        server.broken = "What is 2 +"
        broken = gap(*words, *arms)
        assert "2 rows failed" in broken.output
        assert [arm["failed"] for arm in table(tmp_path / "out")["benchmarks"][0]["arms"]] == [1, 1]
        server.broken = ""
        mended = gap(*words, *arms)

    assert mended.exit_code == 0
    assert kinds(tmp_path / "out")["row"] == 8
    assert [arm["failed"] for arm in table(tmp_path / "out")["benchmarks"][0]["arms"]] == [0, 0]


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        pytest.param(["--scaffold", "Retri()"], 2, "Did you mean 'Retry'?", id="scaffold with a typo"),
        pytest.param(
            ["--scaffold", "Retry()", "--benchmark", "fixture-sums"], 2, "needs a check", id="a check is missing"
        ),
        pytest.param(["--benchmark", "humanevil"], 2, "Did you mean 'humaneval'?", id="unknown benchmark"),
        pytest.param(["--local", "olama:qwen3"], 2, "olama", id="unknown provider"),
        pytest.param(["--server", "docs"], 2, "NAME=COMMAND", id="server without a command"),
        pytest.param(["--shard", "3/2"], 2, "--shard 3/2", id="shard out of range"),
        pytest.param(["--most-usd", "1"], 2, "--row-usd", id="a cap of the run without one of the row"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(tmp_path: Path, words: list[str], code: int, sentence: str) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    given = {"--local": "http://127.0.0.1:9/v1#m", "--scaffold": "Vote()", "--benchmark": str(sums)}
    given |= dict(zip(words[::2], words[1::2], strict=True))

    done = gap("run", *(word for pair in given.items() for word in pair), "--split", "all", "--out", tmp_path / "out")

    assert done.exit_code == code, done.output
    assert sentence in done.output
    assert "Traceback" not in done.output


def test_a_broken_line_of_a_benchmark_is_named(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    sums.write_text(sums.read_text() + '{"id": "x", "prompt": "What')

    done = gap("run", "--local", "http://127.0.0.1:9/v1#m", "--scaffold", "Vote()", "--benchmark", sums)

    assert done.exit_code == 2
    assert f"{sums}:4" in done.output


def test_a_dead_endpoint_ends_the_run_in_a_sentence_and_the_ledger_stays_sound(tmp_path: Path) -> None:
    with answering() as server:
        sums = write_sums(tmp_path / "sums.jsonl", 3)
        gap(*run_words(server, sums, tmp_path / "out"))
        before = kinds(tmp_path / "out")["row"]
    done = gap(*run_words(server, write_sums(sums, 3), tmp_path / "out", "--epochs", "9"))

    assert done.exit_code == 3
    assert "127.0.0.1" in done.output
    assert "run the same command again" in done.output
    assert kinds(tmp_path / "out")["row"] == before


def test_an_unknown_model_is_said_with_what_the_server_offers(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 8)
    with answering() as server:
        done = gap("run", "--local", server.spec("smal"), "--scaffold", "Vote()", "--benchmark", sums, "--split", "all",
                   "--out", tmp_path / "out")  # fmt: skip

    assert done.exit_code == 3
    assert "it offers 'small', 'large'" in done.output


def test_a_budget_of_the_run_ends_it_before_it_is_crossed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as server:
        prices = [{"spec": ".*#small", "input": 1000.0, "output": 1000.0, "since": "2026-01-01", "source": "this test"}]
        (tmp_path / "prices.json").write_text(json.dumps(prices))
        monkeypatch.setenv("UNDERSTUDY_PRICES", str(tmp_path / "prices.json"))
        sums = write_sums(tmp_path / "sums.jsonl", 30)
        done = gap("run", "--local", server.spec("small"), "--scaffold", "Direct(temperature=0.5)", "--benchmark", sums,
                   "--split", "all", "--out", tmp_path / "out", "--row-usd", "3", "--most-usd", "4")  # fmt: skip

    spent = sum(sum(part["usd"] for part in line.record["spend"].values())
                for line in read_ledger(tmp_path / "out")
                if not isinstance(line, Damage) and line.record["kind"] == "row")  # fmt: skip
    assert done.exit_code == 4, done.output
    assert "--most-usd" in done.output
    assert 0 < spent <= 4


def test_secrets_reach_no_file_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "sk-very-secret-value")
    sums = tmp_path / "sums.jsonl"
    row = {"id": "s1", "prompt": "Say sk-very-secret-value. What is 1 + 2?", "number": "3", "cluster": "a"}
    other = {"id": "s2", "prompt": "What is 1 + 2?", "number": "3", "cluster": "b"}
    sums.write_text(json.dumps(row) + "\n" + json.dumps(other) + "\n")
    with answering() as server:
        spec = server.spec("small").replace("http://", "http://me:hunter22@")
        done = gap("run", "--local", spec, "--scaffold", "Vote(n=2)", "--benchmark", sums, "--split", "all", "--out",
                   tmp_path / "out")  # fmt: skip

    assert done.exit_code == 0, done.output
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            text = path.read_text()
            assert "sk-very-secret" not in text, path
            assert "hunter22" not in text, path
    assert "hunter22" not in done.output


def test_other_data_under_the_same_name_is_not_mixed_in(tmp_path: Path) -> None:
    with answering() as server:
        sums = write_sums(tmp_path / "sums.jsonl", 3)
        gap(*run_words(server, sums, tmp_path / "out"))
        write_sums(sums, 4)
        done = gap(*run_words(server, sums, tmp_path / "out"))

    assert done.exit_code == 2
    assert "with other data" in done.output


def test_shards_join_into_the_run_that_one_process_would_have_made(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 14)
    with answering() as server:
        for part in ("1/3", "2/3", "3/3"):
            done = gap(*run_words(server, sums, tmp_path / part[0], "--shard", part))
            assert done.exit_code == 0, done.output
        whole = gap(*run_words(server, sums, tmp_path / "whole"))
    joined = gap("merge", *(tmp_path / part for part in "123"), "--out", tmp_path / "joined")
    twice = gap("merge", tmp_path / "1", tmp_path / "joined", "--out", tmp_path / "again")

    assert whole.exit_code == 0
    assert joined.exit_code == 0
    assert table(tmp_path / "joined") == table(tmp_path / "whole")
    assert "stood in more than one part" in twice.output
    assert gap("report", tmp_path / "joined").exit_code == 0


def test_parts_with_other_data_are_no_parts_and_conflicting_rows_are_counted(tmp_path: Path) -> None:
    with answering() as server:
        sums = write_sums(tmp_path / "sums.jsonl", 6)
        gap(*run_words(server, sums, tmp_path / "one"))
        write_sums(sums, 7)
        gap(*run_words(server, sums, tmp_path / "other"))
    refused = gap("merge", tmp_path / "one", tmp_path / "other", "--out", tmp_path / "joined")

    assert refused.exit_code == 2
    assert "with different data" in " ".join(refused.output.split())
    assert not (tmp_path / "joined").exists()

    with Ledger(tmp_path / "copy") as ledger:
        for line in read_ledger(tmp_path / "one"):
            assert not isinstance(line, Damage)
            content = {name: value for name, value in line.record.items() if name not in ("v", "kind", "id", "sum")}
            if line.record["kind"] == "header":
                header = ledger.header(content)
            elif line.record["kind"] == "row":
                ledger.write(replace(row_from(line.record), score=0.25, transcript=None), header)
    joined = gap("merge", tmp_path / "one", tmp_path / "copy", "--out", tmp_path / "joined")

    assert "24 rows stood in more than one part; the first counts." in joined.output
    assert "24 of them had another score there." in joined.output
    assert table(tmp_path / "joined") == table(tmp_path / "one")


def test_every_command_says_which_lines_it_did_not_use(tmp_path: Path) -> None:
    with answering() as server:
        words = run_words(server, write_sums(tmp_path / "sums.jsonl", 6), tmp_path / "out", "--epochs", "2")
        gap(*words)
        ledger = tmp_path / "out" / LEDGER
        lines = ledger.read_bytes().splitlines(keepends=True)
        damaged = lines[-1].replace(b'"score":', b'"score":0')
        newer = encode({"v": 99, "kind": "row"})
        ledger.write_bytes(b"".join([*lines[:-1], damaged, newer, lines[-2], b'{"torn']))
        before = read_columns(tmp_path / "out")
        said = {
            "report": gap("report", tmp_path / "out").output,
            "compare": gap("compare", tmp_path / "out", tmp_path / "out").output,
            "export": gap("export", tmp_path / "out", "--to", "csv").output,
            "plan": gap("plan", "--pilot", tmp_path / "out").output,
            "merge": gap("merge", tmp_path / "out", "--out", tmp_path / "joined").output,
        }
        again = gap(*words)

    assert before.rows == 47
    for command, output in said.items():
        assert "torn" in output, command
        assert "changed after it was written" in " ".join(output.split()) or "edited" in output, command
        assert "later version" in " ".join(output.split()) or "newer" in output, command
    assert "1 row run" in again.output
    assert read_columns(tmp_path / "out").rows == 48


def test_edited_doubled_torn_and_newer_lines_are_said_and_change_nothing_silently(tmp_path: Path) -> None:
    with answering() as server:
        gap(*run_words(server, write_sums(tmp_path / "sums.jsonl", 6), tmp_path / "out"))
    path = tmp_path / "out" / LEDGER
    lines = path.read_bytes().splitlines(keepends=True)
    rows = [line for line in lines if b'"kind":"row"' in line]
    edited = re.sub(rb'"score":..0', b'"score":0.5', rows[0])
    body = b"".join(edited if line == rows[0] else line for line in lines)
    path.write_bytes(body + rows[1] + rows[2][:40])

    done = gap("report", tmp_path / "out")

    assert "is changed after it was written and not used" in done.output.replace("\n", " ")
    assert "a second row of a key" in done.output.replace("\n", " ")
    assert "1 line of the ledger is torn" in done.output.replace("\n", " ")
    assert read_columns(tmp_path / "out").rows == 23


@pytest.mark.parametrize(
    "room",
    [
        pytest.param(2_000, id="not even the header fits"),
        pytest.param(20_000, id="full in mid-run"),
        pytest.param(60_000, id="only the page does not fit"),
    ],
)
def test_a_full_disk_ends_a_run_in_one_sentence_and_the_same_command_goes_on(tmp_path: Path, room: int) -> None:
    resource = pytest.importorskip("resource")
    sums = write_sums(tmp_path / "sums.jsonl", 12)
    with answering() as server:
        gap(*run_words(server, sums, tmp_path / "whole"))
        calls = server.asked.copy()
        server.asked.clear()
        out = tmp_path / "full"
        full = subprocess.run(
            [sys.executable, "-m", "understudy_harness", "gap", *run_words(server, sums, out)],
            capture_output=True,
            text=True,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room)),
            # The limit is for every file of the process, so it must not measure its coverage.
            env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
        )
        kept = read_columns(out)
        again = gap(*run_words(server, sums, out))

    assert full.returncode == 3
    assert full.stderr.count("could not be written: File too large") == 1
    assert "Traceback" not in full.stderr
    assert not kept.damage
    assert not list(out.rglob("*.part"))
    assert again.exit_code == 0, again.output
    assert table(out) == table(tmp_path / "whole")
    assert sum((server.asked - calls).values()) <= read_columns(out).in_flight


KILLER = """
import os, signal, sys
from understudy_harness import journal
left, quarter = int(sys.argv[1]), int(sys.argv[2])
write = os.write
def dying(file, data):
    global left
    left -= 1
    if left == 0:
        write(file, data[: len(data) * quarter // 4])
        os.kill(os.getpid(), signal.SIGKILL)
    return write(file, data)
journal.os.write = dying
sys.argv = ["understudy", *sys.argv[3:]]
from understudy_harness.cli import main
main()
"""


def killed_at(writes: int, quarter: int, words: list[str]) -> int:
    """Run a command in a process that is killed in the middle of its n-th write."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(writes), str(quarter), "gap", *words],
        capture_output=True,
        timeout=120,
        env={**os.environ, "NO_COLOR": "1"},
    )
    return done.returncode


def assert_survives_kills(tmp_path: Path, kills: list[tuple[int, int]]) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 8)
    with answering() as server:
        quiet = run_words(server, sums, tmp_path / "whole", "--concurrency", "2")
        assert gap(*quiet).exit_code == 0
        expected = table(tmp_path / "whole")
        calls = server.asked.copy()
        for number, (writes, quarter) in enumerate(kills):
            server.asked.clear()
            out = tmp_path / f"killed{number}"
            words = run_words(server, sums, out, "--concurrency", "2")
            assert killed_at(writes, quarter, words) == -9
            assert gap(*words).exit_code == 0
            assert json.dumps(table(out), sort_keys=True) == json.dumps(expected, sort_keys=True), (writes, quarter)
            found = read_columns(out)
            paid_twice = sum((server.asked - calls).values())
            assert paid_twice <= found.in_flight, (writes, quarter)
            assert found.in_flight <= 2 * 2 * 3, "two rows per model, three votes each"
            assert set(server.asked) == set(calls)


def test_a_killed_run_goes_on_and_pays_for_no_acknowledged_call_twice(tmp_path: Path) -> None:
    assert_survives_kills(tmp_path, [(1, 1), (9, 2), (40, 3), (75, 0)])


@pytest.mark.slow
@pytest.mark.parametrize("tenth", range(10))
def test_a_hundred_kills_change_nothing(tmp_path: Path, tenth: int) -> None:
    assert_survives_kills(tmp_path, [(1 + (n * 37) % 170, n % 5) for n in range(10 * tenth, 10 * tenth + 10)])


def test_test_samples_are_shown_only_when_they_are_asked_for_and_looks_are_counted(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 40)
    with answering() as server:
        words = ["run", "--local", server.spec("small"), "--scaffold", "Vote(n=3)", "--benchmark", str(sums)]
        chosen = gap(*words, "--out", tmp_path / "choosing")
        final = gap(*words, "--final", "--out", tmp_path / "final")
        second = gap(*words, "--seed", "1", "--split", "all", "--out", tmp_path / "second")
        odd = gap(*words, "--final", "--split", "dev", "--out", tmp_path / "odd")
    dev = {sample for _, sample in read_columns(tmp_path / "choosing").samples}
    test = {sample for _, sample in read_columns(tmp_path / "final").samples}

    assert chosen.exit_code == final.exit_code == second.exit_code == 0
    assert dev
    assert test
    assert not dev & test
    assert "The same command with --final shows the test samples" in chosen.output
    assert "look" not in chosen.output
    assert "look 1 at these test samples" in (tmp_path / "final/report.html").read_text()
    assert "This is look 2 at these test samples" in " ".join(second.output.split())
    assert "look 2 at these test samples" in (tmp_path / "second/report.html").read_text()
    assert odd.exit_code == 2
    assert "--final shows the test samples, and --split dev names others" in odd.output


def test_a_sweep_file_runs_with_its_epochs_and_the_command_line_overrides_them(tmp_path: Path) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    with answering() as server:
        models = f'local = ["{server.spec("small")}"]\ncloud = ["{server.spec("large")}"]\n'
        (tmp_path / "sweep.toml").write_text(f'{models}benchmarks = ["{sums}"]\nepochs = 2\n', encoding="utf-8")
        words = ["run", "--sweep", str(tmp_path / "sweep.toml"), "--split", "all"]
        done = gap(*words, "--out", tmp_path / "out")
        once = gap(*words, "--out", tmp_path / "once", "--epochs", "1")
        both = gap(*words, "--local", "ollama:x", "--out", tmp_path / "both")

    assert done.exit_code == once.exit_code == 0, done.output
    assert read_columns(tmp_path / "out").rows == 12
    assert read_columns(tmp_path / "once").rows == 6
    assert both.exit_code == 2
    assert "--sweep brings models, scaffolds and benchmarks" in both.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["--shard", "a/b"], "'a/b' is no shard. Write 1/4", id="no shard"),
        pytest.param(["--shard", "1/0"], "--shard 1/0 has no parts", id="no parts"),
        pytest.param(["--shard", "5/4"], "--shard 5/4 is none of 1/4 to 4/4", id="a part that is not there"),
        pytest.param(["--server", "docs"], "is not NAME=COMMAND or NAME=URL", id="a server without a name"),
    ],
)
def test_options_that_mean_nothing_are_one_sentence(tmp_path: Path, words: list[str], said: str) -> None:
    sums = write_sums(tmp_path / "sums.jsonl", 3)
    done = gap("run", "--local", "ollama:x", "--scaffold", "Vote()", "--benchmark", sums, *words)
    assert done.exit_code == 2
    assert said in " ".join(done.output.split())
