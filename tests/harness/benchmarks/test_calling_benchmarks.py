"""BFCL and the tool-calling suite: names and types mapped and mapped back, literals only, the checker's rules."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.answer import Answer
from understudy.problem import ToolCall
from understudy.schema import argument_fault
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.benchmarks.bfcl import legal_names, legal_schema
from understudy_harness.benchmarks.bfcl_calls import Undecodable, from_text
from understudy_harness.benchmarks.bfcl_checker import Fault, check
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grader, Sample

FIXTURES = Path(os.environ.get("UNDERSTUDY_FIXTURES", Path(__file__).parents[3].parent / "shared/data/fixtures"))
FUNCTION: dict[str, Any] = {
    "name": "shop.order",
    "parameters": {
        "type": "dict",
        "properties": {
            "what": {"type": "string"},
            "count": {"type": "integer"},
            "price": {"type": "float"},
            "gift": {"type": "boolean"},
            "sizes": {"type": "array", "items": {"type": "integer"}},
            "pair": {"type": "tuple", "items": {"type": "float"}},
            "address": {"type": "dict"},
            "lines": {"type": "array", "items": {"type": "dict"}},
        },
        "required": ["what"],
    },
}
ALLOWED: dict[str, Any] = {
    "shop.order": {
        "what": ["New York pizza", "pizza"],
        "count": ["", 2],
        "price": ["", 9.5],
        "gift": ["", True],
        "sizes": ["", [1, 2]],
        "pair": ["", [1.0, 2.5]],
        "address": ["", {"city": ["Ulm"], "zip": ["", 89073]}],
        "lines": ["", [{"sku": ["a"]}, {"sku": ["b", "c"]}]],
    }
}


@pytest.mark.parametrize(
    ("text", "word"),
    [
        pytest.param("shop.order(what='pizza')", None, id="required only"),
        pytest.param("[shop.order(what='NEW-YORK  pizza', count=2)]", None, id="case and punctuation do not count"),
        pytest.param("shop.order(what='pizza', price=9.5, gift=True)", None, id="float and boolean"),
        pytest.param("shop.order(what='pizza', sizes=[1, 2], pair=(1.0, 2.5))", None, id="array and tuple"),
        pytest.param("shop.order(what='pizza', address={'city': 'ulm'})", None, id="an optional key left out"),
        pytest.param("shop.order(what='pizza', lines=[{'sku': 'a'}, {'sku': 'c'}])", None, id="list of objects"),
        pytest.param("shop_order(what='pizza')", "wrong_function", id="another name"),
        pytest.param("shop.order(count=2)", "missing_parameter", id="required one missing"),
        pytest.param("shop.order('pizza')", "missing_parameter", id="positional arguments vanish"),
        pytest.param("shop.order(what='pizza', when='now')", "unexpected_parameter", id="unknown parameter"),
        pytest.param("shop.order(what='pizza', count=True)", "wrong_type", id="a boolean is no integer"),
        pytest.param("shop.order(what='pizza', count=2.0)", "wrong_type", id="a float is no integer"),
        pytest.param("shop.order(what='pizza', sizes=[1, '2'])", "wrong_value", id="an allowed gap lets items pass"),
        pytest.param("shop.order(what='pizza', count=3)", "wrong_value", id="another value"),
        pytest.param("shop.order(what='pasta')", "wrong_value", id="another string"),
        pytest.param("shop.order(what='pizza', address={'street': 'x'})", "wrong_value", id="unknown key"),
        pytest.param("shop.order(what='pizza', lines=[{'sku': 'a'}])", "wrong_value", id="a list too short"),
        pytest.param("shop.order(what='pizza'), shop.order(what='pizza')", "wrong_count", id="one call too many"),
    ],
)
def test_the_checkers_rules(text: str, word: str | None) -> None:
    calls = from_text(text)
    if word is None:
        check([FUNCTION], calls, [ALLOWED], "simple_python")
    else:
        with pytest.raises(Fault) as found:
            check([FUNCTION], calls, [ALLOWED], "simple_python")
        assert found.value.word == word


def test_parallel_calls_match_in_any_order() -> None:
    expected: list[Any] = [{"f": {"x": [1]}}, {"f": {"x": [2]}}]
    functions = [{"name": "f", "parameters": {"properties": {"x": {"type": "integer"}}, "required": ["x"]}}]
    check(functions, from_text("f(x=2), f(x=1)"), expected, "parallel")
    with pytest.raises(Fault, match="no call matches"):
        check(functions, from_text("f(x=2), f(x=2)"), expected, "parallel")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("f(x=__import__('os').system('true') + 1)", id="a call inside arithmetic"),
        pytest.param("f(x=9**9**9)", id="a huge power"),
        pytest.param("f(x='a' * 10**9)", id="a huge string"),
        pytest.param("f(x=(lambda: 1)())(", id="broken"),
        pytest.param("f(x=[i for i in range(9)])", id="a comprehension"),
        pytest.param("f(x=f'{1}')", id="a format string"),
        pytest.param("f(x=1/0)", id="a division by zero"),
        pytest.param("I am sorry, there is no function for that.", id="words"),
        pytest.param("f", id="a name"),
        pytest.param("(" * 5000, id="deep nesting"),
        pytest.param("x" * 200_000, id="too long"),
    ],
)
def test_text_that_is_no_list_of_literal_calls_is_refused_and_never_run(text: str) -> None:
    with pytest.raises(Undecodable):
        from_text(text)


@given(st.text(alphabet="f(x=1,'a')[]{}.:+-* \n`", max_size=60))
def test_any_text_decodes_or_is_refused(text: str) -> None:
    try:
        calls = from_text(text)
    except Undecodable:
        return
    assert all(isinstance(call.name, str) for call in calls)


def test_arithmetic_on_numbers_is_worked_out() -> None:
    assert from_text("f(x=2 * 3 + 1, y=-4, z=2**10 / 2)")[0].arguments == {"x": 7, "y": -4, "z": 512.0}


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=5, unique=True))
def test_names_become_legal_and_map_back(names: list[str]) -> None:
    mapped = legal_names([{"name": name} for name in names])
    assert list(mapped.values()) == names
    assert all(len(legal) <= 64 and legal.replace("-", "_").replace("_", "a").isalnum() for legal in mapped)
    assert all(legal.isascii() for legal in mapped)


def test_types_become_json_schema_at_every_depth() -> None:
    legal = legal_schema(FUNCTION["parameters"])
    properties = legal["properties"]
    assert legal["type"] == "object"
    assert legal["required"] == ["what"]
    assert properties["price"]["type"] == "number"
    assert properties["pair"] == {"type": "array", "items": {"type": "number"}}
    assert properties["lines"]["items"]["type"] == "object"


def right_calls(sample: Sample) -> tuple[ToolCall, ...]:
    legal = {own: name for name, own in sample.hidden["names"].items()}
    calls = []
    for expected in sample.hidden["allowed"]:
        ((name, parameters),) = expected.items()
        arguments = {key: values[0] for key, values in parameters.items() if "" not in values}
        arguments = {key: _settled(value) for key, value in arguments.items()}
        calls.append(ToolCall(name=legal[name], arguments=json.dumps(arguments)))
    return tuple(calls)


def _settled(value: Any) -> Any:
    return {key: one[0] for key, one in value.items() if "" not in one} if isinstance(value, dict) else value


async def test_every_item_of_the_suite_is_right_with_its_own_calls_and_wrong_without() -> None:
    benchmark = open_benchmark("toolcalling")
    samples = benchmark.samples("all")
    for sample in samples:
        calls, tools = right_calls(sample), {tool.name: tool for tool in sample.problem.tools}
        assert all(argument_fault(call.arguments, tools[call.name].parameters) is None for call in calls)
        right = await benchmark.grade(sample, Answer(tool_calls=calls, text="No function fits."), Grader())
        assert (right.score, right.word) == (1.0, "right"), (sample.id, right)
        other = () if calls else (ToolCall(name=next(iter(tools)), arguments="{}"),)
        assert (await benchmark.grade(sample, Answer(tool_calls=other, text="Hm."), Grader())).score == 0.0


async def test_calls_in_the_text_may_use_the_names_that_the_model_was_shown(tmp_path: Path) -> None:
    function = {"name": "math.hypot", "description": "d", "parameters": {
        "type": "dict", "properties": {"x": {"type": "integer"}}, "required": ["x"],
    }}  # fmt: skip
    item = {"id": "s_0", "question": [[{"role": "user", "content": "?"}]], "function": [function]}
    path = tmp_path / "BFCL_v4_simple_python.json"
    path.write_text(json.dumps(item) + "\n", encoding="utf-8")
    (tmp_path / "possible_answer").mkdir()
    truth = {"id": "s_0", "ground_truth": [{"math.hypot": {"x": [4]}}]}
    (tmp_path / "possible_answer" / path.name).write_text(json.dumps(truth) + "\n", encoding="utf-8")
    benchmark = open_benchmark(f"bfcl:{path}")
    (sample,) = benchmark.samples("all")
    for text, word in (
        ("[math_hypot(x=4)]", "right"),
        ("math.hypot(x=4)", "right"),
        ("[hypot(x=4)]", "wrong_function"),
    ):
        assert (await benchmark.grade(sample, Answer(text=text), Grader())).word == word


def test_the_suite_is_large_enough_for_a_ratio_on_its_test_samples() -> None:
    samples = open_benchmark("toolcalling").samples("test")
    assert len(samples) >= 100
    assert len({sample.cluster for sample in samples}) >= 20
    for cluster in {sample.cluster for sample in samples}:
        kinds = [sample.category for sample in samples if sample.cluster == cluster]
        assert kinds.count("none") >= 2, cluster
        assert {"tool", "arguments", "none"} - set(kinds) <= {"tool"}, cluster


async def test_arguments_that_are_no_json_are_malformed_and_still_a_call() -> None:
    benchmark = open_benchmark("toolcalling")
    torn = Answer(tool_calls=(ToolCall(name="x", arguments='{"a": '),))
    by_category = {sample.category: sample for sample in benchmark.samples("all")}
    assert (await benchmark.grade(by_category["tool"], torn, Grader())).word == "malformed"
    assert (await benchmark.grade(by_category["none"], torn, Grader())).word == "called"


@pytest.mark.parametrize(
    "name", ["BFCL_v4_simple_python_4.json", "BFCL_v4_multiple_3.json", "BFCL_v4_irrelevance_2.json"]
)
async def test_original_lines_of_bfcl_load_and_their_own_answers_are_right(name: str) -> None:
    if not (FIXTURES / name).is_file():
        pytest.skip(f"no original lines at {FIXTURES / name}")
    benchmark = open_benchmark(f"bfcl:{FIXTURES / name}")
    for sample in benchmark.samples("all"):
        assert all("." not in tool.name for tool in sample.problem.tools)
        answer = Answer(tool_calls=right_calls(sample), text="There is no function for that.")
        assert (await benchmark.grade(sample, answer, Grader())).word == "right"


@pytest.mark.parametrize(
    ("item", "said"),
    [
        pytest.param(
            {"id": "a", "question": [[]], "function": [{}]}, "not in BFCL's form", id="a function without name"
        ),
        pytest.param({"id": "a", "question": [], "function": []}, "not in BFCL's form", id="no turn"),
        pytest.param(
            {"id": "b", "question": [[{"role": "user", "content": "q"}]], "function": []},
            "holds no answer for 'b'",
            id="no answer",
        ),
    ],
)
def test_a_broken_line_of_bfcl_is_named(tmp_path: Path, item: dict[str, Any], said: str) -> None:
    path = tmp_path / "BFCL_v4_simple_python.json"
    path.write_text(json.dumps(item), encoding="utf-8")
    (tmp_path / "possible_answer").mkdir()
    (tmp_path / "possible_answer" / path.name).write_text('{"id": "a", "ground_truth": []}', encoding="utf-8")
    with pytest.raises(BenchmarkError, match=said) as refused:
        open_benchmark(f"bfcl:{tmp_path}").samples("all")
    assert f"{path}:1:" in refused.value.message


def test_a_folder_without_files_of_bfcl_is_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="holds none of BFCL_v4_simple_python"):
        open_benchmark(f"bfcl:{tmp_path}").samples("all")
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(BenchmarkError, match="is not named like"):
        open_benchmark(f"bfcl:{tmp_path / 'x.json'}").samples("all")


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        pytest.param("f(x=..., y=None, z=a.b(1)[2])", {"x": "...", "y": None, "z": "a.b(1)[2]"}, id="names stay text"),
        pytest.param("f(x=g(1), y=g(a=1))", {"x": "g(1)", "y": {"g": {"a": 1}}}, id="calls as values"),
        pytest.param("f(x=-(2 - 5) * 2)", {"x": 6}, id="signs inside arithmetic"),
        pytest.param("f(x=+5)", {"x": -5}, id="the original's reading of a plus"),
    ],
)
def test_values_are_read_as_the_original_reads_them(text: str, arguments: dict[str, Any]) -> None:
    assert from_text(text)[0].arguments == arguments
