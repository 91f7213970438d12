"""Repair: what is mended, what is asked again, and what is left as it was written."""

import ast
import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import Completion, Options, Problem, Repair, Reply, Tool, ToolCall
from understudy.checks import file_fault
from understudy.mending import mended_python, parses
from understudy.reply import blocks_in, code_in, files_in, listed_files_in, safe_path, value_in
from understudy.testing import ScriptedModel, ask, context_for

ADD = Tool(
    name="add",
    parameters={
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
)
CALLING = replace(ask("Add 1 and 2."), tools=(ADD,))
JSON = Problem(
    messages=ask("Give JSON.").messages,
    options=Options(
        response_format={
            "type": "json_schema",
            "json_schema": {"schema": {"type": "object", "required": ["x"], "properties": {"x": {"type": "integer"}}}},
        }
    ),
)


def called(arguments: str) -> Completion:
    return Completion(tool_calls=(ToolCall(name="add", arguments=arguments, id="1"),), finish="tool_calls")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param('{"a": 1, "b": 2}', id="well-formed"),
        pytest.param("{'a': 1, 'b': 2}", id="single quotes"),
        pytest.param('{"a": 1, "b": 2,}', id="trailing comma"),
        pytest.param('```json\n{"a": 1, "b": 2}\n```', id="fence"),
        pytest.param('{"a": "1", "b": 2}', id="number as text"),
    ],
)
async def test_a_call_is_mended_without_asking_again(arguments: str) -> None:
    model = ScriptedModel([called(arguments)])

    answer = await Repair()(CALLING, context_for(model))

    assert json.loads(answer.tool_calls[0].arguments) == {"a": 1, "b": 2}
    assert answer.stopped is None


async def test_a_call_written_as_text_becomes_a_call() -> None:
    model = ScriptedModel(['<tool_call>{"name": "add", "arguments": {"a": 1, "b": 2}}</tool_call>'])

    answer = await Repair()(CALLING, context_for(model))

    assert [(call.name, json.loads(call.arguments)) for call in answer.tool_calls] == [("add", {"a": 1, "b": 2})]


async def test_a_call_that_cannot_be_read_is_asked_for_again_and_differently() -> None:
    model = ScriptedModel([called('{"a": 1, "b": '), called('{"a": 1, "b": 2}')])

    answer = await Repair()(CALLING, context_for(model))

    first, second = model.requests
    assert json.loads(answer.tool_calls[0].arguments) == {"a": 1, "b": 2}
    assert second.options.tool_choice == "required"
    assert second.sampling.temperature > first.sampling.temperature
    assert second.sampling.seed != first.sampling.seed
    assert "cannot be read" in second.messages[-1].content


async def test_a_call_that_stays_malformed_comes_back_as_it_was_written() -> None:
    model = ScriptedModel([called('{"a": '), called('{"a": ')])

    answer = await Repair()(CALLING, context_for(model))

    assert answer.stopped == "malformed"
    assert answer.tool_calls[0].arguments == '{"a": '


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"x": 1}', id="plain"),
        pytest.param('Here it is:\n```json\n{"x": 1}\n```\nDone.', id="fence and talk"),
        pytest.param("{'x': 1,}", id="python"),
    ],
)
async def test_json_is_found_in_what_surrounds_it(text: str) -> None:
    answer = await Repair()(JSON, context_for(ScriptedModel([text])))

    assert json.loads(answer.text) == {"x": 1}


async def test_json_that_does_not_fit_the_schema_is_asked_for_again() -> None:
    model = ScriptedModel(['{"x": "one"}', '{"x": 1}'])

    answer = await Repair()(JSON, context_for(model))

    assert answer.text == '{"x": 1}'
    assert "x: 'one' is not of type 'integer'" in model.requests[1].messages[0].content


GOOD = "def f(x):\n    if x:\n        return 1\n    return 2\n"


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(GOOD, id="well-formed"),
        pytest.param("".join(f"    {line}\n" for line in GOOD.splitlines()), id="indented as a whole"),
        pytest.param("def f(x):\n\tif x:\n        return 1\n\treturn 2\n", id="tabs and spaces"),
        pytest.param("def f(x):\nif x:\n        return 1\n    return 2\n", id="body lost a level"),
        pytest.param("def f(x):\n   if x:\n       return 1\n   return 2\n", id="three spaces"),
        pytest.param("def f(x):\n    if x:\n        return 1\n     return 2\n", id="one space too many"),
        pytest.param(
            ">>> def f(x):\n...     if x:\n...         return 1\n...     return 2\n", id="interpreter prompts"
        ),
        pytest.param("1 | def f(x):\n2 |     if x:\n3 |         return 1\n4 |     return 2\n", id="line numbers"),
        pytest.param("+def f(x):\n+    if x:\n+        return 1\n+    return 2\n", id="added lines of a diff"),
        pytest.param("Here is the function you asked for:\n" + GOOD, id="a sentence before"),
        pytest.param(GOOD + "This function returns one or two.\n", id="a sentence after"),
        pytest.param(GOOD + "\nprint(f(1", id="cut off behind the function"),
    ],
)
def test_indentation_and_surroundings_of_code_are_mended(code: str) -> None:
    mended = mended_python(code)

    assert mended is not None
    assert ast.dump(ast.parse(mended)) == ast.dump(ast.parse(GOOD))


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("def f(x)\n    return x", id="no colon"),
        pytest.param("def f(x):\n    return (x", id="cut off inside the function"),
        pytest.param("I cannot do that, sorry.", id="a refusal"),
        pytest.param("", id="nothing"),
    ],
)
def test_code_that_would_need_a_guess_is_left_alone(code: str) -> None:
    assert mended_python(code) in (None, code)


@given(st.text(max_size=200))
def test_what_is_mended_always_parses(code: str) -> None:
    mended = mended_python(code)

    assert mended is None or parses(mended)


async def test_code_in_an_answer_is_mended() -> None:
    model = ScriptedModel(["```python\n   def f(x):\n      return x\n```"])

    answer = await Repair()(ask("Write f.", reply=Reply(kind="code")), context_for(model))

    assert parses(answer.files["solution.py"])


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("```python\nx = 1\n```", "x = 1\n", id="one block"),
        pytest.param("```\nx = 1\n```", "x = 1\n", id="no language"),
        pytest.param("x = 1", "x = 1\n", id="no fence"),
        pytest.param("```python\ndef f(): ...\n```\nUse:\n```python\nf()\n```", "def f(): ...\n", id="usage after it"),
        pytest.param("```sh\npip install x\n```\n```python\nx = 1\n```", "x = 1\n", id="another language"),
        pytest.param(
            "```python\ndef f(): 1\n```\n```python\ndef f(): 2\n```", "def f(): 2\n", id="the last definition"
        ),
        pytest.param("```python\nx = 1\n", "x = 1\n", id="never closed"),
        pytest.param("~~~python\nx = '```'\n~~~", "x = '```'\n", id="tildes around a fence"),
        pytest.param("", "", id="empty"),
    ],
)
def test_code_is_found_by_one_rule(text: str, code: str) -> None:
    assert code_in(text, Reply(kind="code")) == code


def test_files_are_named_by_fence_comment_or_the_line_before() -> None:
    text = (
        "```python path=a.py\n1\n```\n```b.py\n2\n```\n**src/c.py**\n```python\n3\n```\n```python\n# d.py\n4\n```\n"
        "```python\nnameless\n```\n```python ../evil.py\nx\n```\n```python /etc/passwd.py\nx\n```\n"
    )

    assert files_in(text) == {"a.py": "1\n", "b.py": "2\n", "src/c.py": "3\n", "d.py": "# d.py\n4\n"}


LISTED = ("clock.cpp", "clock.h", "src/main/Clock.java")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "clock.h\n```\nA\n```\nclock.cpp\n```cpp\nB\n```", {"clock.h": "A", "clock.cpp": "B"}, id="as asked"
        ),
        pytest.param("**`clock.h`:**\n```cpp\nA\n```", {"clock.h": "A"}, id="bold"),
        pytest.param("### File: clock.h\n\n```cpp\nA\n```", {"clock.h": "A"}, id="heading"),
        pytest.param("#### 1. `clock.h` (Header File)\n```\nA\n```", {"clock.h": "A"}, id="numbered, with a remark"),
        pytest.param(
            "```cpp clock.h\nA\n```\n```cpp:clock.cpp\nB\n```", {"clock.h": "A", "clock.cpp": "B"}, id="fence"
        ),
        pytest.param('```cpp title="clock.h"\nA\n```', {"clock.h": "A"}, id="title in the fence"),
        pytest.param("```cpp\n// File: clock.h\nA\n```", {"clock.h": "// File: clock.h\nA"}, id="first comment"),
        pytest.param("```cpp\n/* clock.h */\nA\n```", {"clock.h": "/* clock.h */\nA"}, id="first comment of C"),
        pytest.param("Clock.java\n```java\nA\n```", {"src/main/Clock.java": "A"}, id="the end of its path"),
        pytest.param("./clock.h\n```\nA\n```", {"clock.h": "A"}, id="another spelling of its path"),
        pytest.param("a/clock.h\n```\nA\n```", {"clock.h": "A"}, id="more than its path"),
        pytest.param("clock.h\n```\nA\n```\nclock.h\n```\nB\n```", {"clock.h": "B"}, id="corrected"),
        pytest.param(
            "Here is `clock.h`.\n```\nA\n```\nA use of clock.h:\n```\nB\n```",
            {"clock.h": "A"},
            id="mentioned, then used",
        ),
        pytest.param("clock.h and clock.cpp:\n```\nA\n```", {}, id="two are mentioned"),
        pytest.param('```cpp\n#include "clock.h"\n```', {}, id="an include is no name"),
        pytest.param("```{.cpp}\nA\n```", {}, id="a class of the fence is no name"),
        pytest.param("// e.g.\n```\nA\n```\n## 1.2\n```\nB\n```", {}, id="numbers and abbreviations"),
        pytest.param("```cpp ../clock.h\nA\n```\n/etc/clock.h\n```\nA\n```", {}, id="out of the folder"),
        pytest.param("in ../clock.h:\n```\nA\n```", {}, id="mentioned out of the folder"),
        pytest.param("clock_test.cpp\n```\nA\n```", {"clock_test.cpp": "A"}, id="another file is kept, to be refused"),
        pytest.param("```\nA\n```", {}, id="nameless"),
    ],
)
def test_listed_files_are_found_however_a_model_names_them(text: str, found: dict[str, str]) -> None:
    assert {path: code.rstrip() for path, code in listed_files_in(text, LISTED).items()} == found


NAMING = st.sampled_from(
    ["{}", "**{}**", "### {}", "`{}`:", "File: {}", "- {}", "2. `{}`", "#### `{}` (the code)", "Now {}:", "**`{}`**"]
)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(LISTED), NAMING, st.text(alphabet="ab ;{}\n", max_size=20)), max_size=4))
def test_every_block_under_a_listed_name_becomes_that_file(blocks: list[tuple[str, str, str]]) -> None:
    text = "".join(f"{naming.format(path)}\n\n```\n{code}\n```\n\n" for path, naming, code in blocks)
    assert listed_files_in(text, LISTED).keys() == {path for path, _, _ in blocks}


@settings(deadline=None)
@given(st.text(alphabet="`~ \n/.*#:chkopw\\", max_size=200))
def test_no_text_gives_a_file_outside_of_the_folder(text: str) -> None:
    assert all(safe_path(path) == path for path in listed_files_in(text, ("clock.h", "clock.cpp")))


def test_an_answer_without_a_listed_name_or_with_another_one_is_told_what_is_asked_for() -> None:
    rule = Reply(kind="files", paths=("clock.cpp", "clock.h"))
    assert file_fault(rule, {"clock.h": ""}, {}) is None
    assert file_fault(rule, {"clock_test.cpp": ""}, {"clock_test.cpp": ""}) is None  # the testing server says tampered
    assert file_fault(Reply(kind="files"), {}, {}) is None
    assert file_fault(rule, {}, {}) == (
        "No code block says which file it is. Write the path on the line before each block: clock.cpp and clock.h."
    )
    assert file_fault(rule, {"clock.h": "", "main.cpp": ""}, {}) == (
        "'main.cpp' is not one of the files that are asked for. Write only clock.cpp and clock.h."
    )


def test_a_value_is_the_last_number_or_the_last_match() -> None:
    assert value_in("First 1, then 1,234.50.") == "1234.50"
    assert value_in("The change is \N{MINUS SIGN}5 degrees.") == "-5"
    assert value_in("none") is None
    assert value_in("Answer: a\nAnswer: b", r"Answer:\s*(.+)") == "b"
    assert value_in("nothing", r"Answer:\s*(.+)") is None


@given(st.text(alphabet="`~ \nab#./", max_size=120))
def test_any_text_has_blocks_without_failing(text: str) -> None:
    assert all(isinstance(block.text, str) for block in blocks_in(text))
