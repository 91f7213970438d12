"""BestOf, Plan, SelfRefine, Route, MapReduce and Program on scripted models: who is asked what, and who decides."""

import json

import pytest

from understudy import Budget, Direct, Form, MapReduce, On, Plan, Program, Reply, Route, SelfRefine, Tests, TokenPrice
from understudy.bestof import BestOf
from understudy.context import ToolResult
from understudy.errors import MissingCheck, ServerError
from understudy.mapreduce import parts_of, split_question
from understudy.prompts.roles import choice_in, notes_in, opinion_in
from understudy.route import When, category_of, roles_of
from understudy.testing import ScriptedModel, ScriptedServer, ask, context_for, scripted_tests

TESTS = Tests(files={"test_solution.py": "def test(): ..."})
CODE = ask("Write f.", check=TESTS, reply=Reply(kind="code"))


async def test_best_of_keeps_the_first_answer_that_the_check_accepts() -> None:
    server = scripted_tests(lambda code: "good" in code)
    model = ScriptedModel(["bad", "good 1", "good 2"])

    answer = await BestOf(n=3)(CODE, context_for(model, servers={"testing": server}))

    assert answer.text == "good 1"
    assert answer.verdict is not None
    assert answer.verdict.accepted
    assert len({request.sampling.seed for request in model.requests}) == 3


async def test_best_of_keeps_what_passed_the_most_tests_when_nothing_was_accepted() -> None:
    counts = {"a\n": 1, "b\n": 3, "c\n": 2}
    server = ScriptedServer(
        {"run_tests": lambda given: {"verdict": "failed", "passed": counts[given["files"]["solution.py"]], "total": 4}}
    )

    answer = await BestOf(n=3)(CODE, context_for(ScriptedModel(["a", "b", "c"]), servers={"testing": server}))

    assert answer.text == "b"


async def test_a_judge_names_a_candidate_and_sees_them_in_a_random_order() -> None:
    def judge(request: object) -> str:
        shown = judging.requests[-1].messages[0].content
        return next(number for number in "123" if f"Answer {number}:\nsecond" in shown)

    judging = ScriptedModel(judge)
    models = {"local": ScriptedModel(["first", "second", "third"]), "cloud": judging}

    answer = await BestOf(Direct(), On("cloud", Direct()), n=3)(ask("?"), context_for(models, seed=5))

    assert answer.text == "second"


async def test_a_judge_that_names_nobody_changes_nothing_and_the_trace_says_so() -> None:
    models = {"local": ScriptedModel(["first", "second"]), "cloud": ScriptedModel(["Both are fine."])}
    context = context_for(models)

    answer = await BestOf(Direct(), On("cloud", Direct()), n=2)(ask("?"), context)

    assert answer.text == "first"
    assert "the judge named no candidate" in [event.name for event in context.trace]


async def test_best_of_without_check_and_judge_refuses_at_once() -> None:
    with pytest.raises(MissingCheck, match="give it a judge"):
        await BestOf()(ask("?"), context_for(ScriptedModel([])))


async def test_the_cloud_plans_the_local_model_works_and_the_cloud_validates() -> None:
    cloud = ScriptedModel(["1. Add. 2. Check.", "REJECT: the sum is wrong.", "ACCEPT"])
    local = ScriptedModel(["5", "4"])
    context = context_for({"cloud": cloud, "local": local})

    answer = await Plan(On("cloud", Direct()), Direct(), On("cloud", Direct()))(ask("2 + 2?"), context)

    assert answer.text == "4"
    assert "1. Add. 2. Check." in local.requests[0].messages[0].content
    assert "the sum is wrong" in local.requests[1].messages[0].content
    assert "This answer was rejected:\n5" in local.requests[1].messages[0].content
    assert [len(request.messages) for request in local.requests] == [1, 1]
    assert [request.sampling.temperature for request in local.requests] == [0.0, 0.8]


async def test_what_the_check_refuses_is_not_shown_to_the_validator() -> None:
    cloud = ScriptedModel(["the plan", "ACCEPT"])
    local = ScriptedModel(["bad", "good"])
    context = context_for(
        {"cloud": cloud, "local": local}, servers={"testing": scripted_tests(lambda code: "good" in code)}
    )

    answer = await Plan(On("cloud", Direct()), Direct(), On("cloud", Direct()))(CODE, context)

    assert answer.text == "good"
    assert len(cloud.requests) == 2


async def test_a_plan_whose_rounds_are_used_up_says_so() -> None:
    models = {"cloud": ScriptedModel(["plan", "REJECT", "REJECT"]), "local": ScriptedModel(["a", "b"])}

    answer = await Plan(On("cloud", Direct()), Direct(), On("cloud", Direct()))(ask("?"), context_for(models))

    assert (answer.text, answer.stopped) == ("b", "rounds")


async def test_self_refine_criticizes_and_revises_without_asking_the_check() -> None:
    model = ScriptedModel(["first", "it is wrong", "second"])

    answer = await SelfRefine()(CODE, context_for(model))

    assert answer.text == "second"
    assert "it is wrong" in model.requests[2].messages[0].content


async def test_a_rule_that_applies_takes_the_problem() -> None:
    route = Route((When(On("cloud", Direct()), category="code"), When(MapReduce(), longer=10_000)), Direct())
    models = {"local": ScriptedModel(["local"] * 2), "cloud": ScriptedModel(["cloud"])}

    answers = [await route(problem, context_for(models)) for problem in (CODE, ask("Hello?"), ask("Hello again?"))]

    assert [answer.text for answer in answers] == ["cloud", "local", "local"]


async def test_a_rule_about_price_counts_the_most_that_a_call_may_cost() -> None:
    cheap_enough = Route((When(On("cloud", Direct()), most_usd=0.01),), Direct())
    models = {"local": ScriptedModel(["local", "local"]), "cloud": ScriptedModel(["cloud"])}

    cheap = await cheap_enough(ask("?"), context_for(models, price=TokenPrice(input=1, output=1)))
    dear = await cheap_enough(ask("?"), context_for(models, price=TokenPrice(input=1, output=100)))
    unpriced = await cheap_enough(ask("?"), context_for(models))

    assert [cheap.text, dear.text, unpriced.text] == ["cloud", "local", "local"]


async def test_a_user_who_prefers_local_or_cheap_gets_it_where_a_rule_allows() -> None:
    rules = (When(On("cloud", Direct())),)
    models = {"local": ScriptedModel(["local", "local"]), "cloud": ScriptedModel([])}

    local = await Route(rules, Direct(), prefer="local")(ask("?"), context_for(models))
    prices = {"a": TokenPrice(input=9, output=9), "b": TokenPrice(input=1, output=1)}
    priced = {"local": ScriptedModel(["cheap"], name="b"), "cloud": ScriptedModel([], name="a")}
    context = context_for(priced)
    cheap = await Route(rules, Direct(), prefer="cheap")(
        ask("?"), type(context)(models=priced, meter=context.meter, trace=context.trace, price=prices.get)
    )

    assert (local.text, cheap.text) == ("local", "cheap")


def test_a_problem_is_sorted_by_what_it_holds() -> None:
    assert category_of(CODE) == "code"
    assert category_of(ask("?", reply=Reply(kind="value"))) == "math"
    assert category_of(ask("?")) == "text"


def test_the_roles_of_a_tree_are_those_that_its_leaves_call() -> None:
    assert roles_of(Plan(On("cloud", Direct()), Direct(), On("judge", Direct())), "local") == {
        "cloud",
        "local",
        "judge",
    }
    assert roles_of(On("cloud", Direct()), "local") == {"cloud"}


async def test_a_long_text_is_read_in_parts_and_answered_from_notes() -> None:
    text = "\n".join(f"Line {number} of the report." for number in range(400))

    def reply(request: object) -> str:
        content = model.requests[-1].messages[0].content
        if "Part " not in content:
            return "Line 250 says so."
        return json.dumps({"relevant": "Line 250 " in content, "notes": "Line 250 is here"})

    model = ScriptedModel(reply)

    answer = await MapReduce(part=2000, overlap=100)(ask(f"{text}\n\nWhich line says so?"), context_for(model))

    assert answer.text == "Line 250 says so."
    assert len(model.requests) > 4
    final = model.requests[-1].messages[0].content
    assert "Line 250 is here" in final
    assert "Line 17 of the report" not in final
    assert final.endswith("Which line says so?")


async def test_a_short_text_goes_straight_to_the_answer() -> None:
    model = ScriptedModel(["short"])

    answer = await MapReduce()(ask("A short question?"), context_for(model))

    assert answer.text == "short"
    assert len(model.requests) == 1


async def test_map_reduce_out_of_budget_returns_the_notes_so_far() -> None:
    text = "\n".join(f"Line {number} of the report." for number in range(200)) + "\n\nWhich?"
    model = ScriptedModel(lambda request: '{"relevant": true, "notes": "seen"}')

    answer = await MapReduce(part=2000)(ask(text), context_for(model, budget=Budget(calls=2)))

    assert answer.stopped == "budget"
    assert "seen" in answer.text


def test_a_text_is_cut_at_line_ends_and_nothing_is_lost() -> None:
    text = "".join(f"line {number}\n" for number in range(1000))

    parts = parts_of(text, 500, 50)

    assert all(len(part) <= 500 for part in parts)
    assert all(any(f"line {number}\n" in part for part in parts) for number in range(1000))
    assert parts_of("x" * 1001, 500, 0) == ["x" * 500, "x" * 500, "x"]


def test_the_question_is_the_short_paragraphs_around_a_text() -> None:
    assert split_question("Summarize.\n\n" + "long " * 900 + "\n\nIn one line.") == (
        "Summarize.\n\nIn one line.",
        "long " * 900,
    )
    assert split_question("no paragraphs") == ("", "no paragraphs")


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        pytest.param("ACCEPT", True, id="accept"),
        pytest.param("**ACCEPT**.", True, id="bold"),
        pytest.param("REJECT: no test for zero", False, id="reject"),
        pytest.param("I would ACCEPT this.", None, id="in a sentence"),
        pytest.param("ACCEPTABLE", None, id="another word"),
        pytest.param("", None, id="empty"),
    ],
)
def test_only_a_leading_word_is_an_opinion(text: str, accepted: bool | None) -> None:
    opinion = opinion_in(text)

    assert (opinion.accepted if opinion else None) == accepted


def test_only_a_number_that_is_on_the_list_is_a_choice() -> None:
    assert [choice_in(text, 3) for text in ("2", "Answer 3", "**1**", "4", "0", "the second", "")] == [
        1,
        2,
        0,
        None,
        None,
        None,
        None,
    ]


def test_notes_are_read_only_from_the_json_that_was_asked_for() -> None:
    assert notes_in('```json\n{"relevant": true, "notes": "x"}\n```') == "x"
    assert notes_in('{"relevant": false, "notes": "x"}') == ""
    assert notes_in('{"relevant": "yes"}') is None
    assert notes_in("__import__('os')") is None


async def test_a_program_that_fails_the_gate_leaves_the_answer_to_the_inner_scaffold() -> None:
    model = ScriptedModel(["bad", "fallback"])

    answer = await Program()(CODE, context_for(model, servers={"testing": scripted_tests(lambda code: "good" in code)}))

    assert answer.text == "fallback"


async def test_a_program_that_passes_the_gate_is_the_answer() -> None:
    model = ScriptedModel(["good"])

    answer = await Program()(CODE, context_for(model, servers={"testing": scripted_tests(lambda code: "good" in code)}))

    assert answer.text == "good"
    assert answer.verdict is not None


@pytest.mark.parametrize(
    ("actual", "value"),
    [
        pytest.param("42", "42", id="number"),
        pytest.param("'Paris'", "Paris", id="text"),
        pytest.param("None", None, id="nothing"),
        pytest.param("[1, 2]", None, id="list"),
        pytest.param("<object at 0x1>", None, id="no literal"),
    ],
)
async def test_what_a_program_returned_is_the_answer_if_it_is_plain(actual: str, value: str | None) -> None:
    failure = {"kind": "assert", "call": "solve()", "expected": "?", "actual": actual}
    server = ScriptedServer({"run_tests": lambda _: {"verdict": "failed", "ok": False, "failures": [failure]}})
    model = ScriptedModel(["```python\ndef solve(): ...\n```", "fallback"])

    answer = await Program()(ask("6 * 7?"), context_for(model, servers={"testing": server}))

    assert answer.text == (value or "fallback")


async def test_a_program_without_a_testing_server_says_how_to_add_one() -> None:
    with pytest.raises(ServerError, match="understudy serve testing"):
        await Program()(ask("?", check=Form()), context_for(ScriptedModel([])))


async def test_a_failed_run_of_the_gate_is_no_verdict() -> None:
    broken = ScriptedServer({"run_tests": lambda _: ToolResult(text="down", data=None, is_error=True)})

    with pytest.raises(ServerError, match="down"):
        await Program()(ask("?"), context_for(ScriptedModel(["x"]), servers={"testing": broken}))
