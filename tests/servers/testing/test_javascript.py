"""node:test, vitest and jest, pinned and real, run by the command people type; `make test-clients` installs them."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from tests.clients.installed import MODULES, program

from understudy_servers.testing.commands import test as people

pytestmark = pytest.mark.clients


class Runner(NamedTuple):
    """How a project says that it uses a runner, and how its test files begin."""

    package: Mapping[str, object]
    head: str
    equal: str


RUNNERS = {
    "node": Runner(
        {"type": "module", "scripts": {"test": "node --test"}},
        'import test from "node:test";\nimport assert from "node:assert";\nimport { sum } from "./sum.js";\n',
        "assert.strictEqual(sum(1, 2), 3)",
    ),
    "vitest": Runner(
        {"type": "module", "devDependencies": {"vitest": "5"}},
        'import { expect, test } from "vitest";\nimport { sum } from "./sum.js";\n',
        "expect(sum(1, 2)).toBe(3)",
    ),
    "jest": Runner(
        {"devDependencies": {"jest": "30"}},
        'const { sum } = require("./sum.js");\n',
        "expect(sum(1, 2)).toBe(3)",
    ),
}
EACH = pytest.mark.parametrize("name", RUNNERS)


class Project:
    """A project of one runner, and the command run in it."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.runner, self.name = root, RUNNERS[name], name
        root.chmod(0o755)
        (root / "package.json").write_text(json.dumps(self.runner.package))
        (root / "node_modules").symlink_to(MODULES)
        self.code("a + b")
        self.tests(f'test("adds", () => {self.runner.equal});\ntest("is a function", () => {{ sum(0, 0); }});\n')

    def code(self, expression: str, before: str = "") -> None:
        word = "exports.sum =" if self.name == "jest" else "export const sum ="
        (self.root / "sum.js").write_text(f"{before}\n{word} (a, b) => {expression};\n")

    def tests(self, body: str) -> None:
        (self.root / "sum.test.js").write_text(self.runner.head + body)

    def run(self, *words: str) -> tuple[int, str]:
        options = ["--root", str(self.root), "--readable", str(MODULES), "--timeout", "40"]
        answer = CliRunner().invoke(people, ["run", *options, *words])
        return answer.exit_code, answer.output


@pytest.fixture
def project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    if name != "node":
        program(name)  # skips where it is not installed
    node = os.path.dirname(os.path.realpath(program("node")))
    monkeypatch.setenv("PATH", f"{node}:{os.environ['PATH']}")
    return Project(tmp_path, name)


@EACH
def test_right_code_passes_twice_over_the_private_channel(project: Project, name: str) -> None:
    code, said = project.run("--write-ctrf", str(project.root / "out.json"))
    assert (code, said.splitlines()[0].partition(" [")[0].strip()) == (
        0,
        "passed: 2 passed, 0 failed of 2 tests; proof: cold",
    )
    written = json.loads((project.root / "out.json").read_text())["results"]
    assert [test["status"] for test in written["tests"]] == ["passed", "passed"]


@EACH
def test_wrong_code_fails_with_what_was_expected_and_where(project: Project, name: str) -> None:
    project.code("a - b")
    code, said = project.run()
    assert code == 1
    assert "failed: 1 passed, 1 failed of 2 tests" in said
    assert "expected 3, got -1" in said
    assert "sum.test.js:" in said


@EACH
def test_code_that_does_not_load_is_not_a_pass(project: Project, name: str) -> None:
    project.code("a + b", before='throw new Error("cannot start");')
    code, said = project.run()
    assert code == 1
    assert "cannot start" in said
    assert said.startswith(("collection_error", "failed"))


@EACH
def test_a_skipped_test_is_no_pass(project: Project, name: str) -> None:
    project.tests(f'test("adds", () => {project.runner.equal});\ntest.skip("later", () => {{}});\n')
    code, said = project.run()
    assert code == 1
    assert said.startswith("incomplete")


@EACH
def test_one_test_can_be_selected_by_its_name(project: Project, name: str) -> None:
    project.code("a - b")
    _, said = project.run("is a function")
    assert "adds" not in said.splitlines()[0]
    assert " 1 passed, 0 failed" in said


FORGERIES = {
    "leaves in the second test": "globalThis.calls = 0;",
    "leaves at once": "process.exit(0);",
    "exit code": 'process.on("exit", () => { process.exitCode = 0; });',
    "garbage": 'try { require("fs").writeSync(3, "garbage\\n"); } catch {}',
    "by the descriptor of its parent": (
        "{ const fs = process.getBuiltinModule('fs');\n"
        "  const told = fs.readFileSync(`/proc/${process.ppid}/environ`).toString();\n"
        "  const mark = /UNDERSTUDY_MARK=([^\\0]*)/.exec(told)?.[1];\n"
        "  for (const [n, e] of [[0, 'start'], [1, 'collected'], [2, 'finish'], [3, 'end']]) {\n"
        "    const line = JSON.stringify({ k: mark, n, e, ids: [], failed: 0, collected: 0, errors: 0, code: 0 });\n"
        "    for (const pid of [process.ppid, process.pid])\n"
        "      try { fs.appendFileSync(`/proc/${pid}/fd/3`, line + '\\n'); } catch {}\n"
        "  } }\nprocess.exit(0);"
    ),
}


@EACH
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_pass_is_no_pass(project: Project, name: str, forgery: str) -> None:
    second = "(globalThis.calls++ && process.exit(0)) || 3"
    project.code(second if "second" in forgery else "a - b", before=FORGERIES[forgery])
    code, said = project.run()
    assert code == 1
    assert not said.startswith("passed")


PATCHES = {
    "an assertion": "assert.strictEqual = assert.strict.strictEqual = () => {};",
    "an assertion, for every import": "assert.strictEqual = () => {};\nsyncBuiltinESMExports();",
    "an assertion, by its definition": 'Object.defineProperty(assert, "strictEqual", { value: () => {} });',
    "the tests": 'require("node:test").test = () => {};\nsyncBuiltinESMExports();',
}
HANDS = (
    'import { createRequire, syncBuiltinESMExports } from "node:module";\nimport assert from "node:assert";\n'
    "const require = createRequire(import.meta.url);\n"
)


@pytest.mark.parametrize("name", ["node"])
@pytest.mark.parametrize("patch", PATCHES)
def test_code_cannot_patch_what_nodes_tests_assert_with(project: Project, patch: str) -> None:
    project.code("a - b", before=f"{HANDS}try {{\n{PATCHES[patch]}\n}} catch {{}}")
    code, said = project.run()
    assert (code, said.startswith("failed")) == (1, True)


NESTED = 'describe("sums", () => {{\n  it("adds", () => {equal});\n  it("adds again", () => {equal});\n}});\n'


@pytest.mark.parametrize("name", ["node"])
@pytest.mark.parametrize(
    "way", ["process.exit(0)", "process.reallyExit(0)", "setTimeout(() => process.reallyExit(0), 50)"]
)
def test_code_that_leaves_while_a_suite_runs_is_no_pass(project: Project, way: str) -> None:
    project.runner = project.runner._replace(head=project.runner.head.replace("import test", "import { describe, it }"))
    slow = 'it("waits", (_, done) => setTimeout(done, 2000));\n' if "Timeout" in way else ""
    project.tests(slow + NESTED.format(equal=project.runner.equal))
    project.code(f"({way}, 0)")
    code, said = project.run()
    assert code == 1
    assert not said.startswith("passed")


@pytest.mark.parametrize("name", ["node"])
def test_tests_that_come_through_a_file_of_the_projects_own_must_be_reported(project: Project) -> None:
    (project.root / "words.js").write_text('export { describe, it } from "node:test";\n')
    head = project.runner.head.replace('import test from "node:test"', 'import { describe, it } from "./words"')
    project.runner = project.runner._replace(head=head.replace("./words", "./words.js"))
    project.tests(NESTED.format(equal=project.runner.equal))
    assert project.run()[1].startswith("passed: 2 passed")
    project.code("0", before="process.exit(0);")
    assert project.run()[0] == 1


@pytest.mark.parametrize("name", ["node"])
def test_a_plain_script_is_one_test_that_passes_when_it_ends_well(project: Project) -> None:
    head = project.runner.head.replace('import test from "node:test";\n', "")
    project.runner = project.runner._replace(head=head)
    project.tests(f"{project.runner.equal};\n")
    assert project.run()[1].startswith("passed: 1 passed")
    project.code("a - b")
    assert project.run()[0] == 1


@pytest.mark.parametrize("name", ["vitest", "jest"])
def test_a_runner_that_is_not_installed_in_the_project_is_a_sentence(project: Project, name: str) -> None:
    (project.root / "node_modules").unlink()
    code, said = project.run()
    assert code == 3
    assert f"These tests need {name}" in said
    assert "Run `npm install`" in said
