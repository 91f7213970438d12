"""Reading data: gzip, arrays, encodings, sizes, and the names in the registry."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy_harness.benchmarks import KNOWN, open_benchmark
from understudy_harness.benchmarks import data as data_module
from understudy_harness.benchmarks.data import file_hash, read_records
from understudy_harness.errors import BenchmarkError


def test_json_lines_a_json_array_and_their_gzip_read_alike(tmp_path: Path) -> None:
    items = [{"a": 1, "text": "line\u2028separator"}, {"a": 2}]
    lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in items)
    (tmp_path / "lines.jsonl").write_text(lines, encoding="utf-8")
    (tmp_path / "array.json").write_text(json.dumps(items), encoding="utf-8")
    (tmp_path / "packed.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    for name in ("lines.jsonl", "array.json", "packed.jsonl.gz"):
        assert [record.fields for record in read_records(tmp_path / name)] == items


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none()), max_size=5))
def test_whatever_is_written_as_json_lines_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, items: list[object]
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    assert [record.fields for record in read_records(path)] == items


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b'{"a": 1}\n\xff\xfe\n', ":2: the text is not UTF-8", id="broken encoding"),
        pytest.param(b"\x1f\x8b\x08\x00broken", "cannot be read", id="broken gzip"),
        pytest.param(gzip.compress(b'{"a": 1}\n' * 9)[:-9], "cannot be read", id="torn gzip"),
        pytest.param(b"[" * 100_000, "not valid JSON", id="deep nesting"),
        pytest.param(b'[{"a": 1},', "not valid JSON", id="torn array"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match=said):
        list(read_records(path))


def test_a_file_that_unpacks_beyond_the_cap_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 10_000_000))
    monkeypatch.setattr(data_module, "MOST_BYTES", 1_000_000)
    with pytest.raises(BenchmarkError, match="so it was not read"):
        list(read_records(path))


def test_a_missing_file_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="There is no file"):
        list(read_records(tmp_path / "none.jsonl"))


def test_a_digest_is_of_the_file_as_it_lies_there(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_hash(tmp_path / "x").startswith("ba7816bf")


def test_an_unknown_name_lists_the_known_ones_and_the_nearest() -> None:
    with pytest.raises(BenchmarkError, match="Did you mean 'gsm8k'") as refused:
        open_benchmark("gsm9k")
    assert "fixture-sums" in refused.value.message


def test_data_that_was_not_fetched_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path))
    with pytest.raises(BenchmarkError, match="understudy gap benchmarks fetch humaneval") as refused:
        open_benchmark("humaneval")
    assert str(tmp_path) in refused.value.message


def test_data_in_the_data_folder_is_found_by_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path))
    path = tmp_path / "benchmarks" / "gsm8k" / "test.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text('{"question": "q", "answer": "#### 1"}\n', encoding="utf-8")
    benchmark = open_benchmark("gsm8k")
    assert benchmark.name == "gsm8k"
    assert [sample.id for sample in benchmark.samples("all")] == ["gsm8k/1"]


@pytest.mark.parametrize("name", [name for name, entry in KNOWN.items() if entry.data is None and not entry.needs_path])
def test_a_generated_or_bundled_benchmark_opens_and_states_what_it_measures(name: str) -> None:
    benchmark = open_benchmark(name)
    statement, samples = benchmark.statement, benchmark.samples("test")
    assert benchmark.name == name
    assert statement.check
    assert statement.grade
    assert statement.cluster
    assert statement.reply
    assert len({sample.id for sample in samples}) == len(samples) > 0
    assert not {sample.id for sample in samples} & {sample.id for sample in benchmark.samples("dev")}
    with pytest.raises(BenchmarkError, match="takes no path"):
        open_benchmark(f"{name}:/somewhere")
