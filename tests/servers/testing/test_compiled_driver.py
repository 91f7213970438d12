"""The driver for C++ and Java with a compiler that is a script: how it is called, and what its program may say."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from understudy_servers.testing.frameworks import compiled_run
from understudy_servers.testing.frameworks.catch2 import Catch2
from understudy_servers.testing.frameworks.junit5 import Junit5
from understudy_servers.testing.verdict.judge import Report, read_events

CMAKE = {"CMakeLists.txt": 'CXX_STANDARD 20\nCOMPILE_FLAGS "-Wall -Werror"\n'}
PASSES = ['{"s": SECRET, "e": "begin", "id": "a"}', '{"s": SECRET, "e": "end", "id": "a", "outcome": "passed"}']
FAILURE = (
    '{"s": SECRET, "e": "failure", "id": "a", "kind": "assert", "message": "m", "where": "a.cpp:3", '
    '"call": "f() == 2", "actual": "1", "expected": "2"}'
)
FAILS = [
    PASSES[0],
    FAILURE,
    PASSES[1].replace("passed", "failed"),
]
DONE = '{"s": SECRET, "e": "done"}'


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\nimport json, os, sys\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def saying(lines: Sequence[str], end: str = "") -> str:
    """A program of tests that reports these lines."""
    return (
        "secret = b''\nwhile not secret.endswith(b'\\n'): secret += os.read(0, 1)\n"
        f"for line in {list(lines)!r}:\n"
        "    os.write(0, line.replace('SECRET', json.dumps(secret.decode().strip())).encode() + b'\\n')\n"
        f"{end}\n"
    )


def compiling(folder: Path, program: str) -> Path:
    """A compiler that notes how it was called, and whose program is this one. Where a file says so, it complains."""
    return script(
        folder / "c++",
        f"made = {program!r}\n"
        f"open({str(folder / 'calls')!r}, 'a').write(json.dumps(sys.argv[1:]) + '\\n')\n"
        "for word in sys.argv:\n"
        "    if word.endswith('.cpp') and 'BROKEN' in open(word).read():\n"
        "        sys.exit('half.cpp:2:1: error: it is broken')\n"
        "path = sys.argv[sys.argv.index('-o') + 1]\n"
        f"open(path, 'w').write('#!' + {sys.executable!r} + '\\nimport json, os, sys\\n' + made)\n"
        "os.chmod(path, 0o755)",
    )


def driven(
    folder: Path, language: str, compiler: Path, files: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> Report:
    framework = Catch2() if language == "cpp" else Junit5()
    here, root, scratch = (folder / name for name in ("support", "root", "scratch"))
    for place, texts in ((here, framework.support()), (root, files)):
        for path, text in texts.items():
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text, encoding="utf-8")
    scratch.mkdir()
    letter, writer = os.pipe()
    os.write(writer, b"mark")
    os.close(writer)
    with (folder / "events").open("wb") as events:
        monkeypatch.setattr(compiled_run, "HERE", here)
        monkeypatch.setattr(tempfile, "tempdir", str(scratch))
        monkeypatch.chdir(root)
        channel = {"UNDERSTUDY_MARK": letter, "UNDERSTUDY_EVENTS": events.fileno(), "TMPDIR": scratch}
        for name, value in channel.items():
            monkeypatch.setenv(name, str(value))
        status = compiled_run.main(language, str(compiler), "chosen")
    report = read_events((folder / "events").read_bytes(), "mark")
    assert report.end is None or report.end == {"code": status}
    return report


def test_tests_are_compiled_apart_with_the_stand_in_before_everything_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**CMAKE, "half.h": "", "half.cpp": "int x;\n", "half_test.cpp": "int y;\n", "CMakeFiles/id.cpp": "BROKEN"}
    report = driven(tmp_path, "cpp", compiling(tmp_path, saying([*PASSES, DONE])), files, monkeypatch)
    assert (report.outcomes, report.end, report.signs) == ({"a": "passed"}, {"code": 0}, [])
    *compiled, linked = (json.loads(line) for line in (tmp_path / "calls").read_text().splitlines())
    for call in compiled:
        assert call[:4] == ["-std=c++20", "-Wall", "-Werror", "-pthread"]
        assert call[4:6] == ["-iquote", str(tmp_path / "support/include")]
    sources = sorted(call[call.index("-c") + 1].replace(str(tmp_path), "") for call in compiled)
    (moved,) = [path for path in sources if path.endswith("half_test.cpp")]
    assert [path for path in sources if path != moved] == ["/support/catch_main.cpp", "half.cpp"]
    assert (tmp_path / moved.lstrip("/")).read_text() == '#line 1 "half_test.cpp"\nint y;\n'
    assert sum(word.endswith(".o") for word in linked) == 3


def test_a_failed_test_comes_with_what_had_to_be_what(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = driven(tmp_path, "cpp", compiling(tmp_path, saying([*FAILS, DONE])), CMAKE, monkeypatch)
    assert (report.outcomes, report.end, report.finish) == ({"a": "failed"}, {"code": 1}, {"failed": 1, "errors": 0})
    assert {**report.facts["a"], "ms": 0} == {
        "id": "a",
        "outcome": "failed",
        "kind": "assert",
        "message": "m",
        "call": "f()",
        "expected": "2",
        "actual": "1",
        "where": "a.cpp:3",
        "ms": 0,
    }


def test_what_does_not_compile_is_a_collection_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {**CMAKE, "half.cpp": "BROKEN"}
    report = driven(tmp_path, "cpp", compiling(tmp_path, saying([DONE])), files, monkeypatch)
    assert report.collect_errors == [
        {"id": "half.cpp:2", "kind": "syntax", "message": "it is broken", "where": "half.cpp:2"}
    ]
    assert (report.end, report.ids) == ({"code": 1}, [])


@pytest.mark.parametrize(
    ("lines", "end", "outcomes", "signs"),
    [
        pytest.param(PASSES[:1], "os._exit(0)", {"a": "failed"}, [], id="leaves in the middle"),
        pytest.param(PASSES[:1], "os.abort()", {"a": "failed"}, [], id="crashes in the middle"),
        pytest.param([*FAILS[:2]], "os._exit(0)", {"a": "failed"}, [], id="leaves after a failure"),
        pytest.param(PASSES, "", {"a": "passed"}, [], id="never says that it is done"),
        pytest.param([], "", {}, [], id="says nothing"),
        pytest.param(['{"s": "guessed", "e": "done"}'], "", {}, ["report_forged"], id="guesses the secret"),
        pytest.param(['{"e": "done"}'], "", {}, ["report_forged"], id="knows of no secret"),
        pytest.param(["noise"], "", {}, ["report_forged"], id="writes noise"),
        pytest.param(["[1]"], "", {}, ["report_forged"], id="writes something else"),
        pytest.param([DONE, *PASSES], "", {}, ["report_forged"], id="goes on after the end"),
        pytest.param(
            [*PASSES, DONE],
            "if not os.fork(): os.read(0, 1)",
            {"a": "passed"},
            [],
            id="leaves someone behind",
        ),
    ],
)
def test_what_a_program_of_tests_says_is_taken_for_what_it_is(
    lines: list[str],
    end: str,
    outcomes: dict[str, str],
    signs: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    report = driven(tmp_path, "cpp", compiling(tmp_path, saying(lines, end)), CMAKE, monkeypatch)
    assert (report.outcomes, report.signs) == (outcomes, signs)
    if DONE not in lines:
        assert report.end in (None, {"code": 1})


def test_code_that_redefines_the_words_of_the_tests_is_never_compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**CMAKE, "half.h": "#define CHECK(x)\n"}
    report = driven(tmp_path, "cpp", compiling(tmp_path, saying([DONE])), files, monkeypatch)
    assert (report.signs, report.end) == (["redefines:CHECK"], None)
    assert not (tmp_path / "calls").exists()


def test_java_is_compiled_with_the_stand_ins_and_run_beside_its_resources(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note = f"open({str(tmp_path)!r} + '/' + NAME, 'w').write(json.dumps(sys.argv[1:]))\n"
    compiler = script(tmp_path / "jdk/javac", note.replace("NAME", "'javac'"))
    script(tmp_path / "jdk/java", note.replace("NAME", "'java'") + saying([*PASSES, DONE]))
    files = {"build.gradle": "", "src/main/java/A.java": "", "src/test/resources/a.txt": ""}
    report = driven(tmp_path, "java", compiler, files, monkeypatch)
    assert report.outcomes == {"a": "passed"}
    called = json.loads((tmp_path / "javac").read_text())
    assert called[-1] == "src/main/java/A.java"
    assert "-proc:none" in called
    assert sum("org/junit/jupiter" in word for word in called) == 13
    run = json.loads((tmp_path / "java").read_text())
    assert run[run.index("-cp") + 1].endswith(f"classes{os.pathsep}src/test/resources")
    assert (run[-3], run[-1]) == ("understudy.Main", "chosen")
