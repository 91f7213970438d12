"""Other languages: reports are read strictly, real tool chains run in the sandbox, results are exported."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from understudy_servers.testing.commands import test as people
from understudy_servers.testing.frameworks import cargo_test, ctrf, go_test, junit, tap
from understudy_servers.testing.frameworks.detect import detect
from understudy_servers.testing.frameworks.foreign import MissingToolchain
from understudy_servers.testing.result import Result

GO = "\n".join(
    json.dumps(event)
    for event in [
        {"Action": "start", "Package": "x"},
        {"Action": "run", "Package": "x", "Test": "TestAdd"},
        {"Action": "output", "Package": "x", "Test": "TestAdd", "Output": "    add_test.go:9: got 4, want 5\n"},
        {"Action": "fail", "Package": "x", "Test": "TestAdd", "Elapsed": 0},
        {"Action": "pass", "Package": "x", "Test": "TestZero", "Elapsed": 0},
        {"Action": "skip", "Package": "x", "Test": "TestLater", "Elapsed": 0},
        {"Action": "fail", "Package": "x", "Elapsed": 0.1},
    ]
)
CARGO = """\
running 3 tests
test tests::adds ... FAILED
test tests::zero ... ok
test tests::later ... ignored

failures:

---- tests::adds stdout ----

thread 'tests::adds' (12) panicked at src/lib.rs:7:9:
assertion `left == right` failed
  left: -1
 right: 3
note: run with `RUST_BACKTRACE=1`


failures:
    tests::adds
"""


def test_go_events_give_outcomes_and_what_a_failing_test_printed() -> None:
    report = go_test.parse(GO, 1)
    assert report.outcomes == {"x::TestAdd": "failed", "x::TestZero": "passed", "x::TestLater": "skipped"}
    assert report.facts["x::TestAdd"]["message"] == "add_test.go:9: got 4, want 5"
    assert report.collect_errors == []


def test_a_go_test_that_began_and_never_ended_is_a_failed_one() -> None:
    begun = {"Action": "run", "Package": "x", "Test": "TestAdd"}
    noise = {"Action": "output", "Package": "x", "Test": "TestAdd", "Output": "=== RUN   TestAdd\n"}
    said = {"Action": "output", "Package": "x", "Test": "TestAdd", "Output": "panic: oops\n"}
    report = go_test.parse("\n".join(map(json.dumps, [begun, noise, said])), 1)
    assert (report.outcomes, report.facts["x::TestAdd"]["message"]) == ({"x::TestAdd": "failed"}, "panic: oops")


def test_a_go_package_that_does_not_build_is_a_collection_error() -> None:
    report = go_test.parse('{"Action": "fail", "Package": "x"}\nnot json\n', 1)
    assert [error["id"] for error in report.collect_errors] == ["x"]


def test_libtest_gives_the_place_and_both_sides_of_an_assertion() -> None:
    report = cargo_test.parse(CARGO, 1)
    assert report.outcomes == {"tests::adds": "failed", "tests::zero": "passed", "tests::later": "skipped"}
    facts = report.facts["tests::adds"]
    assert (facts["kind"], facts["where"], facts["actual"], facts["expected"]) == ("assert", "src/lib.rs:7", "-1", "3")


def test_the_first_error_of_the_rust_compiler_is_a_collection_error() -> None:
    report = cargo_test.parse("error[E0425]: cannot find value `z`\n --> src/lib.rs:1:40\n  |\n", 1)
    assert report.collect_errors[0]["message"] == "cannot find value `z`"
    assert report.collect_errors[0]["where"] == "src/lib.rs:1:40"


def test_tap_counts_a_promised_test_that_is_missing_as_failed() -> None:
    report = tap.parse("1..4\nok 1 - one\nnot ok 2 - two\nok 3 - three # SKIP later\n", 1)
    assert report.outcomes == {"1 one": "passed", "2 two": "failed", "3 three": "skipped", "4 (missing)": "failed"}


def test_junit_is_read_with_failures_errors_and_skips() -> None:
    report = junit.parse(
        b"<testsuites><testsuite><testcase classname='a' name='x'/><testcase classname='a' name='y'>"
        b"<failure message='no'/></testcase><testcase name='z'><skipped/></testcase></testsuite></testsuites>",
        1,
    )
    assert report.outcomes == {"a::x": "passed", "a::y": "failed", "z": "skipped"}
    assert report.facts["a::y"]["message"] == "no"


def test_a_junit_report_with_entities_is_refused() -> None:
    bomb = b"<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;&a;'>]><testsuite>&b;</testsuite>"
    with pytest.raises(junit.BadReport, match="defines entities"):
        junit.parse(bomb, 0)


@given(st.binary(max_size=300))
def test_a_damaged_junit_report_is_refused_in_words_or_read(data: bytes) -> None:
    with suppress(junit.BadReport):
        junit.parse(data, 0)


@given(st.text(max_size=300))
def test_no_output_breaks_the_readers_of_text(text: str) -> None:
    for report in (tap.parse(text, 0), go_test.parse(text, 0), cargo_test.parse(text, 0)):
        assert report.finish is not None


def result() -> Result:
    outcomes = {"test_a.py::test_one": "passed", "test_a.py::test_two": "failed", "test_a.py::test_three": "skipped"}
    failure = {"id": "test_a.py::test_two", "message": "assert 1 == \x1b[31m2"}
    return Result("failed", passed=1, failed=1, skipped=1, total=3, failures=[failure], outcomes=outcomes)


def test_a_result_is_exported_as_junit_that_can_be_read_back() -> None:
    text = junit.export(result())
    assert ET.fromstring(text).attrib["failures"] == "1"
    report = junit.parse(text.encode(), 1)
    assert sorted(report.outcomes.values()) == ["failed", "passed", "skipped"]


def test_a_result_is_exported_as_ctrf() -> None:
    document = json.loads(ctrf.export(result()))["results"]
    assert document["summary"]["tests"] == 3
    assert [test["status"] for test in document["tests"]] == ["passed", "failed", "skipped"]


def project(folder: Path, files: dict[str, str]) -> Path:
    folder.chmod(0o755)
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.clients
def test_node_tests_are_run_and_report_over_the_private_channel(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed")
    test = (
        'import test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "./sum.js";\n'
        'test("adds", () => assert.strictEqual(sum(1, 2), 3));\n'
    )
    package = '{"type": "module", "scripts": {"test": "node --test"}}'
    wrong = project(
        tmp_path, {"package.json": package, "sum.js": "export const sum = (a, b) => a - b;\n", "sum.test.js": test}
    )
    failed = CliRunner().invoke(people, ["run", "--root", str(wrong)])
    assert failed.exit_code == 1
    assert "expected 3, got -1" in failed.output
    (tmp_path / "sum.js").write_text("export const sum = (a, b) => a + b;\n")
    passed = CliRunner().invoke(people, ["run", "--root", str(tmp_path)])
    assert (passed.exit_code, "passed: 1 passed" in passed.output) == (0, True)
    (tmp_path / "sum.js").write_text("process.exit(0);\nexport const sum = 1;\n")
    forged = CliRunner().invoke(people, ["run", "--root", str(tmp_path)])
    assert forged.exit_code == 1


@pytest.mark.clients
def test_cargo_tests_are_run_and_marked_as_unverified(tmp_path: Path) -> None:
    if shutil.which("cargo") is None:
        pytest.skip("cargo is not installed")
    manifest = '[package]\nname = "x"\nversion = "0.1.0"\nedition = "2021"\n'
    lock = "# This file is automatically @generated by Cargo.\n# It is not intended for manual editing.\n"
    lock += 'version = 4\n\n[[package]]\nname = "x"\nversion = "0.1.0"\n'
    code = "pub fn add(a: i32, b: i32) -> i32 { a - b }\n#[test]\nfn adds() { assert_eq!(add(1, 2), 3); }\n"
    root = project(tmp_path, {"Cargo.toml": manifest, "Cargo.lock": lock, "src/lib.rs": code})
    failed = CliRunner().invoke(people, ["run", "--root", str(root)])
    assert failed.exit_code == 1
    assert "expected 3, got -1" in failed.output


def test_another_framework_is_read_by_its_tap(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.txt": ""})
    command = "echo 1..2; echo ok 1 - one; echo not ok 2 - two; exit 1"
    answer = CliRunner().invoke(people, ["run", "--root", str(root), "--command", command])
    assert answer.exit_code == 1
    assert "failed: 1 passed, 1 failed" in answer.output


def test_another_framework_is_read_by_its_junit_report_and_exported(tmp_path: Path) -> None:
    root = project(tmp_path, {"a.txt": ""})
    command = "echo '<testsuite><testcase name=\"one\"/></testsuite>' > /tmp/tmp/r.xml"
    options = ["--command", command, "--junit", "/tmp/tmp/r.xml", "--write-ctrf", str(tmp_path / "out.json")]
    answer = CliRunner().invoke(people, ["run", "--root", str(root), *options])
    assert (answer.exit_code, "passed: 1 passed" in answer.output) == (0, True)
    assert json.loads((tmp_path / "out.json").read_text())["results"]["summary"]["passed"] == 1


def test_a_missing_tool_chain_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    root = project(tmp_path, {"go.mod": "module x\n"})
    answer = CliRunner().invoke(people, ["run", "--root", str(root)])
    assert answer.exit_code == 3
    assert "These tests need 'go'" in answer.output


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH on which every program is found."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("node", "cargo", "go"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize(
    ("files", "name", "words"),
    [
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "node:test", ["--test-name-pattern", "adds"]),
        ({"package.json": '{"devDependencies": {"vitest": "5"}}'}, "vitest", ["-t", "adds"]),
        ({"package.json": '{"dependencies": {"jest": "30"}}'}, "jest", ["-t", "adds"]),
        ({"package.json": '{"scripts": {"test": "jest --ci"}}'}, "jest", ["-t", "adds"]),
        ({"go.mod": "module x\n"}, "go test", ["-run", "adds"]),
        ({"Cargo.toml": "[package]\n"}, "cargo test", ["adds"]),
    ],
)
def test_a_framework_is_found_by_its_files_and_started_for_a_selection(
    tmp_path: Path, tools: Path, files: dict[str, str], name: str, words: list[str]
) -> None:
    scripts = {"node_modules/vitest/vitest.mjs": "", "node_modules/jest/bin/jest.js": ""}
    for path, text in {**files, **scripts}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    found = detect(tmp_path)
    assert found is not None
    assert found.name == name
    command = found.command(tmp_path, ["adds"])
    assert command[0].startswith(str(tools))
    assert [word for word in words if word in command] == words
    assert set(found.support()) <= {
        "node_guard.mjs",
        "node_reporter.mjs",
        "vitest_reporter.mjs",
        "jest_reporter.mjs",
        "reporter_events.mjs",
    }
    assert all(os.path.isabs(path) for path in found.readable())
    assert all(isinstance(value, str) for value in found.environment().values())


@pytest.mark.parametrize(
    "text", ["", "[]", '{"scripts": []}', "{", '{"devDependencies": 1}', '{"scripts": {"test": "mocha"}}']
)
def test_a_package_that_names_no_runner_is_no_framework(tmp_path: Path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    assert detect(tmp_path) is None


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"package.json": '{"scripts": {"test": "node --test"}}'}, "These tests need 'node'"),
        ({"package.json": '{"devDependencies": {"vitest": "5"}}'}, "These tests need 'node'"),
        ({"go.mod": "module x\n"}, "Install Go"),
        ({"Cargo.toml": "[package]\n"}, "Install Rust with rustup"),
    ],
)
def test_each_missing_tool_chain_is_a_sentence_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], said: str
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    found = detect(tmp_path)
    assert found is not None
    with pytest.raises(MissingToolchain, match=said):
        found.command(tmp_path, None)


def test_a_junit_report_that_is_too_large_or_no_xml_is_refused_in_words() -> None:
    with pytest.raises(junit.BadReport, match="larger than 16 MiB"):
        junit.parse(b" " * ((16 << 20) + 1), 0)
    with pytest.raises(junit.BadReport, match="is not XML"):
        junit.parse(b"<a>", 0)
    assert junit.parse(b"<a><testcase name='x'/><testcase name='x'/></a>", 0).outcomes == {
        "x": "passed",
        "x'": "passed",
    }
