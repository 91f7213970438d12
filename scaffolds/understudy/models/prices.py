"""What a token costs: genai-prices, which keeps dated prices offline, and a short dated table of our own that wins.

Unknown is None ("unpriced"), never 0. Models on the user's own hardware cost no tokens; their energy is the harness's
business. Where a price changes with the hour, the dearest hour of the day counts, so that caps hold and figures repeat.
"""

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from understudy.budget import TokenPrice
from understudy.errors import SpecError
from understudy.models.naming import BATCH, Spec, parse_spec
from understudy.models.providers import PROVIDERS
from understudy.models.replay import which

FREE_SCHEMES = ("gguf", "fixture", "scripted")
VARIABLE = "UNDERSTUDY_PRICES"
"""Environment variable: a JSON file with rows like those of `OVERRIDES`, which win over them."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """A price that wins over genai-prices from one day to another."""

    spec: str
    """A regular expression for the whole spec, without `batch:` and settings."""
    price: TokenPrice | str
    """Or the spec of a model that this one is another name of."""
    since: date
    until: date | None = None
    """The first day on which it no longer holds."""
    source: str
    batch: float | None = 0.5
    """What a batch pays of this price; None where there is no batch."""


OVERRIDES: tuple[Override, ...] = (
    # An alias that moved on; genai-prices 0.2.3 still prices it as the V3 of 2025.
    Override(
        spec=r"deepseek:deepseek-chat",
        price="deepseek:deepseek-v4-flash",
        since=date(2026, 7, 2),
        source="https://github.com/anomalyco/models.dev at f3fc692: 0.14 in, 0.28 out, 0.0028 read, as V4 Flash then",
    ),
)


def price_of(
    name: str, *, when: datetime | None = None, overrides: Iterable[Override] | None = None
) -> TokenPrice | None:
    """Say what a model costs, by its spec; None when the price is unknown.

    Args:
        name: The spec; `batch:` in front halves most prices.
        when: The day to price for; today when left out.
        overrides: Rows that win; the user's file and the table of this module when left out.
    """
    day = (when or datetime.now(UTC)).date()
    rows = tuple(overrides) if overrides is not None else (*user_overrides(os.environ.get(VARIABLE)), *OVERRIDES)
    if name.startswith("replay:"):
        path, recorded = which(name.removeprefix("replay:"))
        return _priced(recorded, day, rows) if recorded else _recorded(path, day, rows)
    return _priced(name, day, rows)


@lru_cache(maxsize=512)
def _priced(name: str, day: date, rows: tuple[Override, ...]) -> TokenPrice | None:
    try:
        spec = parse_spec(name)
    except SpecError:
        return None
    plain = f"{spec.scheme}:{spec.rest}" if spec.scheme != "http" else spec.rest
    for row in rows:
        if re.fullmatch(row.spec, plain) and row.since <= day and (row.until is None or day < row.until):
            return _overridden(row, spec, day, rows)
    if _is_local(spec):
        return TokenPrice()
    return _looked_up(spec, day)


def _overridden(row: Override, spec: Spec, day: date, rows: tuple[Override, ...]) -> TokenPrice | None:
    if isinstance(row.price, str):
        return _priced(f"{BATCH}{row.price}" if spec.batch else row.price, day, rows)
    return row.price if not spec.batch else _scaled(row.price, row.batch)


def _is_local(spec: Spec) -> bool:
    if spec.scheme in FREE_SCHEMES or (spec.scheme in PROVIDERS and PROVIDERS[spec.scheme].local):
        return True
    host = urlsplit(spec.base_url or "").hostname or ""
    return spec.scheme == "http" and (host == "localhost" or host.startswith("127.") or host == "::1")


def _recorded(path: Path, day: date, rows: tuple[Override, ...]) -> TokenPrice | None:
    """The price of the one model whose completions a recording holds, so that a replayed table shows its real cost."""
    try:
        with path.open(encoding="utf-8") as lines:
            models = {str(json.loads(line).get("model")) for line in lines if line.strip()}
    except (OSError, ValueError, AttributeError):
        return None
    return _priced(models.pop(), day, rows) if len(models) == 1 else None


def _looked_up(spec: Spec, day: date) -> TokenPrice | None:
    # genai-prices parses its table when it is imported; `import understudy` does not pay for that.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    provider_id = PROVIDERS[spec.scheme].priced_as if spec.scheme in PROVIDERS else None
    url = spec.base_url if spec.scheme == "http" else None
    if provider_id is None and url is None:
        return None
    try:
        _, model = get_snapshot().find_provider_model(spec.model, None, provider_id, None if provider_id else url)
    except LookupError:
        return None
    context: dict[str, str] | None = {"processing": "batch"} if spec.batch else None
    hours = [datetime.combine(day, time(hour), UTC) for hour in _hours(model)]
    found = [_converted(model.get_prices(moment, context)) for moment in hours]
    if spec.batch and _converted(model.get_prices(hours[0])) in found:
        return None  # it has no batch price, and the library says the standard one then
    prices = [price for price in found if price is not None]
    return max(prices, key=lambda price: (price.input, price.output)) if prices else None


def _hours(model: Any) -> range:
    return range(24) if isinstance(model.prices, list) else range(12, 13)


def _converted(found: Any) -> TokenPrice | None:
    """A genai-prices ModelPrice as ours; None where it prices something else than tokens."""
    names = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    values = [getattr(found, name) for name in names]
    if values[0] is None or values[1] is None:
        return None
    starts = sorted({tier.start for value in values for tier in getattr(value, "tiers", ())})
    return replace(_at(values, 0), tiers=tuple((start, _at(values, start)) for start in starts))


def _at(values: list[Any], start: int) -> TokenPrice:
    def one(value: Any) -> float | None:
        if value is None:
            return None
        reached = [tier.price for tier in getattr(value, "tiers", ()) if tier.start <= start]
        return float(reached[-1] if reached else getattr(value, "base", value))

    given, made, read, written = map(one, values)
    return TokenPrice(input=given or 0.0, output=made or 0.0, cache_read=read, cache_write=written)


def _scaled(price: TokenPrice, share: float | None) -> TokenPrice | None:
    if share is None:
        return None

    def times(value: float | None) -> float | None:
        return None if value is None else value * share

    return TokenPrice(
        input=price.input * share,
        output=price.output * share,
        cache_read=times(price.cache_read),
        cache_write=times(price.cache_write),
        tiers=tuple((over, _scaled(tier, share) or tier) for over, tier in price.tiers),
    )


@lru_cache(maxsize=8)
def user_overrides(path: str | None) -> tuple[Override, ...]:
    """Read the user's own prices.

    Raises:
        SpecError: The file is not a list of rows with the fields of `Override`.
    """
    if not path:
        return ()
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
        return tuple(_row(row) for row in rows)
    except (OSError, ValueError, KeyError, TypeError, re.error) as error:
        raise SpecError(
            f"{VARIABLE}={path!r} cannot be read as prices ({type(error).__name__}: {error}). Write a JSON list "
            'of rows such as {"spec": "http://gpu/v1#m", "input": 0.1, "output": 0.3, "since": "2026-11-01", …}.'
        ) from error


def _row(row: dict[str, Any]) -> Override:
    re.compile(row["spec"])
    return Override(
        spec=row["spec"],
        price=TokenPrice(
            input=float(row["input"]),
            output=float(row["output"]),
            cache_read=None if row.get("cache_read") is None else float(row["cache_read"]),
            cache_write=None if row.get("cache_write") is None else float(row["cache_write"]),
        ),
        since=date.fromisoformat(row["since"]),
        until=date.fromisoformat(row["until"]) if row.get("until") else None,
        source=str(row["source"]),
        batch=row.get("batch", 0.5),
    )
