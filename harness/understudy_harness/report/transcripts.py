"""Transcripts in a report: the most telling ones inside the page, all of them in linked pages of 500.

A slot is the place of a row in the order sample, arm, epoch; a page holds 500 slots, so that the page of a cell is
known without an index. Linked pages copy the lines of `transcripts.jsonl` as they are.
"""

import json
import mmap
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from understudy_harness.analysis import Analysis, BenchmarkResult
from understudy_harness.columns import Columns, Counts
from understudy_harness.journal import is_sound
from understudy_harness.ledger import TRANSCRIPTS, RowKey, transcript_head
from understudy_harness.report.shell import inert, page
from understudy_harness.saving import save

INLINE = 500
PER_PAGE = 500
MOST_INLINE_BYTES = 2_500_000
FOLDER = "transcripts"
DAMAGED = "damaged"
"""What stands for a transcript that cannot be shown; it is no JSON, and so the linked page says it too."""


class Slots:
    """Where the transcript of every row of a benchmark stands in the file."""

    def __init__(self, columns: Columns, result: BenchmarkResult) -> None:
        self.epochs = max(int(columns.columns["epoch"].max(initial=0)) + 1, 1)
        self.arms = len(result.arms)
        self.count = len(result.sample_ids) * self.arms * self.epochs
        self.offset: Counts = np.full(self.count, -1, dtype=np.int64)
        self.length: Counts = np.zeros(self.count, dtype=np.int64)
        place = np.full(len(columns.samples), -1, dtype=np.int64)
        place[result.numbers] = np.arange(len(result.numbers))
        by_number = [next((n for n, arm in enumerate(result.arms) if arm.id == name), -1) for name in columns.arm_ids]
        arm = np.array(by_number, dtype=np.int64)[columns.columns["arm"]]
        sample = place[columns.columns["sample"]]
        here = (arm >= 0) & (sample >= 0)
        slot = (sample[here] * self.arms + arm[here]) * self.epochs + columns.columns["epoch"][here]
        self.offset[slot] = columns.columns["transcript"][here]
        self.length[slot] = columns.columns["length"][here]

    @property
    def pages(self) -> int:
        """Linked pages of the benchmark."""
        return -(-self.count // PER_PAGE)

    def of(self, slot: int) -> tuple[int, int, int]:
        """Sample, arm and epoch of a slot."""
        rest, epoch = divmod(slot, self.epochs)
        sample, arm = divmod(rest, self.arms)
        return sample, arm, epoch


@contextmanager
def lines(folder: Path) -> Iterator[mmap.mmap | bytes]:
    """The bytes of all transcripts, mapped; empty where there are none."""
    path = folder / TRANSCRIPTS
    if not path.is_file() or path.stat().st_size == 0:
        yield b""
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped


def chosen(analysis: Analysis, slots: Sequence[Slots], source: mmap.mmap | bytes) -> dict[str, dict[str, Any]]:
    """The transcripts inside the page, by benchmark and slot: samples on which arms differ first."""
    found: dict[str, dict[str, Any]] = {}
    left, size = INLINE, MOST_INLINE_BYTES
    for index, (result, places) in enumerate(zip(analysis.benchmarks, slots, strict=True)):
        share = left // (len(slots) - index)
        kept: dict[str, Any] = {}
        for slot in _telling(result, places):
            length = int(places.length[slot])
            if len(kept) >= share or size < length:
                break
            line = _line(source, result, places, slot)
            kept[str(slot)] = DAMAGED if line is None else json.loads(line)["events"]
            size -= length
        found[str(index)] = kept
        left -= len(kept)
    return found


def write_pages(analysis: Analysis, slots: Sequence[Slots], source: mmap.mmap | bytes, folder: Path) -> None:
    """Write the linked pages of all benchmarks under `folder`."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for index, (result, places) in enumerate(zip(analysis.benchmarks, slots, strict=True)):
        target = folder / folder_of(index)
        for number in range(places.pages):
            text = _page(analysis, result, places, number, source)
            save(target / f"{number + 1:04d}.html", text)


def folder_of(index: int) -> str:
    """Where the linked pages of a benchmark stand, relative to the page."""
    return f"{FOLDER}/{index + 1}/"


def _page(analysis: Analysis, result: BenchmarkResult, places: Slots, number: int, source: mmap.mmap | bytes) -> str:
    first, last = number * PER_PAGE, min((number + 1) * PER_PAGE, places.count)
    turns = ['<a href="../../report.html">The report</a>']
    if number:
        turns.append(f'<a href="{number:04d}.html">Page {number}</a>')
    if number + 1 < places.pages:
        turns.append(f'<a href="{number + 2:04d}.html">Page {number + 2}</a>')
    head = f'<header><p class="mark-line">understudy · transcripts</p><h1>{escape(result.name)}</h1>'
    head += f'<p class="lead">Page {number + 1} of {places.pages}</p><!--banner--></header><main>'
    parts = [head, f'<nav class="turns">{"".join(turns)}</nav>']
    labels = [escape(arm.label) for arm in result.arms]
    here = [slot for slot in range(first, last) if places.offset[slot] >= 0]
    for slot, raw in zip(here, _inert_lines(source, result, places, here), strict=True):
        sample, arm, epoch = places.of(slot)
        after = f" · epoch {epoch + 1}" if places.epochs > 1 else ""
        parts.append(
            f'<article class="record" id="r{slot}"><h3>{escape(result.sample_ids[sample])} · {labels[arm]}{after}</h3>'
            f'<script type="application/json" data-record="{slot}">{raw}</script></article>'
        )
    parts.append(f'<nav class="turns">{"".join(turns)}</nav></main>')
    return page(f"{result.name}, transcripts {number + 1}", "".join(parts), fixture=analysis.fixture)


def _inert_lines(source: mmap.mmap | bytes, result: BenchmarkResult, places: Slots, slots: Sequence[int]) -> list[str]:
    """The lines of some slots, made inert in one go: a line holds no newline but its last."""
    lines = (_line(source, result, places, slot) for slot in slots)
    text = b"\n".join(DAMAGED.encode() if line is None else line for line in lines)
    return inert(text.decode("ascii", "replace")).split("\n") if slots else []


def _line(source: mmap.mmap | bytes, result: BenchmarkResult, places: Slots, slot: int) -> bytes | None:
    """The line of a slot; None where it is damaged or is another row's."""
    sample, arm, epoch = places.of(slot)
    offset, length = int(places.offset[slot]), int(places.length[slot])
    line = source[offset : offset + length].rstrip(b"\r\n")
    head = transcript_head(RowKey(result.arms[arm].id, result.sample_ids[sample], epoch))
    return line if line.startswith(head) and is_sound(line) else None


def _telling(result: BenchmarkResult, places: Slots) -> Iterator[int]:
    means = np.array([np.nan_to_num(arm.means, nan=-1.0) for arm in result.arms])
    if not means.size:
        return
    differs = means.max(axis=0) != means.min(axis=0)
    for sample in np.lexsort((np.arange(len(differs)), ~differs)):
        for slot in range(int(sample) * places.arms * places.epochs, (int(sample) + 1) * places.arms * places.epochs):
            if places.offset[slot] >= 0:
                yield slot
