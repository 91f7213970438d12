"""Exercises in JavaScript and Rust, judged by a real testing server; skipped, in words, where the program is absent."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from understudy.answer import Answer
from understudy.servers import connect
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.sample import Grader

SERVE = f"{sys.executable} -m understudy_harness serve testing --timeout 120"
SPEC = """import { Two, half } from './two';

describe('Two', () => {
  test('adds', () => {
    expect(new Two(1).plus(2)).toEqual({ value: 3, rest: undefined });
  });
  xtest('divides', () => {
    expect(half(3)).toBeCloseTo(1.5);
    expect(() => half('x')).toThrow(new Error('no number'));
    expect([half(2), half(4)]).not.toEqual([1, 1]);
  });
  xtest('waits', async () => {
    await expect(Promise.reject(new Error('late'))).rejects.toThrow('late');
    await expect(Promise.resolve([1])).resolves.toHaveLength(1);
  });
  xit('is not asked for', () => {
    expect(1).toBe(2);
  });
});
"""
RIGHT = """class Two {
  constructor(value) { this.value = value; }
  plus(more) { return { value: this.value + more }; }
}
const half = (x) => { if (typeof x !== 'number') throw new Error('no number'); return x / 2; };
"""
SCRIPTS = {
    "as an ES module": (f"{RIGHT}export {{ Two, half }};\n", "passed"),
    "as a CommonJS module": (f"{RIGHT}module.exports = {{ Two, half }};\n", "passed"),
    "wrong": (f"{RIGHT.replace('x / 2', 'x')}export {{ Two, half }};\n", "failed"),
    "another error": (f"{RIGHT.replace('no number', 'nope')}export {{ Two, half }};\n", "failed"),
    "no such name": (f"{RIGHT}export {{ Two }};\n", "failed"),
    "exits": ("process.exit(0);\n", None),
}
CRATE = '[package]\nedition = "2021"\nname = "two"\nversion = "1.0.0"\n'
RUST_TEST = """#[test]
fn first() { assert_eq!(two::two(), 2); }
#[test]
#[ignore]
fn second() { assert_eq!(two::two() + 1, 3); }
"""
CRATES = {
    "right": ("/// ```ignore\n/// x\n/// ```\npub fn two() -> i32 { 2 }\n", "passed"),
    "wrong": ("pub fn two() -> i32 { 3 }\n", "failed"),
    "does not compile": ("pub fn two() -> i32 { \n", "collection_error"),
    "exits": ("pub fn two() -> i32 { std::process::exit(0) }\n", None),
}


def exercise(root: Path, language: str, files: dict[str, str], solution: str, test: str) -> str:
    folder = root / language / "exercises" / "practice" / "two"
    config = {"files": {"solution": [solution], "test": [test], "example": []}}
    for path, text in {".meta/config.json": json.dumps(config), ".docs/instructions.md": "Do it.", **files}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return f"polyglot:{root}@{language}"


async def words(spec: str, candidates: dict[str, tuple[str, str | None]]) -> dict[str, str]:
    benchmark = open_benchmark(spec)
    (sample,) = benchmark.samples("all")
    found: dict[str, str] = {}
    async with connect({"grader": SERVE}) as servers:
        grader = Grader(servers["grader"])
        for name, (text, _) in candidates.items():
            grade = await benchmark.grade(sample, Answer(files={sample.problem.reply.path: text}), grader)
            assert (grade.score == 1.0) == (grade.word == "passed")
            found[name] = grade.word
        tests = {"understudy_expect.mjs", "Cargo.toml"} & set(sample.hidden["tests"])
        forged = Answer(files={sample.problem.reply.path: "x", next(iter(tests)): "x"})
        assert (await benchmark.grade(sample, forged, grader)).word == "tampered"
    return found


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
async def test_javascript_is_graded_by_its_own_tests_without_jest(tmp_path: Path) -> None:
    files = {"two.js": "", "two.spec.js": SPEC, "package.json": "{}"}
    found = await words(exercise(tmp_path, "javascript", files, "two.js", "two.spec.js"), SCRIPTS)

    assert {name: word for name, word in found.items() if SCRIPTS[name][1]} == {
        name: word for name, (_, word) in SCRIPTS.items() if word
    }
    assert found["exits"] != "passed"


@pytest.mark.clients
@pytest.mark.skipif(shutil.which("cargo") is None, reason="Rust is not installed")
async def test_rust_is_graded_by_all_tests_of_the_exercise(tmp_path: Path) -> None:
    files = {"src/lib.rs": "", "tests/two.rs": RUST_TEST, "Cargo.toml": CRATE}
    found = await words(exercise(tmp_path, "rust", files, "src/lib.rs", "tests/two.rs"), CRATES)

    assert {name: word for name, word in found.items() if CRATES[name][1]} == {
        name: word for name, (_, word) in CRATES.items() if word
    }
    assert found["exits"] != "passed"
