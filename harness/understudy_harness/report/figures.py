"""Pictures as SVG text: lifts on one axis, and score against cost. No style attributes: a page may forbid them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import floor, log10

import numpy as np

from understudy_harness.analysis import ArmResult, BenchmarkResult, Contrast
from understudy_harness.stats import Difference, Flips, Interval, chord, pareto
from understudy_harness.wording import difference, money, percent, points, seconds

ROW, LABELS, CHARACTER = 34, 300, 7.7  # pixels: of a row, of the label column, of a letter of a label
WIDTH = 920
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5)


@dataclass(frozen=True)
class Scale:
    """From a value to a pixel."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, here = (log10(v) if self.log else v for v in (self.low, self.high, self._inside(value)))
        return round(self.start + (here - low) / (high - low) * (self.end - self.start), 1)

    def _inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)


def lifts(contrasts: Sequence[tuple[str, Contrast]]) -> str:
    """All lifts with their intervals on one axis: scaffolds by sign, controls in gray."""
    rows = [
        (benchmark, _lift_label(contrast.arm), contrast.lift, contrast.arm.kind == "control")
        for benchmark, contrast in contrasts
    ]
    return _forest(rows, "Lift of every scaffold and control, in points, with 95 % intervals")


def _lift_label(arm: ArmResult) -> str:
    """The label without its kind; that an arm is a bound stays whole, however long its label is."""
    after = arm.titled.removeprefix(arm.label)
    return _shortened(arm.label.removeprefix("S "), LABELS - CHARACTER * len(after)) + after


def changes(rows: Sequence[tuple[str, str, Difference]]) -> str:
    """All changes between runs on one axis: benchmark, label, change."""
    return _forest([(*row, False) for row in rows], "Change of every arm, in points, with 95 % intervals")


def _forest(rows: Sequence[tuple[str, str, Difference, bool]], title: str) -> str:
    ends = [end for _, _, found, _ in rows for end in found.interval]
    low, high = min([*ends, -0.05]), max([*ends, 0.05])
    pad = 0.06 * (high - low)
    scale = Scale(low - pad, high + pad, LABELS + 16, WIDTH - 150)
    height = ROW * len(rows) + 42
    parts = [_open(height, title)]
    for tick in _ticks(scale.low, scale.high):
        kind = "zero" if abs(tick) < 1e-12 else "grid"
        parts.append(_line(scale(tick), 8, scale(tick), height - 30, kind))
        parts.append(_text(scale(tick), height - 12, _whole(tick), "tick", "middle"))
    for index, row in enumerate(rows):
        parts.extend(_lift(8 + ROW * index + ROW / 2, *row, scale))
    return "".join([*parts, "</svg>"])


def score_against_cost(result: BenchmarkResult) -> str:
    """Score against cost: crosses are intervals, arrows lead from bare to scaffold, the chord is a coin flip's."""
    axis = cost_axis(result.arms)
    arms = [arm for arm in result.arms if arm.score is not None and axis.of(arm) is not None]
    if len(arms) < 2:
        return ""
    return _Plot(result, arms, axis).draw()


def dots(result: BenchmarkResult) -> str:
    """Every sample as a column and every arm as a row, the easiest sample first: full is solved, a ring is not."""
    arms = [arm for arm in result.arms if arm.rows]
    known = np.array([arm.means for arm in arms])
    ease = np.nansum(known, axis=0) / np.maximum((~np.isnan(known)).sum(axis=0), 1)
    order = np.lexsort((np.arange(len(ease)), -ease))
    step = min((WIDTH - LABELS - 130) / max(len(order), 1), 24)
    parts = [_open(ROW * len(arms) + 16, f"Every sample of {result.name}, arm by arm")]
    for row, arm in enumerate(arms):
        y, kind = 8 + ROW * row + ROW / 2, model_class(arm)
        parts.append(_text(LABELS, y + 4, _shortened(arm.label, LABELS), f"name {kind}", "end"))
        for place, sample in enumerate(order):
            mean = arm.means[sample]
            if not np.isnan(mean):
                x = round(LABELS + 20 + step * place + step / 2, 1)
                name = f"<title>{escape(f'{result.sample_ids[sample]}: {percent(float(mean))}')}</title>"
                parts.append(
                    f'<circle class="dot {kind}" cx="{x}" cy="{y}" r="7" fill-opacity="{mean:.2f}">{name}</circle>'
                )
        parts.append(_text(WIDTH - 96, y + 4, percent(arm.mean), "value", "start"))
    return "".join([*parts, "</svg>"])


@dataclass(frozen=True, kw_only=True)
class CostAxis:
    """What stands on the cost axis: money where every arm has a price that is not 0, else time."""

    title: str
    of: Callable[[ArmResult], Difference | None]
    write: Callable[[float], str]


def cost_axis(arms: Sequence[ArmResult]) -> CostAxis:
    """Choose the cost axis for arms that are shown together."""
    shown = [arm for arm in arms if arm.rows]
    if shown and all(arm.usd is not None and arm.usd.value > 0 for arm in shown):
        return CostAxis(title="US dollars per sample", of=lambda arm: arm.usd, write=money)
    return CostAxis(title="seconds of model time per sample", of=_timed, write=seconds)


def _timed(arm: ArmResult) -> Difference | None:
    """Model time, where any was taken down: published outcomes often tell none, and none is not 0."""
    return arm.model_seconds if arm.model_seconds is not None and arm.model_seconds.value > 0 else None


class _Plot:
    """One scatter plot of a benchmark."""

    LEFT, RIGHT, TOP, BOTTOM, HEIGHT = 64, 232, 18, 52, 430

    def __init__(self, result: BenchmarkResult, arms: Sequence[ArmResult], axis: CostAxis) -> None:
        self.result, self.arms, self.axis = result, arms, axis
        costs = [max(value, 1e-9) for arm in arms for value in self._cost(arm).interval if value > 0]
        costs += [max(self._cost(arm).value, 1e-9) for arm in arms]
        low, high = min(costs), max(costs)
        if high / low < 1.5:
            low, high = low / 1.5, high * 1.5
        self.x = Scale(low / 1.25, high * 1.25, self.LEFT, WIDTH - self.RIGHT, log=True)
        scores = [end for arm in arms for end in (arm.score.interval if arm.score else ())]
        self.y = Scale(
            max(0.0, floor(10 * (min(scores) - 0.02)) / 10),
            min(1.0, -floor(-10 * (max(scores) + 0.02)) / 10),
            self.HEIGHT - self.BOTTOM,
            self.TOP,
        )

    def draw(self) -> str:
        """The whole picture."""
        parts = [_open(self.HEIGHT, f"Score against {self.axis.title} on {self.result.name}"), _ARROWS]
        parts += [*self._axes(), *self._chord(), *self._frontier(), *self._arrows()]
        parts += [text for arm in self.arms for text in self._cross(arm)]
        parts += [self._mark(arm) for arm in self.arms]
        parts += self._labels()
        return "".join([*parts, "</svg>"])

    def _cost(self, arm: ArmResult) -> Difference:
        found = self.axis.of(arm)
        assert found is not None
        return found

    def _at(self, arm: ArmResult) -> tuple[float, float]:
        return self.x(max(self._cost(arm).value, self.x.low)), self.y(arm.mean)

    def _axes(self) -> Iterator[str]:
        bottom = self.HEIGHT - self.BOTTOM
        for tick in _ticks(self.y.low, self.y.high):
            yield _line(self.LEFT, self.y(tick), WIDTH - self.RIGHT, self.y(tick), "grid")
            yield _text(self.LEFT - 10, self.y(tick) + 4, f"{100 * tick:.0f} %", "tick", "end")
        for tick in _decades(self.x.low, self.x.high):
            yield _line(self.x(tick), self.TOP, self.x(tick), bottom, "grid")
            yield _text(self.x(tick), bottom + 20, self.axis.write(tick), "tick", "middle")
        middle = (self.LEFT + WIDTH - self.RIGHT) / 2
        yield _text(middle, self.HEIGHT - 8, f"{self.axis.title} (logarithmic)", "axis", "middle")

    def _chord(self) -> Iterator[str]:
        """What sending samples to the large model at random would give; straight but for the logarithmic axis."""
        small = next((arm for arm in self.arms if arm.kind == "L"), None)
        large = next((arm for arm in self.arms if arm.kind == "C"), None)
        if small is None or large is None:
            return
        ends = self._cost(small).value, self._cost(large).value
        path = []
        for step in range(41):
            share = step / 40
            height = chord(share, weak=small.mean, strong=large.mean)
            path.append(f"{self.x((1 - share) * ends[0] + share * ends[1])},{self.y(height)}")
        yield f'<polyline class="chord" points="{" ".join(path)}"/>'

    def _frontier(self) -> Iterator[str]:
        by_name = {arm.id: arm for arm in self.arms if arm.kind != "control"}
        best = [by_name[name] for name in pareto({i: (self._cost(a).value, a.mean) for i, a in by_name.items()})]
        if not best:
            return
        path = []
        for arm, later in zip(best, [*best[1:], None], strict=True):
            here = self._at(arm)
            path.append(f"{here[0]},{here[1]}")
            path.append(f"{self._at(later)[0] if later else WIDTH - self.RIGHT},{here[1]}")
        yield f'<polyline class="frontier" points="{" ".join(path)}"/>'

    def _arrows(self) -> Iterator[str]:
        for arm in self.arms:
            bare = {"S": "L", "CS": "C"}.get(arm.kind)
            start = next((other for other in self.arms if other.kind == bare), None)
            if start is None:
                continue
            (x1, y1), (x2, y2) = self._at(start), self._at(arm)
            length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
            if length < 24:
                continue
            cut = 11 / length
            yield _line(
                x1 + (x2 - x1) * cut,
                y1 + (y2 - y1) * cut,
                x2 - (x2 - x1) * cut,
                y2 - (y2 - y1) * cut,
                f"arrow {_model_class(arm)}",
                f' marker-end="url(#head-{_model_class(arm)})"',
            )

    def _cross(self, arm: ArmResult) -> Iterator[str]:
        (x, y), kind = self._at(arm), f"cross {_model_class(arm)}"
        assert arm.score is not None
        cost = self._cost(arm).interval
        yield _line(x, self.y(arm.score.interval.low), x, self.y(arm.score.interval.high), kind)
        yield _line(self.x(max(cost.low, self.x.low)), y, self.x(cost.high), y, kind)

    def _mark(self, arm: ArmResult) -> str:
        x, y = self._at(arm)
        title = f"<title>{escape(self._title(arm))}</title>"
        kind = f"mark {_model_class(arm)} {'bare' if arm.kind in ('L', 'C') else 'full'}"
        if arm.kind == "control":
            cross = f"M{x - 5},{y - 5}l10,10M{x - 5},{y + 5}l10,-10"
            return f'<path class="mark control" d="{cross}">{title}</path>'
        return f'<circle class="{kind}" cx="{x}" cy="{y}" r="6.5">{title}</circle>'

    def _title(self, arm: ArmResult) -> str:
        return f"{arm.label} ({arm.model}): {percent(arm.mean)} at {self.axis.write(self._cost(arm).value)}"

    def _labels(self) -> Iterator[str]:
        """Labels stand in a column of their own, kept apart, with a thread to their mark."""
        column, step = WIDTH - self.RIGHT + 26, 30.0
        ordered = sorted(self.arms, key=lambda arm: self._at(arm)[1])
        places: list[float] = []
        for arm in ordered:
            places.append(max(self._at(arm)[1], places[-1] + step if places else self.TOP + 8))
        over = max(0.0, places[-1] - (self.HEIGHT - self.BOTTOM + 4))
        places = [place - over for place in places]
        for index in range(len(places) - 2, -1, -1):
            places[index] = min(places[index], places[index + 1] - step)
        for arm, place in zip(ordered, places, strict=True):
            x, y = self._at(arm)
            yield f'<polyline class="thread" points="{x + 9},{y} {column - 14},{place} {column - 5},{place}"/>'
            yield _text(column, place + 1, _shortened(arm.label, self.RIGHT - 34), f"name {_model_class(arm)}", "start")
            yield _text(
                column, place + 14, f"{percent(arm.mean)} · {self.axis.write(self._cost(arm).value)}", "tick", "start"
            )


def bar(interval: Interval | None, mean: float, kind: str) -> str:
    """A score on a scale from 0 to 100 %, with its interval, for a cell of a table."""
    scale = Scale(0.0, 1.0, 4, 156)
    parts = ['<svg class="bar" viewBox="0 0 160 16" role="presentation">', _line(4, 8, 156, 8, "rail")]
    if interval is not None:
        parts.append(_line(scale(interval.low), 8, scale(interval.high), 8, f"span {kind}"))
    parts.append(f'<circle class="mark {kind}" cx="{scale(mean)}" cy="8" r="4.5"/></svg>')
    return "".join(parts)


def model_class(arm: ArmResult) -> str:
    """The class that colors an arm: by model, gray for controls."""
    return _model_class(arm)


def _model_class(arm: ArmResult) -> str:
    return {"L": "small", "S": "small", "C": "large", "CS": "large"}.get(arm.kind, "control")


def flip_bar(found: Flips) -> str:
    """Gained, lost and same as one bar."""
    total = max(found.gained + found.lost + found.same, 1)
    parts, at = ['<svg class="flips" viewBox="0 0 150 12" role="presentation">'], 0.0
    for kind, number in (("gained", found.gained), ("lost", found.lost), ("same", found.same)):
        width = 150 * number / total
        parts.append(f'<rect class="{kind}" x="{at:.1f}" y="0" width="{width:.1f}" height="12"/>')
        at += width
    return "".join([*parts, "</svg>"])


def _lift(y: float, benchmark: str, label: str, found: Difference, control: bool, scale: Scale) -> Iterator[str]:
    kind = "control" if control else _verdict(found)
    yield _text(LABELS, y - 2, _shortened(label, LABELS), f"name {'control' if control else ''}", "end")
    yield _text(LABELS, y + 11, _shortened(benchmark, LABELS), "tick", "end")
    yield _line(scale(found.interval.low), y, scale(found.interval.high), y, f"span {kind}")
    yield f'<circle class="mark {kind}" cx="{scale(found.value)}" cy="{y}" r="5.5"/>'
    yield _text(WIDTH - 136, y + 4, difference(found), f"value {kind}", "start")


def _whole(tick: float) -> str:
    return points(tick).removesuffix(".0")


def _verdict(found: Difference) -> str:
    return "up" if found.interval.low > 0 else "down" if found.interval.high < 0 else "flat"


def _ticks(low: float, high: float) -> list[float]:
    step = next((step for step in _STEPS if (high - low) / step <= 8), 0.5)
    first = -floor(-low / step)
    return [round(first * step + index * step, 6) for index in range(int((high - first * step) / step + 1e-9) + 1)]


def _decades(low: float, high: float) -> list[float]:
    powers = range(floor(log10(low)), floor(log10(high)) + 1)
    dense = [factor * 10.0**power for power in powers for factor in (1, 2, 5)]
    inside = [tick for tick in dense if low <= tick <= high]
    sparse = [tick for tick in inside if f"{tick:e}".startswith("1")]
    return sparse if len(inside) > 8 and len(sparse) > 1 else inside


def _shortened(text: str, width: float) -> str:
    most = int(width / CHARACTER)
    return text if len(text) <= most else text[: most - 1] + "…"


def _open(height: float, label: str) -> str:
    return f'<svg class="figure" viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(label)}">'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, more: str = "") -> str:
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"{more}/>'


def _text(x: float, y: float, words: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


_ARROWS = (
    "<defs>"
    + "".join(
        f'<marker id="head-{kind}" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" '
        f'orient="auto-start-reverse"><path class="head {kind}" d="M0,1L9,5L0,9z"/></marker>'
        for kind in ("small", "large", "control")
    )
    + "</defs>"
)
