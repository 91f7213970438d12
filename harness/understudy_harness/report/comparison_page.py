"""The page that compares runs."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from understudy_harness.comparison import Compared, Pair
from understudy_harness.report.figures import changes, flip_bar
from understudy_harness.report.shell import page
from understudy_harness.saving import save
from understudy_harness.wording import difference, p_value, percent

MOST_NAMES = 200


def write_comparison(compared: Compared, path: Path) -> Path:
    """Write the page and return its path."""
    title = "Comparison: " + " → ".join(compared.runs)
    return save(path, page(title, "".join(_body(compared)), fixture=compared.fixture))


def _body(compared: Compared) -> Iterator[str]:
    yield '<header><p class="mark-line">understudy · comparison of runs</p>'
    yield f"<h1>{' → '.join(escape(name) for name in compared.runs)}</h1>"
    yield '<p class="lead">The same arms on the same samples, before and after. Changes are paired; p-values are '
    yield "adjusted for all of them (Holm).</p><!--banner--></header><main>"
    yield '<section><h2>What changed</h2><figure><div class="scroll">'
    yield changes([(pair.benchmark, pair.label, pair.change) for pair in compared.pairs])
    yield "</div></figure></section><section><h2>Arm by arm</h2>"
    yield '<div class="scroll"><table><thead><tr><th>arm</th><th>before</th><th>after</th><th>change, points</th>'
    yield "<th>p</th><th></th><th>gained</th><th>lost</th></tr></thead><tbody>"
    for pair in compared.pairs:
        yield _row(pair)
    yield "</tbody></table></div></section><section><h2>Samples that flipped</h2>"
    for pair in compared.pairs:
        yield from _flipped(pair)
    yield "</section></main><footer>A flip under an unchanged arm is chance or drift; under a changed one it may be "
    yield "either.</footer>"


def _row(pair: Pair) -> str:
    tone = "up" if pair.change.interval.low > 0 else "down" if pair.change.interval.high < 0 else ""
    about = "" if pair.same_data else '<span class="sub down">data changed</span>'
    about += '<span class="sub">nothing about the arm changed</span>' if pair.same_arm else ""
    cells = (
        f"<code>{escape(pair.label)}</code><span class='sub'>{escape(pair.benchmark)}</span>{about}",
        f"{percent(pair.was)}<span class='sub'>{escape(pair.before)}</span>",
        f"{percent(pair.now)}<span class='sub'>{escape(pair.after)}</span>",
        f'<span class="{tone}">{difference(pair.change)}</span>',
        p_value(pair.p),
        flip_bar(pair.flips),
        str(pair.flips.gained),
        str(pair.flips.lost),
    )
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _flipped(pair: Pair) -> Iterator[str]:
    if not (pair.gained or pair.lost):
        return
    yield f"<details><summary>{escape(pair.benchmark)}, {escape(pair.label)}: {len(pair.gained)} gained, "
    yield f"{len(pair.lost)} lost</summary>"
    for word, names in (("Gained", pair.gained), ("Lost", pair.lost)):
        shown = ", ".join(f"<code>{escape(name)}</code>" for name in names[:MOST_NAMES])
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        yield f"<p><b>{word}</b> {shown or 'none'}{more}</p>"
    yield "</details>"
