"""Direct, On, Retry, Vote and Escalate on scripted models: contexts, verdicts, and how they end."""

import pickle

import anyio
import pytest

from understudy import Answer, Budget, Completion, Direct, Escalate, Form, On, Retry, Tests, ToolCall, Vote, solve
from understudy.answer import Failure
from understudy.context import ToolResult
from understudy.errors import BudgetExceeded, MissingCheck, MissingRole, ModelError, ServerError, ServerLost
from understudy.problem import Problem, Reply
from understudy.testing import (
    HangingModel,
    MeetingModel,
    ScriptedModel,
    ScriptedServer,
    ask,
    context_for,
    scripted_tests,
)

TESTS = Tests(files={"test_solution.py": "from solution import f\n\ndef test_f():\n    assert f(2) == 4\n"})


def coding(text: str = "Write f.") -> Problem:
    return ask(text, check=TESTS, reply=Reply(kind="code"))


def failing(call: str = "f(2)", passed: int = 0) -> dict[str, object]:
    failure = {"id": "test_solution.py::test_f", "kind": "assert", "call": call, "expected": "4", "actual": "3"}
    return {"verdict": "failed", "ok": False, "passed": passed, "total": 2, "failures": [failure]}


PASSED = {"verdict": "passed", "ok": True, "passed": 2, "total": 2, "failures": [], "proof": ["canary", "split"]}


async def test_direct_asks_once_and_greedily() -> None:
    model = ScriptedModel(["Paris"])

    answer = await solve(Direct(), "Capital of France?", models=model)

    assert answer == Answer(text="Paris")
    assert [message.content for message in model.requests[0].messages] == ["Capital of France?"]
    assert model.requests[0].sampling.temperature == 0.0


async def test_a_role_without_a_model_is_named_together_with_those_that_have_one() -> None:
    with pytest.raises(MissingRole, match=r"role 'cloud' \(bound: 'local'\)"):
        await solve(On("cloud", Direct()), "?", models=ScriptedModel(["x"]))


async def test_retry_tries_again_until_the_check_accepts() -> None:
    model = ScriptedModel(["def f(x): return 1", "def f(x): return 2", "def f(x): return 2 * x", "never asked"])
    server = scripted_tests(lambda code: "2 * x" in code)

    answer = await Retry()(coding(), context_for(model, servers={"testing": server}))

    assert answer.files == {"solution.py": "def f(x): return 2 * x\n"}
    assert answer.verdict is not None
    assert answer.verdict.accepted
    assert answer.stopped is None
    assert len(model.requests) == 3


async def test_retry_starts_every_try_from_the_problem_and_shows_the_last_failure_only() -> None:
    model = ScriptedModel(["def f(x): return 1", "def f(x): return 2", "def f(x): return 3"])
    server = ScriptedServer({"run_tests": lambda arguments: failing(call=str(len(server.calls)))})

    await Retry(tries=3)(coding(), context_for(model, servers={"testing": server}))

    first, second, third = (request.messages for request in model.requests)
    assert [len(first), len(second), len(third)] == [1, 1, 1]
    assert first[0].content == "Write f."
    assert "return 1" in second[0].content
    assert "- 1 must be 4, not 3" in second[0].content
    assert "return 1" not in third[0].content
    assert "return 2" in third[0].content


async def test_retry_begins_greedily_and_then_samples_with_other_seeds() -> None:
    model = ScriptedModel(["a", "b", "c"])

    await Retry(tries=3, temperature=0.9)(
        coding(), context_for(model, servers={"testing": scripted_tests(lambda _: False)})
    )

    assert [request.sampling.temperature for request in model.requests] == [0.0, 0.9, 0.9]
    assert len({request.sampling.seed for request in model.requests}) == 3


async def test_retry_with_nothing_to_show_repeats_the_problem() -> None:
    model = ScriptedModel(["a", "b"])

    await Retry(tries=2, show="nothing")(
        coding(), context_for(model, servers={"testing": scripted_tests(lambda _: False)})
    )

    assert model.requests[0].messages == model.requests[1].messages


async def test_an_answer_that_was_refused_is_not_checked_again_but_counts() -> None:
    model = ScriptedModel(["a", "a", "a", "b", "c"])
    server = scripted_tests(lambda _: False)

    answer = await Retry(tries=5)(coding(), context_for(model, servers={"testing": server}))

    assert len(model.requests) == 5
    assert [arguments["files"]["solution.py"] for _, arguments in server.calls] == ["a\n", "b\n", "c\n"]
    assert answer.stopped == "tries"


async def test_retry_stops_when_tries_bring_nothing_new() -> None:
    model = ScriptedModel(lambda request: "the same")

    answer = await Retry(tries=50, stale=3)(
        coding(), context_for(model, servers={"testing": scripted_tests(lambda _: False)})
    )

    assert answer.stopped == "stale"
    assert len(model.requests) == 4


async def test_retry_returns_what_passed_the_most_tests_when_nothing_was_accepted() -> None:
    passed = {"a\n": 0, "b\n": 2, "c\n": 1}
    server = ScriptedServer({"run_tests": lambda given: failing(passed=passed[given["files"]["solution.py"]])})

    answer = await Retry(tries=3)(coding(), context_for(ScriptedModel(["a", "b", "c"]), servers={"testing": server}))

    assert answer.text == "b"
    assert answer.stopped == "tries"


async def test_retry_does_not_go_on_when_there_are_no_tests() -> None:
    server = ScriptedServer({"run_tests": lambda _: {"verdict": "no_tests", "ok": False}})
    model = ScriptedModel(["a"])

    answer = await Retry()(coding(), context_for(model, servers={"testing": server}))

    assert answer.stopped == "no_tests"


async def test_a_loop_without_a_check_refuses_at_once() -> None:
    model = ScriptedModel([])

    for loop in (Retry(), Escalate(Direct(), On("cloud", Direct()))):
        with pytest.raises(MissingCheck, match="needs a check and the problem has none"):
            await solve(loop, "?", models=model)

    assert model.requests == []


async def test_a_server_that_fails_is_neither_a_verdict_nor_a_try() -> None:
    broken = ScriptedServer(
        {"run_tests": lambda _: ToolResult(text="no room", data={"verdict": "infra_error"}, is_error=True)}
    )

    with pytest.raises(ServerError, match="no room"):
        await Retry()(coding(), context_for(ScriptedModel(["a", "b"]), servers={"testing": broken}))


async def test_a_check_by_tests_without_a_testing_server_says_how_to_add_one() -> None:
    with pytest.raises(ServerError, match="understudy serve testing"):
        await Retry()(coding(), context_for(ScriptedModel(["a"])))


async def test_a_judgment_is_asked_again_when_the_connection_was_lost() -> None:
    class Losing(ScriptedServer):
        known_workspaces: set[str]
        losses = 1

        async def call(self, tool, arguments, *, meta=None):  # type: ignore[no-untyped-def]
            self.losses -= 1
            if self.losses == 0:
                raise ServerLost("gone", server="testing")
            return await super().call(tool, arguments, meta=meta)

    server = Losing({"run_tests": lambda _: PASSED})

    answer = await Retry()(coding(), context_for(ScriptedModel(["a"]), servers={"testing": server}))

    assert answer.verdict is not None
    assert answer.verdict.proof == ("canary", "split")


async def test_a_workspace_is_sent_once_and_again_when_the_server_forgot_it() -> None:
    forgot = ToolResult(text="", data={"verdict": "infra_error", "reason": "unknown_workspace"}, is_error=True)
    results: list[dict[str, object] | ToolResult] = [failing(), forgot, failing(), failing()]
    server = ScriptedServer({"run_tests": lambda _: results.pop(0)})
    server.known_workspaces = set()  # type: ignore[attr-defined]

    await Retry(tries=3)(coding(), context_for(ScriptedModel(["a", "b", "c"]), servers={"testing": server}))

    sent = [meta["understudy/workspace"] for meta in server.metas if meta]
    assert ["files" in workspace for workspace in sent] == [True, False, True, False]
    assert len({workspace["id"] for workspace in sent}) == 1
    assert len({meta["understudy/client"] for meta in server.metas if meta}) == 1


async def test_structured_failures_reach_the_next_prompt() -> None:
    raised = {"id": "t::x", "kind": "exception", "call": "f(1)", "expected": "", "message": "IndexError: empty"}
    results: list[dict[str, object]] = [{"verdict": "failed", "ok": False, "failures": [raised]}, PASSED]
    model = ScriptedModel(["a", "b"])
    server = ScriptedServer({"run_tests": lambda _: results.pop(0)})

    await Retry()(coding(), context_for(model, servers={"testing": server}))

    assert "- f(1), but it raised IndexError: empty" in model.requests[1].messages[0].content
    assert Failure(call="f(1)", error="IndexError: empty", test="t::x") == Failure(
        call="f(1)", expected="", actual="", error="IndexError: empty", test="t::x"
    )


async def test_vote_keeps_what_most_draws_agree_on() -> None:
    model = ScriptedModel(["7", "So it is 8.", "8", "The answer: 8"])

    answer = await Vote(n=4)(ask("?", reply=Reply(kind="value")), context_for(model))

    assert answer.value == "8"
    assert answer.agreement == 0.75
    assert {request.sampling.temperature for request in model.requests} == {0.7}


async def test_of_equally_frequent_answers_the_first_drawn_wins() -> None:
    answer = await Vote(n=2)(ask("?"), context_for(ScriptedModel(["a", "b"])))

    assert (answer.text, answer.agreement) == ("a", 0.5)


async def test_votes_on_calls_compare_what_they_mean() -> None:
    def called(arguments: str, id: str) -> Completion:
        return Completion(tool_calls=(ToolCall(name="clock", arguments=arguments, id=id),))

    model = ScriptedModel(
        [called('{"b": 1}', "1"), called('{"a": 1, "zone": "x"}', "2"), called('{ "zone":"x", "a":1 }', "3")]
    )

    answer = await Vote(n=3)(ask("?"), context_for(model))

    assert [call.id for call in answer.tool_calls] == ["2"]
    assert answer.agreement == pytest.approx(2 / 3)


async def test_votes_are_drawn_at_the_same_time() -> None:
    with anyio.fail_after(5):
        await Vote(n=3)(ask("?"), context_for(MeetingModel(3)))


async def test_a_vote_that_fails_cancels_the_others_and_raises_as_it_is() -> None:
    hanging = HangingModel()

    async def fail_after_other(request: object) -> str:
        await hanging.asked.wait()
        raise ModelError("broken", model="x")

    class Both:
        name = "both"
        first = True

        async def generate(self, request):  # type: ignore[no-untyped-def]
            if self.first:
                self.first = False
                return await hanging.generate(request)
            return await fail_after_other(request)

    context = context_for(Both())
    with anyio.fail_after(5), pytest.raises(ModelError, match="broken"):
        await Vote(n=2)(ask("?"), context)

    assert hanging.cancelled == 1
    assert context.meter.open_reservations == 0


async def test_escalate_stays_local_when_the_check_accepts() -> None:
    local, cloud = ScriptedModel(["good"]), ScriptedModel([])

    answer = await Escalate(Direct(), On("cloud", Direct()))(
        coding(),
        context_for({"local": local, "cloud": cloud}, servers={"testing": scripted_tests(lambda code: "good" in code)}),
    )

    assert answer.text == "good"
    assert cloud.requests == []


async def test_escalate_goes_to_the_cloud_when_the_check_refuses() -> None:
    context = context_for(
        {"local": ScriptedModel(["bad"]), "cloud": ScriptedModel(["good"])},
        servers={"testing": scripted_tests(lambda code: "good" in code)},
    )

    answer = await Escalate(Direct(), On("cloud", Direct()))(coding(), context)

    assert answer.text == "good"
    assert [event.role for event in context.trace if event.kind == "generate"] == ["local", "cloud"]


async def test_escalate_goes_to_the_cloud_when_votes_disagree() -> None:
    models = {"local": ScriptedModel(["a", "b", "c"]), "cloud": ScriptedModel(["d"])}

    answer = await Escalate(Vote(n=3), On("cloud", Direct()))(ask("?"), context_for(models))

    assert answer.text == "d"


async def test_form_refuses_what_is_empty_and_retry_mends_it() -> None:
    model = ScriptedModel(["  ", "words"])

    answer = await Retry()(ask("?", check=Form()), context_for(model))

    assert answer.text == "words"
    assert "The answer is empty." in model.requests[1].messages[0].content


async def test_a_budget_that_ends_in_a_loop_returns_the_answer_so_far() -> None:
    context = context_for(
        ScriptedModel(["a", "b"]), servers={"testing": scripted_tests(lambda _: False)}, budget=Budget(calls=2)
    )

    answer = await Retry(tries=9)(coding(), context)

    assert (answer.text, answer.stopped) == ("a", "budget")


async def test_a_budget_that_allows_fewer_votes_counts_those_it_allowed() -> None:
    context = context_for(ScriptedModel(["a", "a"]), budget=Budget(calls=2))

    answer = await Vote(n=5)(ask("?"), context)

    assert (answer.text, answer.agreement, answer.stopped) == ("a", 1.0, "budget")


async def test_a_budget_that_allows_nothing_is_an_answer_for_solve_and_an_error_for_a_scaffold() -> None:
    with pytest.raises(BudgetExceeded):
        await Direct()(ask("?"), context_for(ScriptedModel([]), budget=Budget(calls=0)))

    answer = await solve(Vote(), "?", models=ScriptedModel([]), budget=Budget(calls=0))

    assert answer == Answer(stopped="budget", complete=False)


def test_a_problem_is_plain_data() -> None:
    problem = coding()

    assert hash(problem) == hash(coding())
    assert pickle.loads(pickle.dumps(problem)) == problem
