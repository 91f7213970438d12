"""HumanEval, MBPP and polyglot: what a loop sees, what grades, and that original lines load."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.problem import Form, Tests
from understudy.reply import answer_from_text
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.benchmarks.examples import Example, examples, examples_source
from understudy_harness.benchmarks.mbpp import asserts_source, borrowed_imports, candidate_names, script_source
from understudy_harness.errors import BenchmarkError, Missing

FIXTURES = Path(os.environ.get("UNDERSTUDY_FIXTURES", Path(__file__).parents[3].parent / "shared/data/fixtures"))
ORIGINAL = {
    "humaneval": FIXTURES / "humaneval_6.jsonl.gz",
    "mbpp": FIXTURES / "mbpp_7.jsonl",
    "mbpp-sanitized": FIXTURES / "sanitized-mbpp_6.json",
}


FLOATS = st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=3)
VALUES = st.integers(-(10**9), 10**9) | st.text(max_size=5) | FLOATS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(">>> f([1, 2])\n    [2, 1]\n", [("f([1, 2])", "[2, 1]")], id="doctest"),
        pytest.param(">>> f(1)\n    {'a':\n     1}\n\n", [("f(1)", "{'a': 1}")], id="a result of two lines"),
        pytest.param("f(1) == 2\nf(2) ==> 3", [("f(1)", "2"), ("f(2)", "3")], id="equality and arrow"),
        pytest.param("f('a)', 2) -> 'b'", [("f('a)', 2)", "'b'")], id="a bracket in a string"),
        pytest.param("f(3) should return true", [("f(3)", "True")], id="true of another language"),
        pytest.param("f(5) returns [1, 5] # The sequence", [("f(5)", "[1, 5]")], id="a remark behind it"),
        pytest.param("f(2) -> 19 - 8 = 11", [], id="a calculation is no result"),
        pytest.param("f(2) == ''aaa'", [], id="a broken string"),
        pytest.param("f(x) == 2; g.f(1) == 2; off(1) == 2", [], id="no literal, another function"),
        pytest.param("f(1) == __import__('os')", [], id="nothing is evaluated"),
        pytest.param("f(1) and then nothing", [], id="no result"),
        pytest.param("f(1) == 2\nf(1) == 3", [("f(1)", "2")], id="a call counts once"),
    ],
)
def test_examples_are_read_from_docstrings(text: str, found: list[tuple[str, str]]) -> None:
    assert list(examples(text, "f")) == [Example(*one) for one in found]


@given(st.text(alphabet="f()[]{}'\",:=> -#\n123abc", max_size=120))
def test_any_docstring_gives_examples_that_are_valid_python(text: str) -> None:
    compile(examples_source("f", examples(text, "f")), "test", "exec")


@given(st.lists(VALUES, max_size=3), st.integers())
def test_a_written_example_is_found_again(arguments: list[Any], result: int) -> None:
    call = f"f({', '.join(map(repr, arguments))})"
    assert examples(f"    >>> {call}\n    {result!r}\n", "f") == (Example(call, repr(result)),)
    assert examples(f"    {call} == {result!r}\n", "f") == (Example(call, repr(result)),)


def test_set_up_code_stands_between_the_candidate_and_the_asserts() -> None:
    names = candidate_names("root = Node(1)\nassert f(root) == 1", "class Node: ...\ndef f(n): ...\ndef other(): ...")
    source = asserts_source(["assert f(root) == 1"], names, "root = Node(1)", ["import math"])
    assert names == ["Node", "f"]
    order = [
        "import math",
        "from solution import Node, f",
        "root = Node(1)",
        "def test_1():",
        "    assert f(root) == 1",
    ]
    assert [line for line in source.splitlines() if line] == order


def test_an_import_that_only_the_reference_makes_is_lent_to_its_tests() -> None:
    assert borrowed_imports("assert f(1) == sys.getsizeof(1)", "import sys\nimport re\ndef f(x): ...") == ["import sys"]


def test_a_script_of_evalplus_becomes_one_test() -> None:
    script = "inputs = [[1]]\nresults = [2]\nfor inp, exp in zip(inputs, results):\n    assert sum(*inp) == exp\n"
    source = script_source(script, ["sum"])
    assert "from solution import sum\n\n\ndef test_inputs():\n    for inp, exp" in source
    with pytest.raises(SyntaxError, match="no loop"):
        script_source("x = 1", ["f"])


@pytest.mark.parametrize("name", ORIGINAL)
def test_original_lines_load_with_a_visible_check_and_a_hidden_grade(name: str) -> None:
    if not ORIGINAL[name].is_file():
        pytest.skip(f"no original lines at {ORIGINAL[name]}")
    benchmark = open_benchmark(f"{name}:{ORIGINAL[name]}")
    samples = benchmark.samples("all")
    assert len(samples) >= 6
    for sample in samples:
        assert isinstance(sample.problem.check, Tests | Form)
        for text in sample.hidden["tests"].values():
            compile(text, "hidden", "exec")
        if isinstance(sample.problem.check, Tests):
            for text in sample.problem.check.files.values():
                compile(text, "visible", "exec")
        assert sample.hidden["values"] is True


def test_the_prompts_own_code_stands_before_a_completion(tmp_path: Path) -> None:
    path = tmp_path / "h.jsonl"
    prompt = (
        'import math\n\n\ndef helper(x):\n    return x\n\n\ndef f(x):\n    """Add one.\n    >>> f(1)\n    2\n    """\n'
    )
    item = {
        "task_id": "T/1",
        "prompt": prompt,
        "entry_point": "f",
        "test": "def check(candidate):\n    assert helper(candidate(1)) == 2\n",
    }
    path.write_text(json.dumps(item), encoding="utf-8")
    sample = open_benchmark(f"humaneval:{path}").samples("all")[0]
    assert isinstance(sample.problem.check, Tests)
    hidden = sample.hidden["tests"]["test_hidden.py"]
    assert hidden.index("def helper") < hidden.index("from solution import f") < hidden.index("check(f)")
    assert "def helper" in sample.problem.check.files["test_examples.py"]
    for reply in (
        "```python\n    return x + 1\n```",
        "```python\ndef f(x):\n    return x + 1\n```",
        "    return x + 1\n",
    ):
        space: dict[str, Any] = {}
        exec(answer_from_text(reply, sample.problem).files["solution.py"], space)
        assert space["f"](1) == 2
        assert space["helper"](3) == 3


@pytest.mark.parametrize(
    ("name", "item", "said"),
    [
        pytest.param("humaneval", {"task_id": "T/1"}, "the field 'prompt' is missing", id="no prompt"),
        pytest.param(
            "humaneval",
            {"task_id": "T/1", "prompt": "def g(): ...", "entry_point": "f", "test": "def check(c): ..."},
            "does not define 'f'",
            id="another function",
        ),
        pytest.param(
            "humaneval+",
            {"task_id": "T/1", "prompt": "def f(", "entry_point": "f", "plus_input": []},
            "whose name ends in OriginFmt",
            id="evalplus format",
        ),
        pytest.param("mbpp", {"task_id": "Mbpp/1"}, "not MBPP's format", id="id of evalplus"),
        pytest.param(
            "mbpp",
            {"task_id": 1, "text": "t", "code": "def f(): ...", "test_list": ["assert f( =="]},
            "its tests cannot be used",
            id="broken assert",
        ),
        pytest.param(
            "mbpp",
            {"task_id": 1, "text": "t", "code": "def g(): ...", "test_list": ["assert f() == 1"]},
            "use nothing that the reference solution defines",
            id="tests of something else",
        ),
        pytest.param(
            "mbpp", {"task_id": 1, "text": "t", "code": "", "test_list": [1]}, "not only strings", id="numbers as tests"
        ),
    ],
)
def test_a_line_that_cannot_be_used_is_named(tmp_path: Path, name: str, item: dict[str, Any], said: str) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps(item), encoding="utf-8")
    with pytest.raises(BenchmarkError, match=said) as refused:
        open_benchmark(f"{name}:{path}").samples("all")
    assert f"{path}:1:" in refused.value.message


def test_mbpp_keeps_the_papers_splits_and_says_that_the_check_is_the_grade(tmp_path: Path) -> None:
    path = tmp_path / "mbpp.jsonl"
    items = [
        {"task_id": n, "text": "t", "code": "def f(): ...", "test_list": ["assert f() == 1"]} for n in (2, 11, 555, 900)
    ]
    path.write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
    benchmark = open_benchmark(f"mbpp:{path}")
    assert benchmark.statement.check_is_grade
    assert [sample.id for sample in benchmark.samples("test")] == ["mbpp/11"]
    assert [sample.id for sample in benchmark.samples("dev")] == ["mbpp/555"]
    assert len(benchmark.samples("all")) == 4


def exercise(root: Path, language: str, name: str, files: dict[str, str], solution: list[str], test: list[str]) -> None:
    folder = root / language / "exercises" / "practice" / name
    config = {"files": {"solution": solution, "test": test, "example": [".meta/example.py"]}}
    files = {".meta/config.json": json.dumps(config), ".docs/instructions.md": "# Do it\n", **files}
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def test_a_polyglot_exercise_shows_the_stub_and_its_tests(tmp_path: Path) -> None:
    files = {"two.py": "def two():\n    pass\n", "two_test.py": "from two import two\n", ".meta/example.py": "SECRET"}
    exercise(tmp_path, "python", "two", files, ["two.py"], ["two_test.py"])
    benchmark = open_benchmark(f"polyglot:{tmp_path}")
    (sample,) = benchmark.samples("all")
    assert benchmark.statement.check_is_grade
    assert isinstance(sample.problem.check, Tests)
    assert dict(sample.problem.check.files) == {"two_test.py": "from two import two\n"}
    assert sample.problem.reply.path == "two.py"
    assert "def two():" in sample.problem.messages[0].content
    assert "SECRET" not in repr(sample)


def files_of(spec: str) -> dict[str, str]:
    (sample,) = open_benchmark(spec).samples("all")
    assert isinstance(sample.problem.check, Tests)
    assert sample.hidden["tests"] == dict(sample.problem.check.files)
    return dict(sample.problem.check.files)


def programs(folder: Path, *names: str) -> str:
    for name in names:
        (folder / name).write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return str(folder)


def test_exercises_of_other_languages_bring_all_their_tests_and_nothing_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", programs(tmp_path / "bin", "node", "cargo", "go"))
    spec = (
        "import { two,\n  three as drei } from './two';\nimport One from './two';\nxtest('x', () => {});\nxit('y');\n"
    )
    script = {"two.js": "", "two.spec.js": spec, "package.json": "{}", "babel.config.js": "", "data/a.txt": "A"}
    exercise(tmp_path, "javascript", "two", script, ["two.js"], ["two.spec.js"])
    crate = '[package]\nname = "two"\nversion = "1.0.0"\n'
    rust = {"src/lib.rs": "", "tests/two.rs": "#[test]\n#[ignore]\nfn t() {}\n", "Cargo.toml": crate}
    exercise(tmp_path, "rust", "two", rust, ["src/lib.rs", "Cargo.toml"], ["tests/two.rs"])
    needy = {**rust, "Cargo.toml": f'{crate}[dependencies]\nrand = "0.8"\n'}
    exercise(tmp_path, "rust", "needy", needy, ["src/lib.rs", "Cargo.toml"], ["tests/two.rs"])
    exercise(tmp_path, "go", "two", {"two.go": "", "two_test.go": "T", "go.mod": "M"}, ["two.go"], ["two_test.go"])

    shown = files_of(f"polyglot:{tmp_path}@javascript")
    assert sorted(shown) == ["data/a.txt", "package.json", "two.test.mjs", "understudy_expect.mjs"]
    assert "const { two, three: drei } = await load('./two.js', import.meta.url);" in shown["two.test.mjs"]
    assert "const { default: One } = await load(" in shown["two.test.mjs"]
    assert "\ntest('x'" in shown["two.test.mjs"]
    assert "node --test" in shown["package.json"]
    shown = files_of(f"polyglot:{tmp_path}@rust")
    assert shown["tests/two.rs"] == "#[test]\nfn t() {}\n"
    assert shown["Cargo.lock"].endswith('name = "two"\nversion = "1.0.0"\n')
    assert "doctest = false" in shown["Cargo.toml"]
    assert files_of(f"polyglot:{tmp_path}@go") == {"two_test.go": "T", "go.mod": "M"}
    every = open_benchmark(f"polyglot:{tmp_path}").samples("all")
    assert [(sample.id, sample.cluster) for sample in every] == [
        ("javascript/two", "two"),
        ("rust/two", "two"),
        ("go/two", "two"),
    ]


def test_a_language_without_its_tool_chain_is_left_out_and_said_and_refused_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "python; without javascript, rust, go, cpp, java" in open_benchmark(f"polyglot:{tmp_path}").statement.source
    with pytest.raises(Missing, match="need the program 'cargo', which is not on the PATH"):
        open_benchmark(f"polyglot:{tmp_path}@python,rust")
    with pytest.raises(BenchmarkError, match=r"asks for 'ada', which is not graded here. Languages: python, java"):
        open_benchmark(f"polyglot:{tmp_path}@ada")


def test_an_exercise_without_its_manifest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", programs(tmp_path / "bin", "cargo"))
    exercise(tmp_path, "rust", "two", {"src/lib.rs": "", "tests/two.rs": ""}, ["src/lib.rs"], ["tests/two.rs"])
    with pytest.raises(BenchmarkError, match=r"two: the exercise lacks 'Cargo.toml'"):
        open_benchmark(f"polyglot:{tmp_path}@rust").samples("all")


def test_a_folder_that_is_no_checkout_of_polyglot_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="Give the path of a checkout"):
        open_benchmark(f"polyglot:{tmp_path}").samples("all")
    exercise(tmp_path, "python", "two", {".meta/config.json": "{}"}, [], [])
    with pytest.raises(BenchmarkError, match="no exercise's configuration"):
        open_benchmark(f"polyglot:{tmp_path}").samples("all")
