"""Compile C++ or Java tests with the code that they test, run them, and report each over the private channel.

This file runs inside the sandbox, by the server's own Python and with nothing but its standard library. The mark of the
report stays here: the tests run in a process of their own, which reports to this one over the socket that is its
standard input, each line with a secret of that socket.
"""

import json
import os
import re
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # an isolated interpreter does not look beside its script
from understudy_servers.testing.worker.events import channel  # noqa: E402 - laid there by `compiled.driver`

TOGETHER = 2  # compilers at one time, each of which may take a few hundred MiB
MOST_ERRORS = 5
TEST_NAME = re.compile(r"(?:^|[/_.-])tests?(?:[/_.-]|\d|$)", re.IGNORECASE)
ERROR = re.compile(r"^(?P<where>[^\s:][^:\n]*:\d+)(?::\d+)?: (?:fatal )?error: (?P<message>.*)$")
SYMBOL = re.compile(r"^\s+symbol:\s+(?P<symbol>.*)$")
UNDEFINED = re.compile(r"undefined (?:reference to|symbol:?) [`'\"]?(?P<name>[^\n]*?)['\"]?$", re.MULTILINE)
TWICE = re.compile(r"multiple definition of [`'](?P<name>[^']+)'")
DIRECTIVE = re.compile(r"^[ \t]*(?:#|%:)[ \t]*(?:define|undef)[ \t]+(?P<name>\w+)", re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
OWN_MACRO = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(?P<name>\w+)", re.MULTILINE)
FACTS = ("kind", "message", "call", "actual", "expected", "where")
PR_SET_DUMPABLE = 4
UNKNOWN = "{?}"  # a value that has no text


class Broken(Exception):
    """The tests cannot be compiled; the text is what the compiler said."""


class Tampered(Exception):
    """The code stands in for the tests' own words, or for their report; the text is the sign."""


def compile_cpp(compiler: str, build: Path) -> list[str]:
    """Compile every C++ file of the working folder into one program, with a stand-in for Catch2."""
    files = [path for path in sources(".cpp", ".cc", ".cxx", ".h", ".hpp", ".hh") if "CMakeFiles" not in path]
    tests = [path for path in files if TEST_NAME.search(path)]
    for path in files:
        name = steered(Path(path).read_text("utf-8", "replace"), test=path in tests)
        if name and Path(path).name.startswith("catch"):
            raise Broken(f"{path}: Catch2's own files have no place here. Leave them out: a stand-in is used.")
        if name:
            raise Tampered(f"redefines:{name}")
    units = [path for path in files if Path(path).suffix in (".cpp", ".cc", ".cxx")]
    places = [Path(path) if path not in tests else moved(path, build) for path in units]
    folders = sorted({str(Path(path).parent) for path in files})
    look = [word for folder in (HERE / "include", *folders) for word in ("-iquote", str(folder))]
    words = [compiler, *settings(), "-pthread", *look, "-I", str(HERE / "include")]
    objects = [str(build / f"{index}.o") for index in range(len(places) + 1)]
    commands = [
        [*words, "-c", str(place), "-o", to]
        for place, to in zip([HERE / "catch_main.cpp", *places], objects, strict=True)
    ]
    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(compiled, commands))
    compiled([compiler, "-pthread", *objects, "-o", str(build / "tests")])
    return [str(build / "tests")]


def settings() -> list[str]:
    """The standard and the warnings that the project asks for, read from its CMakeLists.txt."""
    text = Path("CMakeLists.txt").read_text("utf-8", "replace") if Path("CMakeLists.txt").exists() else ""
    standard = re.search(r"CXX_STANDARD\s+(\d\d)", text)
    warnings = [word for match in re.findall(r'"((?:-W[\w=-]+\s*)+)"', text) for word in match.split()]
    return [f"-std=c++{max(17, int(standard[1])) if standard else 17}", *dict.fromkeys(warnings)]


def moved(path: str, build: Path) -> Path:
    """A copy of a test file that stands alone: no file beside it is found before the stand-in of the same name."""
    place = build / "tests_of" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f'#line 1 "{path}"\n{Path(path).read_text("utf-8", "replace")}', "utf-8")
    return place


def steered(text: str, *, test: bool = False) -> str | None:
    """The first word of the tests that a file gives another meaning; what is no test leaves their namespace alone."""
    whole = re.sub(r"\\\r?\n", "", text)
    both = f"{whole}\n{re.sub(COMMENT, ' ', whole)}"  # what looks like a comment may stand in a string
    if "push_macro" in whole or "pop_macro" in whole:
        return "push_macro"
    if not test and re.search(r"\bCatch\s*::|\bnamespace\s+Catch\b", both):
        return "Catch"
    own = {match["name"] for match in OWN_MACRO.finditer((HERE / "include" / "catch.hpp").read_text("utf-8"))}
    return next((match["name"] for match in DIRECTIVE.finditer(both) if match["name"] in own), None)


def compile_java(compiler: str, build: Path) -> list[str]:
    """Compile every Java file of the working folder, with stand-ins for JUnit 5 and AssertJ."""
    small = ["-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto"]
    classes, empty = build / "classes", build / "empty"
    empty.mkdir()
    own = sorted(str(path) for path in (HERE / "java").rglob("*.java"))
    options = ["-proc:none", "-nowarn", "-encoding", "UTF-8", "-cp", str(empty), "-sourcepath", str(empty)]
    javac = [compiler, *(f"-J{word}" for word in ("-Xmx384m", "-XX:TieredStopAtLevel=1", *small))]
    compiled([*javac, *options, "-d", str(classes), *own, *sources(".java")])
    beside = [folder for folder in ("src/main/resources", "src/test/resources") if Path(folder).is_dir()]
    java = str(Path(compiler).with_name("java"))
    path = os.pathsep.join((str(classes), *beside))
    return [java, "-Xmx512m", *small, "-ea", "-cp", path, "understudy.Main", str(classes)]


def sources(*suffixes: str) -> list[str]:
    """The files of the working folder with one of these endings, as relative paths."""
    found = (path for path in Path().rglob("*") if path.suffix in suffixes and path.is_file())
    return sorted(path.as_posix() for path in found)


def compiled(command: Sequence[str]) -> None:
    """Run a compiler.

    Raises:
        Broken: it ends with another status than 0.
    """
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        ended = f"The compiler was ended by signal {-done.returncode}." if done.returncode < 0 else ""
        raise Broken(done.stdout.decode("utf-8", "replace") + ended)


def errors_in(said: str) -> list[dict[str, str]]:
    """The errors in what a compiler or a linker said, each once, without places of this run."""
    said = said.replace(str(HERE) + "/", "").replace(tempfile.gettempdir() + "/", "")
    lines, seen, found = said.splitlines(), set(), list[dict[str, str]]()
    for number, line in enumerate(lines):
        match = ERROR.match(line)
        if match is None or match["where"] in seen:
            continue
        seen.add(match["where"])
        symbol = next(filter(None, map(SYMBOL.match, lines[number + 1 : number + 5])), None)
        message = match["message"] + (f" ({symbol['symbol']})" if symbol else "")
        if "Catch::" not in message or not found:  # an error of ours follows from one of theirs
            found.append({"id": match["where"], "kind": "syntax", "message": message, "where": match["where"]})
    if found:
        return found[:MOST_ERRORS]
    missing = [f"{name} is declared and nowhere defined" for name in dict.fromkeys(UNDEFINED.findall(said))]
    double = [f"{name} is defined in two files" for name in dict.fromkeys(TWICE.findall(said))]
    words = missing + double or [said.strip()[:400] or "the compiler failed and said nothing"]
    name = "link" if missing or double else "compile"
    return [
        {"id": f"{name} {count}", "kind": "syntax", "message": one} for count, one in enumerate(words[:MOST_ERRORS])
    ]


class Heard:
    """What the process of the tests has said so far."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.facts: dict[str, dict[str, str]] = {}
        self.running = ""
        self.done = False

    def take(self, event: dict[str, Any]) -> None:
        kind, name = event["e"], str(event.get("id", ""))
        if self.done or (kind != "begin" and kind != "done" and name != self.running):
            raise Tampered("report_forged")
        if kind == "begin" and not self.running and name not in self.outcomes:
            self.running = name
        elif kind == "failure":
            self.facts.setdefault(name, sided({key: utf8(str(event.get(key, ""))) for key in FACTS}))
        elif kind == "end":
            failed = name in self.facts
            if failed != (event.get("outcome") == "failed"):
                raise Tampered("report_forged")
            self.outcomes[name], self.running = str(event.get("outcome")), ""
        elif kind == "done" and not self.running:
            self.done = True
        else:
            raise Tampered("report_forged")

    def cut_short(self, status: int) -> None:
        """The process left in the middle: the test that ran is a failed one."""
        if self.running:
            how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
            message = f"the process ended in the middle of this test, with {how}"
            self.outcomes[self.running] = "failed"
            self.facts.setdefault(self.running, {"kind": "exception", "message": message})


def sided(facts: dict[str, str]) -> dict[str, str]:
    """A failed `a == b` with the side that calls something as what must be the other; else as what must be true."""
    left, equal, right = facts["call"].partition(" == ")
    if not equal or facts["expected"] in ("true", "false"):
        return facts
    shown = UNKNOWN not in (facts["actual"], facts["expected"]) and " == " not in right
    if shown and "(" in left and "(" not in right:
        return {**facts, "call": left}
    if shown and "(" in right and "(" not in left:
        return {**facts, "call": right, "actual": facts["expected"], "expected": facts["actual"]}
    return {**facts, "expected": "true", "actual": facts["message"].partition(" ) with ")[2]}


def utf8(text: str) -> str:
    """C++ sends bytes, one character each."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def run(command: Sequence[str]) -> Heard:
    """Run the program of the tests and read what it reports.

    Raises:
        Tampered: a line that it sent is not one of the stand-in's.
    """
    heard, secret = Heard(), secrets.token_hex(16)
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            process = subprocess.Popen(command, stdin=theirs.fileno())
        try:
            ours.sendall(secret.encode() + b"\n")
            for line in lines_of(ours, process):
                heard.take(genuine(line, secret))
            if not heard.done:
                heard.cut_short(process.wait())
        finally:
            process.kill()
            process.wait()
    return heard


def genuine(line: bytes, secret: str) -> dict[str, Any]:
    """The event in a line.

    Raises:
        Tampered: it is none of the stand-in's.
    """
    try:
        event: dict[str, Any] = json.loads(line)
        if secrets.compare_digest(str(event.pop("s")), secret) and isinstance(event["e"], str):
            return event
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise Tampered("report_forged")


def lines_of(ours: socket.socket, process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """What the program sends, line by line, until it closes its end or is gone, whoever else holds the socket."""
    rest = b""
    while True:
        if not select.select([ours], [], [], 0.02)[0]:
            if process.poll() is not None and not select.select([ours], [], [], 0)[0]:
                break
            continue
        try:
            data = ours.recv(1 << 16)
        except ConnectionResetError:
            break
        if not data:
            break
        *whole, rest = (rest + data).split(b"\n")
        yield from whole
    if rest:
        yield rest


COMPILERS: dict[str, Callable[[str, Path], list[str]]] = {"cpp": compile_cpp, "java": compile_java}


def main(language: str, compiler: str, *names: str) -> int:
    """Do it, and return the exit status."""
    letter, events = (int(os.environ.pop(f"UNDERSTUDY_{name}")) for name in ("MARK", "EVENTS"))
    os.set_inheritable(events, False)
    put = channel(events, os.read(letter, 64).decode())
    os.close(letter)
    put("start")
    build = Path(tempfile.mkdtemp())
    errors: list[dict[str, str]] = []
    heard = Heard()
    try:
        command = COMPILERS[language](compiler, build)
        heard = run([*command, *names])
    except Broken as broken:
        errors = errors_in(str(broken))
    except Tampered as sign:
        put("sign", sign=str(sign))
    for error in errors:
        put("collect_error", **error)
    for name, outcome in heard.outcomes.items():
        put("test", **{"ms": 0, **heard.facts.get(name, {}), "id": name, "outcome": outcome})
    failed = sum(outcome == "failed" for outcome in heard.outcomes.values())
    status = 1 if failed or errors or not heard.done else 0
    if heard.done or heard.outcomes or errors:
        put("collected", ids=list(heard.outcomes))
        put("finish", failed=failed, errors=len(errors))
        put("end", code=status)
    return status


if __name__ == "__main__":
    CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # closes this process's memory and descriptors to the tests
    sys.exit(main(*sys.argv[1:]))
