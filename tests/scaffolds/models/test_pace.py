"""Calls are held back while a provider says that its limit is used up, and not when it does not."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.scaffolds.models.test_wire_failures import ASKED, model_at
from tests.scaffolds.models.wire_server import chat, reply

from understudy.errors import ModelUnavailable
from understudy.models.pace import Pace, span
from understudy.models.wire import Patience


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("6m0s", 360.0, id="OpenAI, minutes"),
        pytest.param("1m30.5s", 90.5, id="OpenAI, parts"),
        pytest.param("20ms", 0.02, id="OpenAI, milliseconds"),
        pytest.param("12", 12.0, id="plain seconds"),
        pytest.param("-3", 0.0, id="past"),
        pytest.param("2020-01-01T00:00:00Z", 0.0, id="a date in the past"),
        pytest.param("", None, id="nothing"),
        pytest.param("soon", None, id="a word"),
        pytest.param("5 s", None, id="another form"),
    ],
)
def test_the_time_of_a_reset_is_read_in_every_form(text: str, seconds: float | None) -> None:
    assert span(text) == seconds


def test_a_date_as_anthropic_writes_it_is_a_span_from_now() -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=50)).isoformat().replace("+00:00", "Z")
    assert 45 < (span(soon) or 0) <= 50


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        pytest.param({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "8s"}, 8.0, id="requests"),
        pytest.param({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m0s"}, 60.0, id="tokens"),
        pytest.param(
            {"anthropic-ratelimit-input-tokens-remaining": "0", "anthropic-ratelimit-input-tokens-reset": "5"},
            5.0,
            id="Anthropic",
        ),
        pytest.param({"x-ratelimit-remaining-requests": "1", "x-ratelimit-reset-requests": "8s"}, 0.0, id="one left"),
        pytest.param({"x-ratelimit-remaining-requests": "0"}, 0.0, id="nobody says until when"),
        pytest.param({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "23h"}, 0.0, id="a day"),
        pytest.param({}, 0.0, id="no headers"),
    ],
)
def test_an_empty_bucket_holds_calls_back(headers: dict[str, str], wait: float) -> None:
    pace = Pace(longest_s=90.0)
    pace.heard(headers, now=100.0)

    assert pace.wait(100.0) == wait
    assert pace.wait(100.0 + wait) == 0.0


async def test_the_call_after_an_empty_bucket_waits_and_the_one_before_does_not() -> None:
    last = reply(chat("one"), headers={"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "30s"})

    async with model_at(last, reply(chat("two"))) as (model, stage, pauses):
        assert (await model.generate(ASKED)).text == "one"
        assert pauses.seconds == []
        assert (await model.generate(ASKED)).text == "two"

    assert len(stage.posts()) == 2
    (waited,) = pauses.seconds
    assert 25 < waited < 34


async def test_what_one_call_was_told_by_a_429_the_others_need_not_learn_again() -> None:
    busy = reply({"error": {"message": "slow down"}}, status=429, headers={"retry-after": "20"})

    async with model_at(busy, reply(chat("42")), patience=Patience(tries={})) as (model, stage, pauses):
        with pytest.raises(ModelUnavailable):
            await model.generate(ASKED)
        assert (await model.generate(ASKED)).text == "42"

    assert len(stage.posts()) == 2
    (waited,) = pauses.seconds
    assert 15 < waited < 23
