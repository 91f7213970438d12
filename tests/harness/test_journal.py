"""Append-only files: what was acknowledged survives, and what is damaged is said and set aside."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_harness.errors import DiskFull, LedgerError
from understudy_harness.journal import FORMAT, Damage, Journal, Line, decode, encode, read, secrets_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def kept(path: Path) -> list[dict[str, Any]]:
    return [line.record for line in read(path) if isinstance(line, Line)]


def damaged(path: Path) -> list[tuple[int, str]]:
    return [(line.line, line.problem) for line in read(path) if isinstance(line, Damage)]


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name not in ("v", "sum")), JSON, max_size=5))
def test_any_record_comes_back_as_it_was(record: dict[str, Any]) -> None:
    found = decode(encode({"v": FORMAT, **record})[:-1])

    assert isinstance(found, dict)
    assert {name: value for name, value in found.items() if name not in ("v", "sum")} == record


@given(st.integers(0, 60), st.integers(0, 255))
def test_one_changed_byte_is_never_taken_for_the_record(place: int, value: int) -> None:
    line = encode({"v": FORMAT, "kind": "row", "score": 1.0, "sample": "s17"})[:-1]
    changed = bytearray(line)
    changed[place % len(line)] = value

    assert bytes(changed) == line or decode(bytes(changed)) in ("edited", "torn")


def test_a_line_that_a_killed_writer_tore_is_closed_and_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.append({"n": 1})
        journal.append({"n": 2})
    path.write_bytes(path.read_bytes()[:-9])

    with Journal(path) as journal:
        journal.append({"n": 3})

    assert [record["n"] for record in kept(path)] == [1, 3]
    assert damaged(path) == [(2, "torn")]


def test_edited_and_newer_lines_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    with Journal(path) as journal:
        journal.append({"score": 0.0})
        journal.append({"score": 1.0})
    text = path.read_bytes().replace(b'"score":0.0', b'"score":1.0')
    path.write_bytes(text + encode({"v": FORMAT + 1, "score": 0.5}) + b"not a record\n")

    assert [record["score"] for record in kept(path)] == [1.0]
    assert damaged(path) == [(1, "edited"), (3, "newer"), (4, "torn")]


def test_a_record_is_read_back_from_its_place(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl") as journal:
        journal.append({"n": 1})
        place = journal.append({"n": 2, "text": "zwölf \ud800 <b>"})

        assert journal.read_at(*place)["text"] == "zwölf \ud800 <b>"


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.jsonl"), pytest.raises(LedgerError, match="Another process is writing"):
        Journal(tmp_path / "j.jsonl")


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(LedgerError, match="cannot be written"):
        Journal(tmp_path / "file" / "j.jsonl")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "j.jsonl").symlink_to("/dev/full")

    with Journal(tmp_path / "j.jsonl") as journal, pytest.raises(DiskFull, match="Make room and run the same command"):
        journal.append({"n": 1})


FILL = """
import resource, signal, sys
from pathlib import Path
from understudy_harness.errors import DiskFull
from understudy_harness.journal import Journal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    for n in range(100):
        journal.append({"n": n, "text": "x" * 50})
except DiskFull:
    print(n)
"""


def test_a_line_that_only_half_fits_on_the_disk_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"

    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, timeout=60)

    acknowledged = int(done.stdout)
    assert [record["n"] for record in kept(path)] == list(range(acknowledged))
    assert damaged(path) == []
    with Journal(path) as journal:
        journal.append({"n": acknowledged})
    assert len(kept(path)) == acknowledged + 1


def test_secrets_are_blanked_wherever_they_stand(tmp_path: Path) -> None:
    environment = {
        "OPENAI_API_KEY": 'sk-"quoted"-1234',
        "PATH": "/usr/bin:/bin",
        "GH_TOKEN": "ghp_abcdefgh",
        "X_KEY": "abc",
    }
    path = tmp_path / "j.jsonl"
    with Journal(path, secrets=secrets_of(environment)) as journal:
        journal.append({"text": 'the key is sk-"quoted"-1234 or ghp_abcdefgh', "at": "http://me:hunter22@host/v1"})

    text = path.read_text()
    assert "quoted" not in text
    assert "ghp_" not in text
    assert "hunter22" not in text
    assert kept(path)[0]["text"] == "the key is [secret] or [secret]"
