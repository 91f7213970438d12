"""Our stand-ins for Catch2, JUnit 5 and AssertJ beside the libraries, test by test, on right and on changed solutions.

Usage: `python tests/benchmarks/check_stand_ins.py cpp CHECKOUT` and `… java CHECKOUT --jars FOLDER`, with names of
exercises behind it for those alone. CHECKOUT is one of
https://github.com/Aider-AI/polyglot-benchmark, FOLDER holds the jars of JUnit 5 (jupiter api and engine, platform
commons, engine and launcher, opentest4j) and of AssertJ. The references of all exercises that are graded, and changes
of one place in each (an operator, a number, a word), are compiled and run both ways. Nothing is downloaded and nothing
is sandboxed: it is code of the benchmark. Exit status 1 where an outcome differs. Code whose behavior is undefined (a
place outside of an array) may differ by itself, so every difference is printed to be looked at.
"""

import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol
from xml.etree import ElementTree as ET

import click

from understudy.problem import Tests
from understudy_harness.benchmarks import open_benchmark
from understudy_servers.testing.frameworks import compiled_run
from understudy_servers.testing.frameworks.catch2 import Catch2
from understudy_servers.testing.frameworks.junit5 import Junit5

WALL_S = 20.0
CHANGES = [
    (r"(?<!\+)\+(?![+=])", " - "), (r"(?<!-)-(?![-=>])", "+"), (r"<(?![<=A-Z?>])", "<="), (r"==", "!="),
    (r"\btrue\b", "false"), (r"\bfalse\b", "true"), (r"\b0\b", "1"), (r"\b1\b", "2"), (r"\b(\d)\b", r"(\1+1)"),
    (r"&&", "||"), (r'"([^"]+)"', r'"\1x"'), (r"\binvalid_argument\b|\bdomain_error\b", "runtime_error"),
    (r"IllegalArgumentException", "RuntimeException"),
]  # fmt: skip
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]")
RUNNER = """
import java.io.*;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.*;
import org.junit.platform.launcher.core.*;

public class Runner {
  public static void main(String[] words) throws Exception {
    var request = LauncherDiscoveryRequestBuilder.request();
    for (int at = 1; at < words.length; at++) request.selectors(DiscoverySelectors.selectClass(words[at]));
    try (var out = new PrintStream(new FileOutputStream(words[0]))) {
      LauncherFactory.create().execute(request.build(), new TestExecutionListener() {
        public void executionFinished(TestIdentifier test, TestExecutionResult result) {
          if (!test.isTest()) return;
          var source = (MethodSource) test.getSource().get();
          boolean passed = result.getStatus() == TestExecutionResult.Status.SUCCESSFUL;
          out.println(source.getClassName() + "::" + source.getMethodName() + " " + (passed ? "passed" : "failed"));
        }
      });
      out.println("done done");
    }
    Runtime.getRuntime().halt(0);
  }
}
"""
Outcomes = Mapping[str, str] | str
"""Outcomes by test; or a word where nothing compiles or the process is lost."""


class Exercise(NamedTuple):
    """One exercise with its reference."""

    name: str
    trusted: dict[str, str]
    reference: dict[str, str]
    config: dict[str, list[str]]


class Side(Protocol):
    """One way to run tests, in the working folder, which holds tests and solution."""

    def __call__(self, exercise: Exercise, build: Path) -> Outcomes: ...


def exercises(checkout: Path, language: str) -> Iterator[Exercise]:
    for sample in open_benchmark(f"polyglot:{checkout}@{language}").samples("all"):
        folder = checkout / language / "exercises" / "practice" / sample.cluster
        config = json.loads((folder / ".meta/config.json").read_text("utf-8"))["files"]
        stem = config["solution"][0].rpartition(".")[0]
        reference = {
            (f"src/main/java/{Path(path).name}" if language == "java" else stem + Path(path).suffix): (
                folder / path
            ).read_text("utf-8")
            for path in config["example"]
        }
        assert isinstance(sample.problem.check, Tests)
        yield Exercise(sample.cluster, {**sample.problem.check.files}, reference, config)


def changed(reference: Mapping[str, str], choice: random.Random) -> tuple[str, dict[str, str]]:
    """The reference with one place changed, and what was done."""
    places = [
        (path, match, new)
        for path, text in sorted(reference.items())
        for old, new in CHANGES
        for match in re.finditer(old, text)
        if not text[text.rfind("\n", 0, match.start()) + 1 :].lstrip().startswith(("#", "//", "*", "/*", "import"))
    ]
    if not places:
        return "nothing to change", {**reference}
    path, match, new = choice.choice(places)
    text = match.string[: match.start()] + match.expand(new) + match.string[match.end() :]
    line = match.string.count("\n", 0, match.start())
    return f"{path}:{line + 1}: {text.splitlines()[line].strip()}", {**reference, path: text}


def ours(language: str, compiler: str) -> Side:
    def side(exercise: Exercise, build: Path) -> Outcomes:
        try:
            command = compiled_run.COMPILERS[language](compiler, build)
        except compiled_run.Broken:
            return "broken"
        heard = compiled_run.run(["timeout", str(WALL_S), *command])
        return heard.outcomes if heard.done else "lost"

    return side


def ran(*command: object) -> subprocess.CompletedProcess[bytes]:
    words = ["timeout", str(WALL_S), *map(str, command)]
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False)


def catch2(checkout: Path, compiler: str, place: Path) -> Side:
    """Catch2's own single header, with its main compiled once."""
    header = next(checkout.glob("cpp/exercises/practice/*/test/catch.hpp"))
    near = str(header.parent.parent)
    (place / "main.cpp").write_text('#define CATCH_CONFIG_MAIN\n#include "test/catch.hpp"\n', "utf-8")
    main = [str(place / "main.cpp"), "-o", str(place / "main.o")]
    subprocess.run([compiler, "-std=c++17", "-iquote", near, "-c", *main], check=True)

    def side(exercise: Exercise, build: Path) -> Outcomes:
        flags = [*compiled_run.settings(), "-pthread", "-iquote", ".", "-iquote", near]
        objects = [str(place / "main.o"), *compiled_run.sources(".cpp")]
        if subprocess.run([compiler, *flags, *objects, "-o", build / "real"], capture_output=True).returncode:
            return "broken"
        run = ran(build / "real", "-r", "xml")
        try:
            root = ET.fromstring(CONTROLS.sub(b"?", run.stdout))
        except ET.ParseError:
            return "lost"
        if root.find(".//FatalErrorCondition") is not None:
            return "lost"
        (test,) = exercise.config["test"]
        return {f"{test}::{case.get('name')}": _passed(case) for case in root.iter("TestCase")}

    return side


def _passed(case: ET.Element) -> str:
    result = case.find("OverallResult")
    return "passed" if result is not None and result.get("success") == "true" else "failed"


def junit5(jars: Path, home: Path, place: Path) -> Side:
    """JUnit 5 and AssertJ from jars."""
    path = os.pathsep.join(map(str, sorted(jars.glob("*.jar"))))
    (place / "Runner.java").write_text(RUNNER, "utf-8")
    subprocess.run([home / "javac", "-nowarn", "-cp", path, "-d", place, place / "Runner.java"], check=True)

    def side(exercise: Exercise, build: Path) -> Outcomes:
        files = compiled_run.sources(".java")
        if ran(home / "javac", "-encoding", "UTF-8", "-proc:none", "-cp", path, "-d", build, *files).returncode:
            return "broken"
        tests = [Path(file).stem for file in files if "@Test" in Path(file).read_text("utf-8")]
        where = os.pathsep.join((path, str(place), str(build)))
        ran(home / "java", "-Xmx512m", "-XX:+UseSerialGC", "-ea", "-cp", where, "Runner", build / "said", *tests)
        said = (build / "said").read_text("utf-8").splitlines() if (build / "said").exists() else []
        return dict(line.split(" ") for line in said[:-1]) if said[-1:] == ["done done"] else "lost"

    return side


@click.command()
@click.argument("language", type=click.Choice(["cpp", "java"]))
@click.argument("checkout", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@click.argument("names", nargs=-1)
@click.option("--jars", type=click.Path(exists=True, file_okay=False, resolve_path=True, path_type=Path))
@click.option("--changes", default=5, show_default=True, help="Of each reference.")
def check(language: str, checkout: Path, names: tuple[str, ...], jars: Path | None, changes: int) -> None:
    framework = Catch2() if language == "cpp" else Junit5()
    compiler = framework.command(checkout, None)[5]
    choice, same, tests, failing, broken, other = random.Random(11), 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        os.environ["TMPDIR"] = folder
        for path, text in framework.support().items():
            (here / "support" / path).parent.mkdir(parents=True, exist_ok=True)
            (here / "support" / path).write_text(text, "utf-8")
        compiled_run.HERE = here / "support"
        if language == "java" and jars is None:
            raise click.UsageError("The libraries are needed: give --jars FOLDER.")
        real = junit5(jars, Path(compiler).parent, here) if jars else catch2(checkout, compiler, here)
        mine = ours(language, compiler)
        for exercise in (one for one in exercises(checkout, language) if not names or one.name in names):
            variants = [("the reference", exercise.reference)]
            variants += [changed(exercise.reference, choice) for _ in range(changes)]
            for what, solution in variants:
                found = [_outcomes(side, exercise, solution) for side in (real, mine)]
                if what == "the reference" and found[0] == "broken":
                    click.echo(
                        f"{exercise.name}: left out, since the library, of whatever version, does not compile it"
                    )
                    break
                if found[0] == found[1]:
                    broken += found[0] == "broken"
                    same += found[0] != "broken"
                    tests += 0 if isinstance(found[0], str) else len(found[0])
                    failing += not isinstance(found[0], str) and "failed" in found[0].values()
                else:
                    other += 1
                    click.echo(f"{exercise.name}, {what}\n  the library: {found[0]}\n  ours: {found[1]}")
            click.echo(f"{exercise.name}: {same} alike so far", err=True)
    click.echo(
        f"{language}: {same} solutions have the same outcome in all of {tests} tests, {failing} of them with failing "
        f"tests; {broken} compile with neither; {other} differ"
    )
    sys.exit(1 if other else 0)


def _outcomes(side: Side, exercise: Exercise, solution: Mapping[str, str]) -> Outcomes:
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as build:
        for path, text in {**exercise.trusted, **solution}.items():
            (Path(folder) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / path).write_text(text, "utf-8")
        back = os.getcwd()
        os.chdir(folder)
        try:
            return side(exercise, Path(build))
        finally:
            os.chdir(back)


if __name__ == "__main__":
    check()
