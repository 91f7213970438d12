"""A run whose arms read documentation waits for the docs server's index, and its rows name that index."""

import io
import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.harness.answering import AnsweringServer, answering

from understudy_harness.analysis import analyze
from understudy_harness.cli import understudy
from understudy_harness.columns import read_columns
from understudy_harness.ledger import read_ledger, transcript_of
from understudy_harness.news import about_benchmark
from understudy_harness.progress import Progress

OTHER_SERVER = '''
import sys
from mcp.server.mcpserver import MCPServer

server = MCPServer("docs")
vectors, asked = sys.argv[1], []


def state() -> str:
    return vectors if vectors != "soon" else "building" if len(asked) < 4 else "ready"


@server.tool(name="query-docs")
def query(libraryId: str, query: str, tokens: int = 0) -> dict[str, object]:
    """Read documentation."""
    asked.append(query)
    return {"snippets": [], "vectors": state()}


if vectors != "untold":
    @server.tool(name="list-libraries")
    def libraries() -> dict[str, object]:
        """List libraries."""
        listed = [{"id": "/local/adder", "vectors": state()}]
        return {"libraries": listed, "digest": "00ff", "embedder": "a-model"}


server.run()
'''


def write_questions(path: Path, count: int = 3) -> Path:
    rows = [
        {"id": f"q{n}", "prompt": f"What is {n} + 2?", "number": str(n + 2), "libraries": ["adder"]}
        for n in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def write_docs(folder: Path, words: str = "Call add to add numbers.") -> Path:
    (folder / "adder").mkdir(parents=True, exist_ok=True)
    (folder / "adder" / "adding.md").write_text(f"# Adding numbers\n\n{words} What it is: a sum.\n", "utf-8")
    return folder / "adder"


def docs_server(tmp_path: Path, docs: Path) -> str:
    (tmp_path / "project").mkdir(exist_ok=True)
    words = ["understudy", "serve", "docs", "--home", tmp_path / "home", "--root", tmp_path / "project", "--add", docs]
    return shlex.join([*map(str, words), "--embedder", "off", "--in-process"])


def other_server(tmp_path: Path, vectors: str) -> str:
    script = tmp_path / "other.py"
    script.write_text(OTHER_SERVER, "utf-8")
    return shlex.join([sys.executable, str(script), vectors])


def gap(server: AnsweringServer, tmp_path: Path, docs: str, *more: str, scaffold: str = "Docs()") -> Result:
    questions = write_questions(tmp_path / "questions.jsonl")
    words = ["gap", "run", "--local", server.spec("small"), "--scaffold", scaffold, "--benchmark", str(questions)]
    words += ["--split", "all", "--server", f"docs={docs}", "--out", str(tmp_path / "out"), *more]
    return CliRunner().invoke(understudy, words)


def rows_of(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [line.record for line in read_ledger(folder) if line.record["kind"] == kind]  # type: ignore[union-attr]


def news_of(folder: Path) -> str:
    (result,) = analyze(read_columns(folder)).benchmarks
    return " ".join(about_benchmark(result))


def test_rows_name_the_index_that_they_were_answered_from(tmp_path: Path) -> None:
    with answering() as server:
        done = gap(server, tmp_path, docs_server(tmp_path, write_docs(tmp_path / "documents")))

    assert done.exit_code == 0, done.output
    assert "Its vectors are off, so it is searched by words alone" in done.output
    columns = read_columns(tmp_path / "out")
    (index,) = [fact for fact in columns.facts.values() if "server" in fact]
    assert index["facts"]["vectors"] == "off"
    assert index["facts"]["libraries"] == 1
    kinds = {arm["id"]: arm["kind"] for arm in columns.arms.values()}
    with_index = [kinds[row["arm"]] for row in rows_of(tmp_path / "out", "row") if index["id"] in row.get("facts", ())]
    assert with_index == ["S"] * 3
    news = news_of(tmp_path / "out")
    assert "S Docs(): the documentation was searched by words alone: vectors were off." in news
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Documentation indexes" in page
    assert f"<td>{index['facts']['digest']}</td>" in page


def test_no_row_runs_before_the_vectors_are_ready(tmp_path: Path) -> None:
    with answering() as server:
        done = gap(server, tmp_path, other_server(tmp_path, "soon"))

    assert done.exit_code == 0, done.output
    columns = read_columns(tmp_path / "out")
    found = [
        json.loads(event["detail"]["text"])["vectors"]
        for offset, length in zip(columns.columns["transcript"], columns.columns["length"], strict=True)
        for event in transcript_of(tmp_path / "out", (int(offset), int(length)))
        if event.get("name") == "docs.query-docs"
    ]
    assert found == ["ready"] * 3


def test_a_run_that_goes_on_with_another_index_says_so_and_its_report_too(tmp_path: Path) -> None:
    docs = write_docs(tmp_path / "documents")
    with answering() as server:
        gap(server, tmp_path, docs_server(tmp_path, docs))
        same = gap(server, tmp_path, docs_server(tmp_path, docs), "--epochs", "2")
        write_docs(tmp_path / "documents", "Call plus to add numbers, since version 2.")
        other = gap(server, tmp_path, docs_server(tmp_path, docs), "--epochs", "3")

    assert "for earlier rows" not in same.output
    assert other.exit_code == 0, other.output
    assert "questions.jsonl: the documentation's index was" in other.output
    columns = read_columns(tmp_path / "out")
    digests = [fact["facts"]["digest"] for fact in columns.facts.values() if "server" in fact]
    assert len(set(digests)) == 2
    news = news_of(tmp_path / "out")
    assert "rows were answered from 2 states of the documentation's index" in news
    assert all(digest in news for digest in digests)


def test_vectors_that_are_not_ready_in_time_end_the_run_before_a_row_that_reads_documentation(tmp_path: Path) -> None:
    with answering() as server:
        done = gap(server, tmp_path, other_server(tmp_path, "building"), "--docs-wait", "0.3")

    assert done.exit_code == 4
    assert "still indexing 1 of 1 library" in done.output
    assert "--docs-wait" in done.output
    columns = read_columns(tmp_path / "out")
    assert {columns.arms[row["arm"]]["kind"] for row in rows_of(tmp_path / "out", "row")} <= {"L"}


@pytest.mark.parametrize(
    ("vectors", "said", "told"),
    [
        pytest.param("ready", "vectors of a-model", "", id="ready"),
        pytest.param("failed", "Its vectors failed", "the vectors of the documentation failed", id="failed"),
        pytest.param("untold", "tells no digest of its index", "told no digest of its index", id="not our server"),
    ],
)
def test_the_state_of_the_vectors_is_said_and_reported(tmp_path: Path, vectors: str, said: str, told: str) -> None:
    with answering() as server:
        done = gap(server, tmp_path, other_server(tmp_path, vectors))

    assert done.exit_code == 0, done.output
    assert said in done.output
    news = news_of(tmp_path / "out")
    assert told in news
    assert ("documentation" in news) == bool(told)


def test_a_library_that_is_not_documented_is_named_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "documents" / "other").mkdir(parents=True)
    (tmp_path / "documents" / "other" / "page.md").write_text("# Other\n\nSomething else.\n", "utf-8")
    with answering() as server:
        done = gap(server, tmp_path, docs_server(tmp_path, tmp_path / "documents" / "other"))

    assert done.exit_code == 0, done.output
    assert "The docs server has no documentation of adder: those samples get none." in done.output


def test_arms_without_documentation_wait_for_no_docs_server(tmp_path: Path) -> None:
    with answering() as server:
        done = gap(server, tmp_path, other_server(tmp_path, "building"), "--docs-wait", "0", scaffold="Vote(n=3)")

    assert done.exit_code == 0, done.output
    assert [fact for fact in rows_of(tmp_path / "out", "facts") if "server" in fact] == []


def test_a_sentence_stands_on_a_line_of_its_own() -> None:
    progress = Progress(stream=io.StringIO())
    progress.say("The documentation is indexed.")
    assert progress.stream.getvalue() == "The documentation is indexed.\n"  # type: ignore[attr-defined]
