"""A budget holds at any nesting and concurrency, and what was found before it ended is not thrown away."""

from dataclasses import replace
from random import Random

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy import (
    BestOf,
    Budget,
    Completion,
    Direct,
    Escalate,
    MapReduce,
    On,
    Plan,
    Repair,
    Request,
    Retry,
    Scaffold,
    SelfRefine,
    TokenPrice,
    Usage,
    Vote,
    solve,
)
from understudy.budget import Meter, most_tokens
from understudy.errors import BudgetExceeded, ModelRejected, ModelUnavailable, Unpriced
from understudy.problem import Message, Options, Tool
from understudy.solving import within_budget
from understudy.testing import (
    SIMULATED,
    HangingModel,
    MeetingModel,
    MemoryCache,
    ScriptedModel,
    ask,
    context_for,
    scripted_tests,
)

PRICE = TokenPrice(input=1.0, output=5.0, cache_read=0.1, cache_write=1.25)


class Spender:
    """A model that uses up to all that a request allows, answers in any order, and is sometimes cut off or refused."""

    name = "spender"

    def __init__(self, seed: int, trouble: float) -> None:
        self.random, self.trouble = Random(seed), trouble
        self.sent = 0

    async def generate(self, request: Request) -> Completion:
        for _ in range(self.random.randrange(3)):
            await anyio.lowlevel.checkpoint()
        most_in, most_out = most_tokens(request)
        chance = self.random.random()
        if chance < self.trouble / 2:
            raise ModelUnavailable("lost", model=self.name, reason="disconnected", billed=True)
        self.sent += 1
        used = Usage(
            input_tokens=self.random.randint(most_in // 2, most_in),
            output_tokens=self.random.randint(0, most_out),
            cache_write_tokens=self.random.randrange(most_in // 2),
        )
        if chance < self.trouble:
            used = Usage()  # the server did not say
        return Completion(text=self.random.choice(["right", "wrong", "ACCEPT", "3"]), usage=used, model=self.name)


leaves: st.SearchStrategy[Scaffold] = st.just(Direct())


def nested(inner: st.SearchStrategy[Scaffold]) -> st.SearchStrategy[Scaffold]:
    return st.one_of(
        st.builds(Retry, inner, tries=st.integers(1, 4), stale=st.just(0)),
        st.builds(Vote, inner, n=st.integers(1, 4)),
        st.builds(BestOf, inner, n=st.integers(1, 3)),
        st.builds(Escalate, inner, st.builds(On, st.just("cloud"), inner)),
        st.builds(Plan, inner, inner, inner),
        st.builds(SelfRefine, inner),
        st.builds(Repair, inner),
    )


trees = st.recursive(leaves, nested, max_leaves=5)
budgets = st.builds(
    Budget,
    usd=st.none() | st.floats(0, 0.01),
    tokens=st.none() | st.integers(0, 4000),
    calls=st.none() | st.integers(0, 12),
)


@settings(max_examples=60, deadline=None)
@given(tree=trees, budget=budgets, seed=st.integers(0, 10_000), trouble=st.sampled_from([0.0, 0.2]))
def test_no_scaffold_can_spend_more_than_its_budget(tree: Scaffold, budget: Budget, seed: int, trouble: float) -> None:
    model = Spender(seed, trouble)
    context = context_for(
        {"local": model, "cloud": model},
        servers={"testing": scripted_tests(lambda code: "right" in code)},
        budget=budget,
        price=PRICE,
        seed=seed,
    )

    async def run() -> None:
        try:
            answer = await within_budget(tree, SIMULATED, context)
        except ModelUnavailable:
            return
        if any(event.name == "budget" for event in context.trace):
            assert answer.stopped == "budget"

    anyio.run(run)
    meter = context.meter
    assert meter.open_reservations == 0
    assert budget.usd is None or meter.usd <= budget.usd
    assert budget.tokens is None or meter.tokens <= budget.tokens
    assert budget.calls is None or meter.calls <= budget.calls
    assert model.sent <= meter.calls


@given(
    st.lists(st.text(max_size=40), max_size=4),
    st.lists(st.tuples(st.text(min_size=1, max_size=8), st.text(max_size=40)), max_size=2),
    st.integers(0, 5000),
)
def test_a_reservation_counts_every_byte_that_is_sent(
    texts: list[str], tools: list[tuple[str, str]], max_tokens: int
) -> None:
    request = Request(
        messages=tuple(Message(role="user", content=text) for text in texts),
        tools=tuple(Tool(name=name, description=text, parameters={"about": text}) for name, text in tools),
        options=Options(max_tokens=max_tokens),
    )

    tokens_in, tokens_out = most_tokens(request)

    written = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    written += sum(len(f"{name}{text}{text}".encode(errors="surrogatepass")) for name, text in tools)
    assert tokens_in >= written
    assert tokens_out == max_tokens


async def test_parallel_draws_cannot_overshoot_because_each_is_reserved_first() -> None:
    one = PRICE.most(*most_tokens(Request(messages=ask("?").messages, options=Options(max_tokens=256))))
    context = context_for(MeetingModel(3), budget=Budget(usd=one * 3.5), price=PRICE)

    with anyio.fail_after(10):
        answer = await Vote(n=10)(ask("?"), context)

    assert context.meter.calls == 3
    assert (answer.agreement, answer.stopped) == (1 / 3, "budget")


async def test_a_cap_in_money_refuses_a_model_of_unknown_price() -> None:
    with pytest.raises(Unpriced, match="'scripted' is unknown"):
        await Direct()(ask("?"), context_for(ScriptedModel(["x"]), budget=Budget(usd=1)))


async def test_a_rejected_request_costs_nothing_and_a_lost_answer_costs_its_reservation() -> None:
    rejected = context_for(ScriptedModel([ModelRejected("no", status=400)]), budget=Budget(tokens=10_000))
    lost = context_for(
        ScriptedModel(lambda request: ModelUnavailable("gone", reason="disconnected", billed=True)),
        budget=Budget(tokens=10_000),
    )

    with pytest.raises(ModelRejected):
        await Direct()(ask("?"), rejected)
    with pytest.raises(ModelUnavailable):
        await Direct()(ask("?"), lost)

    assert (rejected.meter.tokens, rejected.meter.calls) == (0, 0)
    assert lost.meter.calls == 2
    assert lost.meter.tokens >= 2 * 256


async def test_time_that_is_up_cuts_a_call_off_and_returns_the_answer_so_far() -> None:
    class Slow(ScriptedModel):
        async def generate(self, request: Request) -> Completion:
            if self.requests:
                await anyio.sleep_forever()
            return await super().generate(request)

    context = context_for(
        Slow(["first"]), servers={"testing": scripted_tests(lambda _: False)}, budget=Budget(seconds=0.2)
    )

    with anyio.fail_after(10):
        answer = await Retry()(SIMULATED, context)

    assert (answer.text, answer.stopped) == ("first", "budget")
    assert context.meter.open_reservations == 0
    assert "budget of 0.2 seconds" in (context.trace.events[-1].error or "")


async def test_a_scaffold_with_nothing_to_show_raises_and_solve_says_why() -> None:
    with pytest.raises(BudgetExceeded, match="budget of 10 tokens"):
        await Direct()(ask("?"), context_for(ScriptedModel([]), budget=Budget(tokens=10)))

    context = context_for(ScriptedModel([]), budget=Budget(tokens=10))
    answer = await within_budget(MapReduce(), ask("?"), context)

    assert answer.stopped == "budget"
    assert "budget of 10 tokens" in next(event for event in context.trace if event.name == "budget").detail["reason"]


async def test_cancelling_leaves_no_reservation_and_no_call_behind() -> None:
    model = HangingModel()
    context = context_for(model, budget=Budget(tokens=100_000))

    with anyio.move_on_after(30) as scope:
        async with anyio.create_task_group() as group:
            group.start_soon(Vote(n=4), ask("?"), context)
            await model.asked.wait()
            scope.cancel()

    assert model.cancelled == 4
    assert context.meter.open_reservations == 0
    assert context.meter.calls == 4  # each may have been billed


async def test_what_was_paid_for_is_not_paid_again_but_counts() -> None:
    cache = MemoryCache()
    first = context_for(ScriptedModel(["a", "b", "a"]), cache=cache, price=PRICE)
    again = context_for(ScriptedModel([]), cache=cache, price=PRICE)

    one = await Vote(n=3)(ask("?"), first)
    two = await Vote(n=3)(ask("?"), again)

    assert one == two
    assert again.meter.usd == pytest.approx(first.meter.usd)
    assert again.trace.totals().cached == 3


async def test_the_price_of_a_call_of_unknown_usage_is_its_reservation() -> None:
    context = context_for(ScriptedModel([Completion(text="x")]), price=PRICE, budget=Budget(usd=1))

    await Direct()(ask("?"), context)

    assert context.meter.usd == pytest.approx(
        PRICE.most(*most_tokens(Request(messages=ask("?").messages, options=Options(max_tokens=256))))
    )
    assert context.meter.unpriced_calls == 1


def test_a_negative_budget_is_refused() -> None:
    with pytest.raises(ValueError, match=r"-1 usd is negative"):
        Budget(usd=-1)


def test_a_reservation_settles_once() -> None:
    meter = Meter(Budget())
    reservation = meter.reserve(Request(messages=ask("?").messages), None, model="x")
    meter.settle(reservation, None, None)

    with pytest.raises(ValueError, match="settled already"):
        meter.release(reservation)


async def test_solve_shares_one_budget_between_all_roles() -> None:
    models = {"local": ScriptedModel(["bad"]), "cloud": ScriptedModel(["good"])}

    answer = await solve(
        Escalate(Vote(n=1), On("cloud", Direct()), agreement=1.0),
        replace(ask("?"), check=None),
        models=models,
        budget=Budget(calls=1),
    )

    assert (answer.text, answer.stopped) == ("bad", None)
