"""Exercises in C++ and Java: what is asked and shown, and how a real testing server judges several files."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from understudy.answer import Answer
from understudy.problem import Tests
from understudy.reply import answer_from_text
from understudy.servers import connect
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.sample import Grader, Sample

SERVE = f"{sys.executable} -m understudy_harness serve testing --timeout 120"
CMAKE = 'set_target_properties(x PROPERTIES CXX_STANDARD 17 COMPILE_FLAGS "-Wall -Wextra -Wpedantic -Werror")\n'
CPP_TEST = """#include "half.h"
#include "test/catch.hpp"

TEST_CASE("even") { REQUIRE(half::of(4) == 2); }
#if defined(EXERCISM_RUN_ALL_TESTS)
TEST_CASE("odd") { REQUIRE_THROWS_AS(half::of(3), std::domain_error); }
#endif
"""
HEADER = "#pragma once\nnamespace half {\nint of(int value);\n}\n"
SOURCE = """#include "half.h"
#include <stdexcept>
namespace half {
int of(int value) {
    if (value % 2) throw std::domain_error("odd");
    return value / 2;
}
}
"""
IN_THE_HEADER = SOURCE.replace('#include "half.h"', "#pragma once").replace("int of", "inline int of")
CPP = {
    "both files": ({"half.h": HEADER, "half.cpp": SOURCE}, "passed"),
    "the header alone": ({"half.h": IN_THE_HEADER}, "passed"),
    "wrong": ({"half.h": HEADER, "half.cpp": SOURCE.replace("value / 2", "value")}, "failed"),
    "wrong in a test that is skipped at first": (
        {"half.h": HEADER, "half.cpp": SOURCE.replace("% 2", "% 5")},
        "failed",
    ),
    "the stub": ({}, "malformed"),
    "does not compile": ({"half.h": HEADER, "half.cpp": SOURCE.replace(";", "", 1)}, "collection_error"),
    "warns": (
        {"half.h": HEADER, "half.cpp": SOURCE.replace("int of", "static int unused;\nint of")},
        "collection_error",
    ),
    "a third file": ({"half.h": HEADER, "half.cpp": SOURCE, "more.h": ""}, "malformed"),
    "the tests": ({"half.h": HEADER, "half.cpp": SOURCE, "half_test.cpp": ""}, "tampered"),
    "redefines": ({"half.h": f"{HEADER}#define REQUIRE(x)\n", "half.cpp": SOURCE}, "tampered"),
    "exits": ({"half.h": HEADER, "half.cpp": SOURCE.replace("return value", "std::exit(0); return value")}, "failed"),
}
GRADLE = 'dependencies {\n    testImplementation "org.assertj:assertj-core:3.25.1"\n}\n'
JAVA_TEST = """import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import org.junit.jupiter.api.Disabled;
import org.junit.jupiter.api.Test;

public class HalfTest {
    @Test
    public void even() { assertThat(Half.of(4)).isEqualTo(2); }

    @Disabled("Remove to run test")
    @Test
    public void odd() {
        assertThatExceptionOfType(OddException.class).isThrownBy(() -> Half.of(3)).withMessage("3 is odd");
    }
}
"""
ODD = "class OddException extends RuntimeException { OddException(String why) { super(why); } }\n"
HALF = """class Half {
    static int of(int value) {
        if (value % 2 != 0) throw new OddException(value + " is odd");
        return value / 2;
    }
}
"""
PATH = "src/main/java/Half.java"
JAVA = {
    "right": ({PATH: HALF}, "passed"),
    "wrong": ({PATH: HALF.replace("value / 2", "value")}, "failed"),
    "wrong in a test that is skipped at first": ({PATH: HALF.replace(" is odd", "")}, "failed"),
    "does not compile": ({PATH: HALF.replace(";", "", 1)}, "collection_error"),
    "its tests": ({PATH: HALF, "src/test/java/HalfTest.java": JAVA_TEST}, "tampered"),
    "a file that stands beside it": ({PATH: HALF, "src/main/java/OddException.java": ODD}, "tampered"),
    "exits": ({PATH: HALF.replace("return value", "System.exit(0); return value")}, "failed"),
}


def exercise(root: Path, language: str, files: dict[str, str], name: str = "half", **config: list[str]) -> str:
    folder = root / language / "exercises" / "practice" / name
    whole = {".meta/config.json": json.dumps({"files": {"example": [], **config}}), ".docs/instructions.md": "Do it."}
    for path, text in {**whole, **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return f"polyglot:{root}@{language}"


def cpp(root: Path, cmake: str = CMAKE, name: str = "half") -> str:
    files = {"half.h": "// header\n", "half.cpp": "// source\n", "half_test.cpp": CPP_TEST, "CMakeLists.txt": cmake}
    files |= {"test/catch.hpp": "#error not this one", "test/tests-main.cpp": "#error nor this one"}
    return exercise(root, "cpp", files, name, solution=["half.cpp", "half.h"], test=["half_test.cpp"])


def java(root: Path, gradle: str = GRADLE, name: str = "half") -> str:
    odd = "src/main/java/OddException.java"
    files = {PATH: "class Half {}\n", odd: ODD, "src/test/java/HalfTest.java": JAVA_TEST, "build.gradle": gradle}
    files |= {"gradle/wrapper/gradle-wrapper.jar": "", "gradlew": "#!/bin/sh"}
    test = ["src/test/java/HalfTest.java"]
    return exercise(root, "java", files, name, solution=[PATH], test=test, editor=[odd])


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("c++", "javac"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def only(spec: str) -> tuple[Sample, Tests]:
    (sample,) = open_benchmark(spec).samples("all")
    assert isinstance(sample.problem.check, Tests)
    assert sample.hidden["tests"] == sample.problem.check.files
    assert sample.hidden["protected"] == sample.problem.check.protected
    return sample, sample.problem.check


def test_a_cpp_exercise_asks_for_its_files_and_shows_each_as_a_reply_is_to_hold_it(
    tmp_path: Path, programs: None
) -> None:
    cpp(tmp_path, "find_package(Boost)", "needs-a-library")
    sample, check = only(cpp(tmp_path))
    text = sample.problem.messages[0].content
    assert sample.problem.reply.paths == ("half.cpp", "half.h")
    assert "half.cpp\n```\n// source\n```\n\nhalf.h\n```\n// header\n```" in text
    assert "its path on a line of its own, then one code block" in text
    assert check.protected == ("CMakeLists.txt", "half_test.cpp")
    assert sorted(check.files) == ["CMakeLists.txt", "half.cpp", "half.h", "half_test.cpp"]
    assert check.files["half_test.cpp"].startswith("#define EXERCISM_RUN_ALL_TESTS\n#line 1\n#include")
    assert dict(answer_from_text("half.h\n```\nH\n```\n**half.cpp**\n```cpp\nS\n```", sample.problem).files) == {
        "half.h": "H\n",
        "half.cpp": "S\n",
    }


def test_a_java_exercise_shows_what_stands_beside_its_one_file(tmp_path: Path, programs: None) -> None:
    java(tmp_path, f'{GRADLE}    implementation "org.json:json:20190722"\n', "needs-a-library")
    sample, check = only(java(tmp_path))
    text = sample.problem.messages[0].content
    assert (sample.problem.reply.kind, sample.problem.reply.path) == ("code", PATH)
    assert "which stay as they are:\n\nsrc/main/java/OddException.java\n```\nclass OddException" in text
    assert f"new content of `{PATH}` in one code block" in text
    assert sorted(check.files) == [
        "build.gradle",
        "src/main/java/OddException.java",
        "src/test/java/HalfTest.java",
    ]
    assert "@Disabled" not in check.files["src/test/java/HalfTest.java"]


async def words(spec: str, candidates: dict[str, tuple[dict[str, str], str]]) -> dict[str, tuple[str, str]]:
    benchmark = open_benchmark(spec)
    (sample,) = benchmark.samples("all")
    found: dict[str, tuple[str, str]] = {}
    async with connect({"grader": SERVE}) as servers:
        grader = Grader(servers["grader"])
        for name, (files, _) in candidates.items():
            grade = await benchmark.grade(sample, Answer(files=files), grader)
            assert (grade.score == 1.0) == (grade.word == "passed")
            found[name] = (grade.word, grade.detail)
    return found


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("c++") is None, reason="no C++ compiler is installed")
async def test_cpp_is_graded_by_all_tests_of_the_exercise_without_catch2(tmp_path: Path) -> None:
    found = await words(cpp(tmp_path), CPP)
    assert {name: word for name, (word, _) in found.items()} == {name: word for name, (_, word) in CPP.items()}
    assert (
        "'more.h' is not one of the files that are asked for. Write only half.cpp and half.h."
        in found["a third file"][1]
    )
    said = found["does not compile"][1]
    assert "half.h" not in said.partition(":")[0]
    assert str(tmp_path) not in said
    assert "/tmp" not in said
    assert "half.cpp:" in said


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("javac") is None, reason="no JDK is installed")
async def test_java_is_graded_by_all_tests_of_the_exercise_without_gradle(tmp_path: Path) -> None:
    found = await words(java(tmp_path), JAVA)
    assert {name: word for name, (word, _) in found.items()} == {name: word for name, (_, word) in JAVA.items()}
    assert "';' expected" in found["does not compile"][1]
    assert "src/main/java/Half.java:3" in found["does not compile"][1]
    assert "/tmp" not in found["does not compile"][1]
