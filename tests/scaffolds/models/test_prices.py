"""Prices: against genai-prices itself, by tier, dated, batched, overridden, and honest about what is unknown."""

import json
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from subprocess import run

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.budget import TokenPrice
from understudy.errors import SpecError
from understudy.model import Usage
from understudy.models.prices import Override, price_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
MODELS = [
    "openai:gpt-5",
    "openai:gpt-5.5",
    "openai:gpt-5-mini",
    "anthropic:claude-haiku-5-5",
    "anthropic:claude-sonnet-5-5",
    "anthropic:claude-opus-5-5",
    "zai:glm-4.7",
    "minimax:MiniMax-M2.1",
    "minimax:minimax-m3",
    "openrouter:deepseek/deepseek-v3.2",
]
USAGES = [
    Usage(input_tokens=10_000, output_tokens=1_000),
    Usage(input_tokens=10_000, output_tokens=500, cache_read_tokens=8_000, cache_write_tokens=1_000),
    Usage(input_tokens=300_000, output_tokens=2_000),
    Usage(input_tokens=600_000, output_tokens=9_000, cache_read_tokens=500_000),
    Usage(input_tokens=1, output_tokens=1),
]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("batch", [False, True], ids=["at once", "batch"])
def test_a_price_is_what_genai_prices_says(name: str, batch: bool) -> None:
    from genai_prices import Usage as Theirs  # noqa: PLC0415 (a network-free import that only this test needs)
    from genai_prices import calc_price  # noqa: PLC0415

    provider, _, model = name.partition(":")
    price = price_of(f"batch:{name}" if batch else name, when=NOON)
    if price is None:
        assert batch
        return
    for usage in USAGES:
        write = usage.cache_write_tokens if price.cache_write is not None else 0
        theirs = calc_price(
            Theirs(
                input_tokens=usage.input_tokens,
                output_tokens=usage.output_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                cache_write_tokens=write,
            ),
            model,
            provider_id=provider,
            genai_request_timestamp=NOON,
            price_context={"processing": "batch"} if batch else None,
        )
        assert Decimal(repr(price.cost(usage))) == pytest.approx(theirs.total_price, rel=Decimal("1e-9"))


def test_a_batch_pays_half() -> None:
    at_once, batch = (
        price_of("anthropic:claude-opus-5-5", when=NOON),
        price_of("batch:anthropic:claude-opus-5-5", when=NOON),
    )
    assert at_once is not None
    assert batch is not None
    assert (batch.input, batch.output) == (at_once.input / 2, at_once.output / 2)


@pytest.mark.parametrize(
    "name",
    [
        "openai:no-such-model",
        "batch:zai:glm-4.7",
        "http://rented-gpu.example/v1#qwen3",
        "no spec at all",
        "anthropic:gpt-5",
    ],
)
def test_an_unknown_price_is_none_and_never_zero(name: str) -> None:
    assert price_of(name, when=NOON) is None


@pytest.mark.parametrize(
    "name",
    ["ollama:qwen3:4b", "lmstudio:x", "vllm:y", "llamacpp:z", "gguf:m.gguf", "fixture:nano", "http://127.0.0.1:1/v1#m"],
)
def test_tokens_of_the_users_own_hardware_cost_nothing(name: str) -> None:
    assert price_of(name) == TokenPrice()


def test_an_address_is_priced_by_the_provider_it_belongs_to() -> None:
    assert price_of("https://api.openai.com/v1#gpt-5", when=NOON) == price_of("openai:gpt-5", when=NOON)


def test_the_dearest_hour_of_the_day_counts() -> None:
    price = price_of("deepseek:deepseek-v4-pro", when=NOON)
    assert price is not None
    assert (price.input, price.output) == (1.32, 3.96)


def test_a_row_of_our_own_wins_from_its_day_on() -> None:
    row = Override(
        spec="openai:gpt-5",
        price=TokenPrice(input=7, output=8),
        since=date(2026, 6, 1),
        until=date(2026, 7, 1),
        source="x",
    )
    prices = [
        price_of("openai:gpt-5", when=datetime(2026, month, 1, tzinfo=UTC), overrides=[row]) for month in (5, 6, 7)
    ]
    assert [price.input for price in prices if price] == [1.25, 7, 1.25]
    batch = price_of("batch:openai:gpt-5", when=datetime(2026, 6, 2, tzinfo=UTC), overrides=[row])
    assert batch == TokenPrice(input=3.5, output=4)


def test_an_alias_has_the_price_of_what_it_names_now() -> None:
    assert price_of("deepseek:deepseek-chat", when=NOON) == price_of("deepseek:deepseek-v4-flash", when=NOON)


def test_a_users_own_prices_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "prices.json"
    rows = [{"spec": r"http://rented/v1#.*", "input": 0.1, "output": 0.2, "since": "2026-01-01", "source": "bill"}]
    path.write_text(json.dumps(rows))
    monkeypatch.setenv("UNDERSTUDY_PRICES", str(path))
    assert price_of("http://rented/v1#qwen3") == TokenPrice(input=0.1, output=0.2)


@pytest.mark.parametrize("text", ["{", '[{"spec": "("}]', '[{"spec": "x"}]', '{"a": 1}'])
def test_prices_that_cannot_be_read_are_refused_in_words(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "prices.json"
    path.write_text(text)
    monkeypatch.setenv("UNDERSTUDY_PRICES", str(path))
    with pytest.raises(SpecError, match="cannot be read as prices"):
        price_of("openai:gpt-5")


PRICED = st.builds(
    TokenPrice,
    input=st.floats(0, 100),
    output=st.floats(0, 100),
    cache_read=st.none() | st.floats(0, 100),
    cache_write=st.none() | st.floats(0, 100),
)
TIERED = st.builds(
    lambda base, tiers: TokenPrice(
        input=base.input,
        output=base.output,
        cache_read=base.cache_read,
        cache_write=base.cache_write,
        tiers=tuple(sorted(tiers.items())),
    ),
    PRICED,
    st.dictionaries(st.integers(1, 1000), PRICED, max_size=3),
)


@given(
    TIERED, st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 2000), st.integers(0, 500)
)
def test_a_reservation_covers_every_tier_that_a_call_may_fall_into(
    price: TokenPrice, given: int, slack: int, made: int, read: int, written: int
) -> None:
    read = min(read, given)
    written = min(written, given - read)
    usage = Usage(input_tokens=given, output_tokens=made, cache_read_tokens=read, cache_write_tokens=written)
    cost = price.cost(usage)
    assert cost is not None
    assert cost <= price.most(given + slack, made) * (1 + 1e-9) + 1e-12


def test_importing_the_models_loads_neither_prices_nor_an_http_client_nor_a_vendors_sdk() -> None:
    heavy = "mcp", "genai_prices", "httpx2", "openai", "anthropic", "xllamacpp", "pydantic_ai", "inspect_ai", "numpy"
    code = f"import understudy, understudy.models, sys; print([n for n in {heavy!r} if n in sys.modules])"
    done = run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
