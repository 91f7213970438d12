"""GSM8K: the number is what is graded, not its spelling."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.answer import Answer
from understudy.reply import answer_from_text
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.benchmarks.gsm8k import gold, number, reference_answer, same_number
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Grader

FIXTURES = Path(os.environ.get("UNDERSTUDY_FIXTURES", Path(__file__).parents[3].parent / "shared/data/fixtures"))
LINES = FIXTURES / "gsm8k_8.jsonl"
needs_lines = pytest.mark.skipif(not LINES.is_file(), reason=f"no original lines of GSM8K at {LINES}")


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        pytest.param("20.00", "20", True, id="cents"),
        pytest.param("1,234", "1234", True, id="thousands comma"),
        pytest.param("$5,600.", "5600", True, id="dollars and a full stop"),
        pytest.param("-3", "3", False, id="sign"),
        pytest.param("12", "1.2", False, id="decimal point"),
        pytest.param("twelve", "12", False, id="a word is no number"),
        pytest.param("", "", False, id="nothing equals nothing"),
    ],
)
def test_numbers_are_compared_as_people_write_them(left: str, right: str, same: bool) -> None:
    assert same_number(left, right) is same


@given(st.integers(-(10**12), 10**12))
def test_every_usual_spelling_of_an_integer_is_the_same_number(value: int) -> None:
    for spelling in (f"{value}", f"{value:,}", f"{value}.00", f" {value} ", f"**{value}**"):
        assert same_number(spelling, str(value))


@given(st.text(max_size=80))
def test_any_text_is_a_number_or_none_and_never_an_error(text: str) -> None:
    found = number(text)
    assert found is None or found.is_finite()


def test_the_reference_rule_marks_cents_wrong() -> None:
    assert reference_answer("#### 20", "#### 20")
    assert not reference_answer("#### 20.00", "#### 20")
    assert not reference_answer("The answer is 20", "#### 20")
    assert gold("so\n#### 5,600") == "5600"


@pytest.mark.parametrize(
    ("text", "right", "word"),
    [
        pytest.param("$1,234.00", "1234", "right", id="dollars, comma and cents"),
        pytest.param("So she pays **1,234**", "1234", "right", id="bold"),
        pytest.param("The answer is $\\boxed{1,234}$.", "1234", "right", id="boxed"),
        pytest.param("Answer: 1234.", "1234", "right", id="a full stop"),
        pytest.param("Answer: 1234 dollars per year", "1234", "right", id="units"),
        pytest.param("<answer>1234</answer>", "1234", "right", id="tags"),
        pytest.param('{"answer": 1234}', "1234", "right", id="JSON"),
        pytest.param("```\n1234\n```", "1234", "right", id="a block"),
        pytest.param("#### 1,234", "1234", "right", id="the reference's mark"),
        pytest.param("Answer: 1234%", "1234", "right", id="percent"),
        pytest.param("12 + 1222 = 1234", "1234", "right", id="a calculation"),
        pytest.param("First 7, then 9.\nAnswer: 42", "42", "right", id="several numbers"),
        pytest.param("10 - 15 = -5", "-5", "right", id="negative"),
        pytest.param("0042", "42", "right", id="zeros in front"),
        pytest.param("#### 42\nFor 40 + 2 is that.", "42", "right", id="the mark, then why"),
        pytest.param("**Answer:** 42\nCheck: 2 * 21", "42", "right", id="the answer before the reasoning"),
        pytest.param("Answer: 42\r\nIt took 7 steps.", "42", "right", id="a carriage return"),
        pytest.param("Answer: 40\nNo.\nAnswer: 42\n2 tries", "42", "right", id="a second answer holds"),
        pytest.param("Answer: 6 x 7 = 42", "42", "right", id="a calculation behind the mark"),
        pytest.param("\\boxed{1{,}234}", "1234", "right", id="a comma of LaTeX"),
        pytest.param("\\boxed{42 \\text{ cm}}, in 3 steps\n", "42", "wrong", id="not alone on its line"),
        pytest.param("Answer: 4\u202f200", "4200", "right", id="a thin space"),
        pytest.param("In 2019 200 people", "200", "right", id="a year beside it"),
        pytest.param("Answer: \uff14\uff12", "42", "right", id="wide digits"),
        pytest.param("Answer: \u22125", "-5", "right", id="a typographic minus"),
        pytest.param("Answer: -$5", "-5", "right", id="minus before the dollar"),
        pytest.param("Answer: -$5", "5", "wrong", id="and it counts"),
        pytest.param("Answer: .5", "5", "wrong", id="a decimal without its zero"),
        pytest.param("so it is...5", "5", "right", id="dots are none"),
        pytest.param("Answer: 1.5e3", "1500", "right", id="an exponent"),
        pytest.param("Answer: 1e99", "42", "wrong", id="a huge exponent"),
        pytest.param("1234.5", "1234", "wrong", id="a decimal that is another number"),
        pytest.param("5", "-5", "wrong", id="the sign is missing"),
        pytest.param("Answer: 42, not 40", "42", "wrong", id="the last number counts"),
        pytest.param("Answer: 1/2", "0.5", "wrong", id="a fraction is not calculated"),
        pytest.param("Answer: 84/2", "42", "wrong", id="nor is a division"),
        pytest.param("forty-two", "42", "malformed", id="a number in words"),
        pytest.param("", "42", "malformed", id="nothing"),
        pytest.param("I cannot tell.", "42", "malformed", id="no number"),
    ],
)
async def test_replies_as_models_write_them(tmp_path: Path, text: str, right: str, word: str) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": f"#### {right}"}), encoding="utf-8")
    benchmark = open_benchmark(f"gsm8k:{path}")
    (sample,) = benchmark.samples("all")
    grade = await benchmark.grade(sample, answer_from_text(text, sample.problem), Grader())
    assert grade.word == word
    assert grade.score == float(word == "right")


@pytest.mark.parametrize(
    "text", ["1 " * 40_000, "1" * 80_000, "1,111" * 16_000, "Answer: " * 10_000, "#### 5 6\n" * 8_000]
)
def test_reading_a_reply_takes_time_in_proportion_to_its_length(tmp_path: Path, text: str) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": "#### 5"}), encoding="utf-8")
    (sample,) = open_benchmark(f"gsm8k:{path}").samples("all")
    assert (answer_from_text(text, sample.problem).value is None) is text.startswith("Answer")


def test_a_plain_number_is_read_without_its_currency_so_that_votes_for_it_count_together(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"question": "q", "answer": "#### 20"}), encoding="utf-8")
    (sample,) = open_benchmark(f"gsm8k:{path}").samples("all")
    assert {answer_from_text(text, sample.problem).value for text in ("Answer: $20", "Answer: \\$20", "It is 20.")} == {
        "20"
    }


@needs_lines
async def test_the_original_lines_load_and_their_own_answers_are_right() -> None:
    benchmark = open_benchmark(f"gsm8k:{LINES}")
    samples = benchmark.samples("all")
    assert len(samples) == 8
    for sample in samples:
        right = answer_from_text(f"Let me think. Answer: {sample.hidden['value']}", sample.problem)
        wrong = answer_from_text("Answer: -987654321", sample.problem)
        assert (await benchmark.grade(sample, right, Grader())).word == "right"
        assert (await benchmark.grade(sample, wrong, Grader())).score == 0.0
        assert (await benchmark.grade(sample, Answer(text="no idea"), Grader())).word == "malformed"
        assert sample.hidden["value"] not in sample.problem.messages[0].content.replace(",", "").split("####")[1:]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param('{"question": "q", "answer": "no mark"}', "does not end in '#### NUMBER'", id="no gold"),
        pytest.param('{"question": "q"}', "the field 'answer' is missing", id="missing field"),
        pytest.param('{"question": 3, "answer": "#### 1"}', "the field 'question' is 3, not a string", id="wrong type"),
        pytest.param('{"question": ', "not valid JSON", id="torn line"),
        pytest.param("[1]", "expected a JSON object and found 1", id="an array of numbers"),
    ],
)
def test_a_broken_line_is_named_with_its_file_and_number(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "test.jsonl"
    good = '{"question": "q", "answer": "#### 1"}'
    path.write_text(line if line.startswith("[") else f"{good}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(BenchmarkError) as refused:
        open_benchmark(f"gsm8k:{path}").samples("all")
    assert said in refused.value.message
    assert f"{path}:{1 if line.startswith('[') else 3}" in refused.value.message
