"""Monthly cost against samples a month, both on logarithmic scales: as characters, and as one SVG."""

from collections.abc import Sequence
from dataclasses import replace
from html import escape
from math import isfinite, log10

from understudy_harness.economics.costs import Option, Workload

_WIDTH, _HEIGHT = 60, 14  # characters
_MARKS = "LCBSRxyz"
_COLORS = ("#1b6ca8", "#b3541e", "#3f7d20", "#7a3e9d", "#8a6d00", "#555555")
_BOX = (70.0, 30.0, 560.0, 300.0)  # x, y, width, height of the SVG's plot

Series = tuple[str, list[tuple[float, float]]]


def series(options: Sequence[Option], work: Workload, *, decades: float = 2.0, points: int = 61) -> list[Series]:
    """Each option's monthly US dollars from `decades` below to `decades` above the workload's samples."""
    middle = log10(max(work.samples, 1.0))
    found = []
    for option in options:
        line = []
        for step in range(points):
            samples = 10 ** (middle - decades + 2 * decades * step / (points - 1))
            usd = option.monthly_usd(replace(work, samples=samples))
            if isfinite(usd) and usd > 0:
                line.append((samples, usd))
        found.append((option.name, line))
    return found


def as_text(lines: Sequence[Series]) -> str:
    """The plot as characters: one letter per option, the first letter of the list below it."""
    bounds = _bounds(lines)
    if bounds is None:
        return "Nothing to plot: no option costs anything."
    low_x, high_x, low_y, high_y = bounds
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for (_, line), mark in zip(lines, _MARKS, strict=False):
        for samples, usd in line:
            column = round((log10(samples) - low_x) / (high_x - low_x) * (_WIDTH - 1))
            row = round((high_y - log10(usd)) / (high_y - low_y) * (_HEIGHT - 1))
            grid[row][column] = mark if grid[row][column] in (" ", mark) else "*"
    labels = [_money(10 ** _at(high_y, low_y, row)) for row in range(len(grid))]
    wide = max(9, *map(len, labels))
    rows = [f"{label:>{wide}} |{''.join(line)}" for label, line in zip(labels, grid, strict=True)]
    left, right = f"{10**low_x:,.0f}", f"{10**high_x:,.0f} samples a month"
    axis = " " * (wide + 1) + "+" + "-" * _WIDTH
    names = [f"  {mark}  {name}" for (name, _), mark in zip(lines, _MARKS, strict=False)]
    title = " " * (wide + 2) + "US dollars a month; both scales are logarithmic, * is where lines meet"
    return "\n".join([title, *rows, axis, " " * (wide + 2) + left + right.rjust(_WIDTH - len(left)), *names])


def as_svg(lines: Sequence[Series], title: str) -> str:
    """The plot as one SVG that needs nothing else, readable on light and dark."""
    bounds = _bounds(lines)
    x, y, width, height = _BOX
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {400 + 18 * len(lines)}" role="img">',
        f'<title>{escape(title)}</title><g font-family="system-ui, sans-serif" font-size="12">',
        f'<text x="{x}" y="18" font-weight="600" fill="currentColor">{escape(title)}</text>',
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="none" stroke="currentColor" opacity="0.4"/>',
    ]
    if bounds is not None:
        low_x, high_x, low_y, high_y = bounds
        for number, (name, line) in enumerate(lines):
            color = _COLORS[number % len(_COLORS)]
            points = " ".join(
                f"{x + (log10(a) - low_x) / (high_x - low_x) * width:.1f},"
                f"{y + (high_y - log10(b)) / (high_y - low_y) * height:.1f}"
                for a, b in line
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="2"/>')
            below = y + height + 50 + 18 * number
            parts.append(f'<rect x="{x}" y="{below - 9}" width="14" height="4" fill="{color}"/>')
            parts.append(f'<text x="{x + 22}" y="{below}" fill="currentColor">{escape(name)}</text>')
        parts += _ticks(low_x, high_x, low_y, high_y)
    return "\n".join([*parts, "</g></svg>\n"])


def as_html(svg: str, paragraphs: Sequence[str]) -> str:
    """A page that works offline, holding the plot and what was said in the terminal."""
    said = "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Local, cloud, or both?</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><style>'
        ":root{color-scheme:light dark}body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;"
        "padding:0 1rem}.plot{overflow-x:auto}svg{width:100%;min-width:38rem;height:auto}"
        "@media print{svg{min-width:0}}</style></head><body>"
        f'<h1>Local, cloud, or both?</h1>\n{said}\n<div class="plot">{svg}</div></body></html>\n'
    )


def _ticks(low_x: float, high_x: float, low_y: float, high_y: float) -> list[str]:
    x, y, width, height = _BOX
    parts = []
    for power in range(int(low_x), int(high_x) + 1):
        if low_x <= power <= high_x:
            at = x + (power - low_x) / (high_x - low_x) * width
            parts.append(_label(at, y + height + 16, "middle", f"{10**power:,}"))
    for power in range(int(low_y) - 1, int(high_y) + 1):
        if low_y <= power <= high_y:
            at = y + (high_y - power) / (high_y - low_y) * height
            parts.append(_label(x - 6, at + 4, "end", _money(10.0**power)))
    return [*parts, _label(x + width / 2, y + height + 32, "middle", "samples a month")]


def _label(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{text}</text>'


def _bounds(lines: Sequence[Series]) -> tuple[float, float, float, float] | None:
    points = [point for _, line in lines for point in line]
    if not points:
        return None
    xs, ys = [log10(samples) for samples, _ in points], [log10(usd) for _, usd in points]
    return min(xs), max(max(xs), min(xs) + 1e-9), min(ys), max(max(ys), min(ys) + 1e-9)


def _at(high: float, low: float, row: int) -> float:
    return high - (high - low) * row / (_HEIGHT - 1)


def _money(usd: float) -> str:
    return f"${usd:,.0f}" if usd >= 10 else f"${usd:.2g}"
