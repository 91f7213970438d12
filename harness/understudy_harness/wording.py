"""How numbers are written: points, intervals, money, time. One place, so that terminal and page say the same."""

from math import floor, isnan, log10

from understudy_harness import stats
from understudy_harness.progress import duration

MINUS = "−"  # a real minus sign: it is as wide as a plus and never breaks a line


def percent(share: float) -> str:
    """A share as a percentage with one decimal."""
    return "–" if isnan(share) else f"{100 * share:.1f} %"


def points(share: float, *, signed: bool = True) -> str:
    """A difference of shares in points, with its sign."""
    value = round(100 * share, 1) + 0.0
    sign = MINUS if value < 0 else "+" if signed and value > 0 else ""
    return f"{sign}{abs(value):.1f}"


def interval(found: stats.Interval) -> str:
    """An interval of points."""
    return f"[{points(found.low)}, {points(found.high)}]"


def difference(found: stats.Difference) -> str:
    """A difference in points with its interval."""
    return f"{points(found.value)} {interval(found.interval)}"


def p_value(p: float) -> str:
    """A p-value to two significant digits; tiny ones are only bounded."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def money(usd: float | None) -> str:
    """US dollars with two significant digits; None is unpriced, which is not free."""
    if usd is None:
        return "unpriced"
    if usd == 0:
        return "$0"
    if usd >= 1:
        return f"${usd:,.2f}"
    digits = 1 - floor(log10(usd))
    return f"${usd:.{digits}f}"


def seconds(value: float) -> str:
    """A duration; short ones with their fraction."""
    if value < 0.0095:
        return f"{1000 * value:.1f} ms"
    return f"{value:.2g} s" if value < 10 else duration(value)


def count(number: float, noun: str) -> str:
    """A number with its noun in the right form."""
    shown = f"{number:,.0f}"
    return f"{shown} {noun}" if shown == "1" else f"{shown} {noun}s"
