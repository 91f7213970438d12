"""C++ and Java: what the stand-ins for Catch2, JUnit 5 and AssertJ say, compilers' words, and attacks on the report."""

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as relaxed
from hypothesis import strategies as st
from mcp import Client
from tests.servers.testing.corpus import compiled as corpus

from understudy_servers.testing.engines.execute import Machine
from understudy_servers.testing.frameworks import compiled_run
from understudy_servers.testing.frameworks.catch2 import Catch2
from understudy_servers.testing.frameworks.compiled_run import (
    Heard,
    Tampered,
    errors_in,
    settings,
    sided,
    steered,
    utf8,
)
from understudy_servers.testing.frameworks.detect import detect_loose
from understudy_servers.testing.frameworks.foreign import MissingToolchain
from understudy_servers.testing.frameworks.junit5 import Junit5
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server
from understudy_servers.testing.verdict.judge import read_events
from understudy_servers.testing.workspace import address

CPP = pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler is installed")
JAVA = pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK is installed")


async def judged(files: Mapping[str, str], candidate: Mapping[str, str], wall_s: float = 60.0) -> dict[str, Any]:
    machine = Machine(limits=Limits(wall_s=wall_s, cpu_s=120))
    sent = {"id": address(files, files), "files": dict(files), "protected": sorted(files), "hidden": []}
    meta: Any = {"understudy/workspace": sent}
    async with Client(build_server(Settings(machine=machine))) as client:
        result = await client.call_tool("run_tests", {"files": dict(candidate)}, meta=meta)
    content: dict[str, Any] | None = result.structured_content
    assert content is not None
    return content


@pytest.mark.clients
@CPP
@pytest.mark.parametrize("name", corpus.CPP_ATTACKS)
async def test_no_cpp_code_passes_by_leaving_or_by_what_it_writes(name: str) -> None:
    code, word = corpus.CPP_ATTACKS[name]
    wall_s = 8.0 if word == "timeout" else 60.0
    result = await judged({**corpus.CMAKE, "test_f.cpp": corpus.CPP_TEST}, {"f.cpp": code}, wall_s)
    assert (result["verdict"], result["channel"]) == (word, "private"), result


@pytest.mark.clients
@JAVA
@pytest.mark.parametrize("name", corpus.JAVA_ATTACKS)
async def test_no_java_code_passes_by_leaving_or_by_what_it_writes(name: str) -> None:
    code, word = corpus.JAVA_ATTACKS[name]
    result = await judged({**corpus.GRADLE, "CodeTest.java": corpus.JAVA_TEST}, {"Code.java": code})
    assert (result["verdict"], result["channel"]) == (word, "private"), result


def driven(framework: Catch2 | Junit5, folder: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the driver here, without a sandbox, and read its report as the server does."""
    here, root, scratch = (folder / name for name in ("support", "root", "scratch"))
    for place, texts in ((here, framework.support()), (root, files)):
        for path, text in texts.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
    scratch.mkdir()
    language, compiler, *_ = framework.command(root, None)[4:]
    letter, writer = os.pipe()
    os.write(writer, b"mark")
    os.close(writer)
    with (folder / "events").open("wb") as events:
        monkeypatch.setattr(compiled_run, "HERE", here)
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        for name, value in {**framework.environment(), "TMPDIR": str(scratch)}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("UNDERSTUDY_MARK", str(letter))
        monkeypatch.setenv("UNDERSTUDY_EVENTS", str(events.fileno()))
        monkeypatch.chdir(root)
        status = compiled_run.main(language, compiler)
    report = read_events((folder / "events").read_bytes(), "mark")
    assert report.end == {"code": status}
    assert not report.signs
    return report


def right_of(name: str) -> str:
    return "failed" if name.rpartition("::")[2].startswith("no") else "passed"


@pytest.mark.clients
@CPP
def test_every_word_of_catch2_that_is_known_holds_and_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = driven(Catch2(), tmp_path, {**corpus.CMAKE, "words_test.cpp": corpus.CPP_WORDS}, monkeypatch)
    assert report.outcomes == {name: right_of(name) for name in report.outcomes}
    assert len(report.outcomes) == corpus.CPP_WORDS.count("TEST_CASE(") - 1 + corpus.CPP_WORDS.count("SCENARIO(")
    facts = report.facts["words_test.cpp::no equal"]
    assert (facts["call"], facts["expected"], facts["actual"]) == ('std::string("x")', '"y"', '"x"')
    assert facts["message"].startswith('REQUIRE( std::string("x") == "y" ) with "x" == "y" (told 1) (runs := ')
    assert facts["where"].startswith("words_test.cpp:")
    assert (
        "Color::red == Color::blue ) with red == blue"
        in (report.facts["words_test.cpp::no more after REQUIRE, but after CHECK"]["message"])
    )
    assert report.facts["words_test.cpp::no uncaught"]["message"] == "threw: no value"
    assert report.facts["words_test.cpp::no way"]["message"] == '"quoted" é'


@pytest.mark.clients
@JAVA
def test_every_word_of_junit_and_assertj_that_is_known_holds_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = driven(Junit5(), tmp_path, {**corpus.GRADLE, "WordsTest.java": corpus.JAVA_WORDS}, monkeypatch)
    assert report.outcomes == {name: right_of(name) for name in report.outcomes}
    assert len(report.outcomes) == corpus.JAVA_WORDS.count("@Test ")
    facts = report.facts["WordsTest::noOrder"]
    assert (facts["call"], facts["expected"]) == ("the value in WordsTest::noOrder", "[1, 2]")
    assert (facts["kind"], facts["actual"]) == ("assert", "[2, 1]")
    assert facts["message"] == "Expecting [2, 1] to contain exactly, and in this order, [1, 2]"
    assert facts["where"].startswith("WordsTest.java:")
    assert report.facts["WordsTest::noMessage"]["call"] == "the message in WordsTest::noMessage"
    assert report.facts["WordsTest::noEqual"]["message"] == '[told 1] Expecting "x" to be equal to "y"'
    assert report.facts["WordsTest::noFail"]["message"] == "told 2"
    assert report.facts["WordsTest::noUncaught"]["message"] == 'java.lang.IllegalStateException: "quoted" é'


@pytest.mark.clients
@JAVA
def test_a_disabled_test_is_skipped_and_a_class_that_cannot_be_made_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (
        'import org.junit.jupiter.api.*;\nclass ATest { @Disabled("later") @Test void a() {}\n'
        "  class Inner { @Test void b() {} }\n}\nclass BTest {\n"
        '  @BeforeAll static void no() { throw new Error("early"); }\n'
        "  @Test void c() {}\n}\n@Disabled class CTest { @Test void d() {} }\n"
    )
    report = driven(Junit5(), tmp_path, {**corpus.GRADLE, "ATest.java": text}, monkeypatch)
    assert report.outcomes == {
        "ATest::a": "skipped",
        "ATest$Inner::b": "failed",
        "BTest::c": "failed",
        "CTest::d": "skipped",
    }
    assert "no constructor without arguments" in report.facts["ATest$Inner::b"]["message"]
    assert report.facts["BTest::c"]["message"] == "java.lang.Error: early"


@pytest.mark.clients
@CPP
def test_code_that_does_not_compile_or_link_is_said_by_the_places_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**corpus.CMAKE, "test_f.cpp": corpus.CPP_TEST, "f.h": "", "g.cpp": "int g() { return h(); }\n"}
    for name in "abc":
        (tmp_path / name).mkdir()
    report = driven(Catch2(), tmp_path / "a", files, monkeypatch)
    assert [error["where"] for error in report.collect_errors] == ["g.cpp:1"]
    assert "'h' was not declared" in report.collect_errors[0]["message"]
    report = driven(Catch2(), tmp_path / "c", {**files, "test/catch.hpp": "#define CHECK(x) x\n"}, monkeypatch)
    assert "Catch2's own files have no place here" in report.collect_errors[0]["message"]
    report = driven(Catch2(), tmp_path / "b", {**files, "g.cpp": ""}, monkeypatch)
    assert [error["message"] for error in report.collect_errors] == ["f() is declared and nowhere defined"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        pytest.param("f.cpp:3:5: error: expected ';'\n    3 | x\n", "f.cpp:3 expected ';'", id="a compiler for C++"),
        pytest.param("f.h:1:10: fatal error: x.h: No such file\n", "f.h:1 x.h: No such file", id="a missing header"),
        pytest.param(
            "src/A.java:7: error: cannot find symbol\n  x\n   ^\n  symbol:   class B\n  location: class A\n1 error\n",
            "src/A.java:7 cannot find symbol (class B)",
            id="javac",
        ),
        pytest.param("error: no source files\n", " error: no source files", id="no place"),
        pytest.param(
            "/usr/bin/ld: TMP/0.o: in function `x':\nf.cpp:(.text+0x9): undefined reference to `f()'\ncollect2:\n",
            " f() is declared and nowhere defined",
            id="a linker",
        ),
        pytest.param(
            "ld: b.o: multiple definition of `main'; a.o:(.text+0x0): first defined here",
            " main is defined in two files",
            id="twice",
        ),
        pytest.param("  ", " the compiler failed and said nothing", id="nothing"),
        pytest.param(
            "a.cpp:1:1: error: no f\na.cpp:2:1: error: no Catch::Info\nb.cpp:9:1: note: here\n",
            "a.cpp:1 no f",
            id="ours follow",
        ),
    ],
)
def test_the_errors_of_compilers_are_read(said: str, message: str) -> None:
    (error,) = errors_in(said)
    assert f"{error.get('where', '')} {error['message']}" == message


@relaxed(deadline=None)
@given(st.text(max_size=300))
def test_whatever_a_compiler_says_is_at_least_one_error(text: str) -> None:
    assert 1 <= len(errors_in(text)) <= compiled_run.MOST_ERRORS


def test_the_standard_and_the_warnings_of_the_project_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings() == ["-std=c++17"]
    text = 'CXX_STANDARD 20\nCOMPILE_FLAGS "-Wall -Werror=shadow")\nCOMPILE_FLAGS "/WX"\nADD "-fplugin=x.so"\n'
    (tmp_path / "CMakeLists.txt").write_text(text)
    assert settings() == ["-std=c++20", "-Wall", "-Werror=shadow"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("#define REQUIRE(x)", "REQUIRE", id="plain"),
        pytest.param("  #  undef  CHECK", "CHECK", id="undefined"),
        pytest.param("#/* a */define/* b */TEST_CASE(x)", "TEST_CASE", id="comments"),
        pytest.param("#def\\\nine REQUIRE(x)", "REQUIRE", id="over two lines"),
        pytest.param("%:define REQUIRE(x)", "REQUIRE", id="the other spelling"),
        pytest.param('_Pragma("push_macro(\\"CHECK\\")")', "push_macro", id="a pragma"),
        pytest.param("namespace Catch { void fail() {} }", "Catch", id="the namespace"),
        pytest.param("template <> int Catch :: f<int>();", "Catch", id="a name in it"),
        pytest.param('"/*";\n#define CHECK(x)\n"*/";', "CHECK", id="between strings that look like a comment"),
        pytest.param("#define MINE(x) x\n// #define CHECK\n", None, id="its own"),
    ],
)
def test_code_that_gives_the_tests_words_another_meaning_is_found(
    text: str, name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "include").mkdir()
    (tmp_path / "include/catch.hpp").write_text(Catch2().support()["include/catch.hpp"])
    monkeypatch.setattr(compiled_run, "HERE", tmp_path)
    assert steered(text) == name
    assert steered(text, test=True) == (None if name == "Catch" else name)


def heard_all(heard: Heard, events: Sequence[Mapping[str, Any]]) -> None:
    for event in events:
        heard.take(dict(event))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([{"e": "end", "id": "a", "outcome": "passed"}], id="an end without a beginning"),
        pytest.param([{"e": "begin", "id": "a"}, {"e": "begin", "id": "b"}], id="two at once"),
        pytest.param([{"e": "begin", "id": "a"}, {"e": "done"}], id="done in the middle"),
        pytest.param([{"e": "begin", "id": "a"}, {"e": "end", "id": "a", "outcome": "failed"}], id="no reason"),
        pytest.param([{"e": "begin", "id": "a"}, {"e": "end", "id": "b", "outcome": "passed"}], id="another one's end"),
        pytest.param([{"e": "done"}, {"e": "begin", "id": "a"}], id="after the end"),
        pytest.param([{"e": "what"}], id="an unknown word"),
        pytest.param(
            [{"e": "begin", "id": "a"}, {"e": "end", "id": "a", "outcome": "passed"}, {"e": "begin", "id": "a"}],
            id="twice",
        ),
    ],
)
def test_a_report_in_another_order_than_ours_is_forged(events: list[dict[str, str]]) -> None:
    heard = Heard()
    with pytest.raises(Tampered, match="report_forged"):
        heard_all(heard, events)


def test_a_test_in_whose_middle_the_process_ends_is_a_failed_one() -> None:
    for status, how in ((0, "exit status 0"), (-6, "signal SIGABRT")):
        heard = Heard()
        heard.take({"e": "begin", "id": "a"})
        heard.cut_short(status)
        assert heard.outcomes == {"a": "failed"}
        assert heard.facts["a"]["message"] == f"the process ended in the middle of this test, with {how}"
    heard = Heard()
    heard.cut_short(1)
    assert heard.outcomes == {}


@pytest.mark.parametrize(
    ("call", "sides", "found"),
    [
        pytest.param("f(1) == 2", ("3", "2"), ("f(1)", "2", "3"), id="the call on the left"),
        pytest.param("2 == f(1)", ("2", "3"), ("f(1)", "2", "3"), id="the call on the right"),
        pytest.param("a == b", ("3", "2"), ("a == b", "true", "3 == 2 (told)"), id="no call"),
        pytest.param("f() == g()", ("3", "2"), ("f() == g()", "true", "3 == 2 (told)"), id="two calls"),
        pytest.param("f(1) == b", ("{?}", "2"), ("f(1) == b", "true", "{?} == 2 (told)"), id="no text"),
        pytest.param("f(1) < 2", ("3 < 2", "true"), ("f(1) < 2", "true", "3 < 2"), id="another comparison"),
    ],
)
def test_a_failed_comparison_says_what_had_to_be_what(
    call: str, sides: tuple[str, str], found: tuple[str, str, str]
) -> None:
    actual, expected = sides
    message = f"REQUIRE( {call} ) with {actual} == {expected} (told)"
    facts = sided({"call": call, "actual": actual, "expected": expected, "message": message})
    assert (facts["call"], facts["expected"], facts["actual"]) == found


def test_bytes_and_characters_come_out_as_they_were_meant() -> None:
    assert [utf8("\xc3\xa9"), utf8("\xe9"), utf8("→"), utf8("a")] == ["é", "é", "→", "a"]


def test_compiled_languages_are_known_by_their_manifests_and_what_is_missing_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert [
        getattr(detect_loose({name: ""}), "name", None) for name in ("CMakeLists.txt", "build.gradle", "pom.xml", "x")
    ] == ["Catch2 (stand-in)", "JUnit 5 (stand-in)", "JUnit 5 (stand-in)", None]
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(MissingToolchain, match=r"need 'c\+\+', which is not on the PATH of the server. Install g\+\+"):
        Catch2().command(tmp_path, None)
    with pytest.raises(MissingToolchain, match=r"need 'javac'.* Install a JDK, version 17 or newer"):
        Junit5().command(tmp_path, None)
    assert Catch2().readable() == []
    (tmp_path / "jdk/bin").mkdir(parents=True)
    (tmp_path / "jdk/bin/javac").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "jdk"))
    assert Junit5().command(tmp_path, ["one"])[5:] == [str(tmp_path / "jdk/bin/javac"), "one"]
    assert Junit5().readable() == [str(tmp_path / "jdk")]
    assert json.dumps(Junit5().support())
