"""A ledger that something has damaged: said in a sentence, isolated, and never a silent change of a number."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.commands import gap
from understudy_harness.journal import Journal, encode, read
from understudy_harness.ledger import LEDGER, TRANSCRIPTS, Ledger, Row, RowKey, Spend, transcript_of
from understudy_harness.report.page import write_page

SAMPLES = 30
Change = Callable[[list[bytes]], bytes]


def write_run(folder: Path, *, samples: int = SAMPLES, data: str = "d1") -> Path:
    """Two arms on some samples with transcripts: the first solves every third sample, the second every other."""
    arms = [{"id": name, "kind": kind, "label": kind, "models": {"local": "m"}, "benchmark": "b", "samples_of": "b"}
            for name, kind in (("one", "L"), ("two", "S"))]  # fmt: skip
    about = {"name": "b", "dataset": data, "samples": samples, "clusters": samples, "statement": {}}
    with Ledger(folder) as ledger:
        header = ledger.header({"arms": arms, "benchmarks": [about], "epochs": 1, "command": "understudy gap run"})
        facts = ledger.facts({"model": "m", "facts": {"window": 4096}})
        for sample in range(samples):
            for arm, every in (("one", 3), ("two", 2)):
                row = Row(
                    arm=arm, benchmark="b", sample=f"s{sample}", epoch=0, cluster=f"s{sample}", grade="right",
                    score=float(sample % every == 0), facts=(facts,), spend={"local": Spend(model="m", calls=1)},
                )  # fmt: skip
                ledger.write(row, header, [{"kind": "note", "said": f"{arm} on s{sample}"}])
    return folder


def totals(folder: Path) -> dict[str, tuple[int, float]]:
    columns = read_columns(folder)
    arms, scores = columns.columns["arm"], columns.columns["score"]
    return {
        name: (int((arms == number).sum()), float(scores[arms == number].sum()))
        for number, name in enumerate(columns.arm_ids)
    }


def report(folder: Path) -> Result:
    return CliRunner().invoke(gap, ["report", str(folder)])


def words(result: Result) -> str:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return " ".join(result.output.split())


def changed(line: bytes, **fields: Any) -> bytes:
    """A line with other fields and a checksum that fits."""
    return encode({**{name: value for name, value in json.loads(line).items() if name != "sum"}, **fields})


def without(line: bytes, name: str) -> bytes:
    return encode({key: value for key, value in json.loads(line).items() if key not in ("sum", name)})


def replaced(index: int, change: Callable[[bytes], bytes]) -> Change:
    return lambda lines: b"".join(change(line) if n == index % len(lines) else line for n, line in enumerate(lines))


LAST_ROW = -1
ONE_LESS = {"one": (30, 10.0), "two": (29, 15.0)}
WHOLE = {"one": (30, 10.0), "two": (30, 15.0)}


@pytest.mark.parametrize(
    ("change", "kept", "said"),
    [
        pytest.param(replaced(LAST_ROW, lambda x: x[:40] + b"\0" * 9 + x[49:]), ONE_LESS, "is changed", id="NULs"),
        pytest.param(replaced(LAST_ROW, lambda x: x[:40] + b"\xff" + x[41:]), ONE_LESS, "is changed", id="no UTF-8"),
        pytest.param(replaced(LAST_ROW, lambda x: x[:-9] + b"00000" + x[-4:]), ONE_LESS, "is changed", id="digest"),
        pytest.param(replaced(LAST_ROW, lambda x: x[:-1]), ONE_LESS, "is torn", id="no newline at the end"),
        pytest.param(lambda x: b"".join(x) + b"\0" * 4096, WHOLE, "is torn", id="a tail of NULs"),
        pytest.param(lambda x: b"".join(x) + b"x" * (1 << 24) + b"\n", WHOLE, "is torn", id="a huge line"),
        pytest.param(lambda x: b"".join(x) + '{"v":1,"x":"é'.encode()[:-1], WHOLE, "is torn", id="cut in a character"),
        pytest.param(lambda x: b"".join(x) * 2, WHOLE, "are a second row of a key", id="everything twice"),
        pytest.param(
            lambda x: b"".join(x) + changed(x[-1], score=0.5), WHOLE, "is a second row of a key", id="another score"
        ),
        pytest.param(lambda x: b"\xef\xbb\xbf" + b"".join(x), WHOLE, "The header of 2 arms is missing", id="a mark"),
        pytest.param(lambda x: b"".join(x[1:]), WHOLE, "The header of 2 arms is missing", id="no header"),
        pytest.param(
            lambda x: b"".join(line for line in x if b'"kind":"facts"' not in line), WHOLE,
            "What servers said about their models is missing (1 line of it)", id="no facts",
        ),
        pytest.param(lambda x: b"".join(reversed(x)), WHOLE, "", id="another order"),
        pytest.param(lambda x: b"".join(x).replace(b"\n", b"\r\n"), WHOLE, "", id="other line ends"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, score=7)), ONE_LESS, "a score outside", id="a score of 7"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, score="1")), ONE_LESS, "a score outside 0", id="a text"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, score=True)), ONE_LESS, "a score outside 0", id="a truth"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, epoch=-1)), ONE_LESS, "nothing that a run", id="an epoch"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, spend=[1])), ONE_LESS, "nothing that a run", id="spend"),
        pytest.param(
            replaced(LAST_ROW, lambda x: changed(x, spend={"local": {"usd": "much"}})), ONE_LESS, "nothing that a run",
            id="a price in words",
        ),
        pytest.param(replaced(LAST_ROW, lambda x: without(x, "arm")), ONE_LESS, "a missing name", id="no arm"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, kind="new")), ONE_LESS, "of an unknown kind", id="a kind"),
        pytest.param(replaced(LAST_ROW, lambda x: changed(x, v=2)), ONE_LESS, "by a later version", id="a version"),
        pytest.param(replaced(5, lambda x: changed(x, started=-5.0)), WHOLE, "", id="a clock that went back"),
    ],
)  # fmt: skip
def test_damage_is_said_and_takes_away_nothing_but_its_own_line(
    tmp_path: Path, change: Change, kept: dict[str, tuple[int, float]], said: str
) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / LEDGER
    path.write_bytes(change(path.read_bytes().splitlines(keepends=True)))

    result = report(folder)

    assert totals(folder) == kept
    assert said in words(result)
    assert result.exit_code == 0
    with Ledger(folder) as ledger:  # the next run goes on with the same rows
        assert len(ledger.done) == sum(rows for rows, _ in kept.values())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(lambda x: b"", "holds no rows that can be used", id="empty"),
        pytest.param(lambda x: gzip.compress(b"".join(x)), "are torn and not used: 1", id="packed"),
        pytest.param(
            lambda x: b"".join(json.dumps(json.loads(line)).encode() + b"\n" for line in x),
            "62 lines of the ledger are changed after it was written", id="formatted anew",
        ),
    ],
)  # fmt: skip
def test_a_ledger_without_one_sound_row_is_no_report_and_the_reason_is_said(
    tmp_path: Path, change: Change, said: str
) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / LEDGER
    path.write_bytes(change(path.read_bytes().splitlines(keepends=True)))
    result = report(folder)
    assert result.exit_code == 2
    assert said in words(result)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("name", [LEDGER, TRANSCRIPTS, "completions.jsonl"])
@pytest.mark.parametrize("kind", ["a folder", "a pipe or a device", "an endless device"])
def test_what_is_no_file_is_refused_and_never_waited_for(tmp_path: Path, name: str, kind: str) -> None:
    folder = write_run(tmp_path / "run")
    path = folder / name
    path.unlink(missing_ok=True)
    if kind == "a folder":
        path.mkdir()
    elif kind == "an endless device":
        path.symlink_to("/dev/zero")
    else:
        os.mkfifo(path)
    out = words(
        CliRunner().invoke(gap, ["merge", str(folder), "--out", str(tmp_path / "out")])
        if name == LEDGER
        else CliRunner().invoke(gap, ["merge", str(write_run(tmp_path / "other", samples=40)), "--out", str(folder)])
    )
    if name != "completions.jsonl":  # a merge needs none
        assert f"{path} is {'a folder' if kind == 'a folder' else 'a pipe or a device'} and no file" in out
    assert report(folder).exit_code == (2 if name == LEDGER else 0)


def test_a_link_to_a_file_is_that_file_and_a_link_to_nothing_is_said(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / LEDGER).rename(tmp_path / "elsewhere")
    (folder / LEDGER).symlink_to(tmp_path / "elsewhere")
    assert totals(folder) == WHOLE
    assert report(folder).exit_code == 0
    (tmp_path / "elsewhere").unlink()
    assert "holds no ledger.jsonl. Give the folder" in words(report(folder))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_ledger_that_may_not_be_read_is_a_sentence(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    (folder / LEDGER).chmod(0)
    assert "cannot be read: Permission denied. Mend its permissions" in words(report(folder))


def test_two_runs_with_other_data_under_one_name_are_said_to_be_mixed(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    other = write_run(tmp_path / "other", samples=31, data="d2")
    (folder / LEDGER).write_bytes((folder / LEDGER).read_bytes() + (other / LEDGER).read_bytes())
    assert "Rows of b come from 2 different sets of data under one name" in words(report(folder))


def test_a_transcript_of_another_row_or_a_damaged_one_is_never_shown(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", samples=3)
    path = folder / TRANSCRIPTS
    lines = path.read_bytes().splitlines(keepends=True)
    assert len({len(line) for line in lines}) == 1
    path.write_bytes(b"".join([lines[1], lines[0], *lines[2:-1], lines[-1].replace(b"two on", b"two at")]))

    page = write_page(analyze(read_columns(folder))).read_text("utf-8")

    assert "one on s0" not in page
    assert "two on s0" not in page
    assert "two at s2" not in page
    assert page.count('"damaged"') == 3
    assert "one on s1" in page
    assert transcript_of(folder, (0, len(lines[0]))) != []
    assert transcript_of(folder, (0, len(lines[0])), RowKey("one", "s0", 0)) == []
    assert transcript_of(folder, (0, len(lines[0])), RowKey("two", "s0", 0)) != []


def test_linked_pages_say_which_transcript_is_lost(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", samples=400)
    path = folder / TRANSCRIPTS
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    write_page(analyze(read_columns(folder)))
    pages = [page.read_text("utf-8") for page in sorted((folder / "transcripts" / "1").glob("*.html"))]
    kept = len([line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"}\n")])
    assert sum(page.count('">damaged</script>') for page in pages) == 800 - kept
    assert sum(page.count("one on s0") for page in pages) == 1


def test_line_ends_of_another_system_change_nothing_that_a_checksum_covers(tmp_path: Path) -> None:
    with Journal(tmp_path / "x.jsonl") as journal:
        journal.append({"kind": "row", "a": 1})
    content = (tmp_path / "x.jsonl").read_bytes()
    (tmp_path / "x.jsonl").write_bytes(content.replace(b"\n", b"\r\n"))
    (line,) = read(tmp_path / "x.jsonl")
    assert line.record["a"] == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("sample", ["plain", 'quo"te', "\u00fcml\u00e4ut\n", "http://me:secret@host/1", "\\back"])
def test_a_transcript_is_found_under_any_name_of_its_sample(tmp_path: Path, sample: str) -> None:
    row = Row(arm="one", benchmark="b", sample=sample, epoch=3, cluster="c", score=1, grade="right")
    with Ledger(tmp_path) as ledger:
        ledger.write(row, "h", [{"kind": "note"}])
    (line,) = (tmp_path / TRANSCRIPTS).read_bytes().splitlines(keepends=True)
    assert transcript_of(tmp_path, (0, len(line)), row.key) == [{"kind": "note"}]
    assert transcript_of(tmp_path, (0, len(line)), RowKey("one", "another", 3)) == []
