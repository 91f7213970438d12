"""The report in a real browser: offline, on a phone, in the dark; one click from a cell to what was said.

Needs Chromium (`apt-get install chromium`) or a browser that `playwright install chromium` brought.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Error, Page, sync_playwright
from tests.benchmarks.bench_harness_report import write_run

from understudy_harness.analysis import analyze
from understudy_harness.columns import read_columns
from understudy_harness.report.page import write_page

pytestmark = [pytest.mark.clients, pytest.mark.filterwarnings("ignore::ResourceWarning")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        try:
            made = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except Error as error:
            pytest.skip(f"no Chromium can be started: {error.message.splitlines()[0]}")
        yield made
        made.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, 130, epochs=2, models=("fixture:nano", "fixture:ref"))
    return write_page(analyze(read_columns(folder)))


def opened(browser: Browser, path: Path, **settings: Any) -> tuple[Page, list[str]]:
    context = browser.new_context(offline=True, **settings)
    page, complaints = context.new_page(), list[str]()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.append(request.url))
    page.goto(path.as_uri())
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [pytest.param(1200, id="desk"), pytest.param(390, id="phone")])
def test_the_page_fits_and_complains_of_nothing(browser: Browser, report: Path, width: int, scheme: str) -> None:
    page, complaints = opened(browser, report, viewport={"width": width, "height": 800}, color_scheme=scheme)

    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.locator("svg.figure").count() == 2
    assert page.locator("text=by design").is_visible()
    assert complaints == []
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    assert (sum(map(int, ink[4:-1].split(","))) > sum(map(int, paper[4:-1].split(",")))) == (scheme == "dark")


def test_a_cell_shows_what_was_said_one_click_away(browser: Browser, report: Path) -> None:
    page, complaints = opened(browser, report)

    page.locator("button.cell").first.click()

    sheet = page.locator("#sheet")
    assert sheet.locator("text=hidden grade").is_visible()
    assert "<b>all</b>" in sheet.inner_text()
    sheet.locator("text=epoch 2").click()
    assert sheet.locator("[aria-pressed=true]").inner_text() == "epoch 2"
    sheet.locator("text=Close").click()
    assert not page.locator("#transcript").is_visible()
    assert complaints == []


def test_samples_can_be_filtered_and_found(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)

    assert page.locator("#grid-0 tr").count() == 40
    page.locator("#more-0").click()
    assert page.locator("#grid-0 tr").count() == 130
    page.get_by_placeholder("Find a sample").fill("sample-000017")
    assert page.locator("#grid-0 tr").count() == 1
    page.get_by_placeholder("Find a sample").fill("")
    page.locator("button[data-filter=lost]").click()
    assert "of 130 samples" in page.locator("#count-0").inner_text()


def test_a_transcript_outside_the_page_opens_on_its_linked_page(browser: Browser, report: Path) -> None:
    page, complaints = opened(browser, report)
    page.locator("button[data-filter=all]").click()
    page.locator("#more-0").click()

    linked = page.evaluate(
        """() => { const kept = JSON.parse(document.getElementById('transcripts').textContent)[0];
        return [...Array(130).keys()].find((s) => !(s * 10 in kept)); }"""
    )
    page.locator(f"#grid-0 tr >> nth={linked}").locator("button.cell").first.click()
    page.wait_for_url(f"**/transcripts/1/*.html#r{linked * 10}")

    assert page.locator(f"#r{linked * 10} >> text=hidden grade").is_visible()
    assert page.locator("text=by design").count() == 1
    page.locator("text=The report").first.click()
    page.wait_for_url("**/report.html")
    assert complaints == []


def test_a_printed_page_hides_what_only_a_hand_can_use(browser: Browser, report: Path) -> None:
    page, _ = opened(browser, report)

    page.emulate_media(media="print")

    assert not page.locator("input[type=search]").is_visible()
    assert page.locator("svg.figure").first.is_visible()
    assert len(page.pdf()) > 10_000


def test_nothing_is_cut_on_paper_and_names_stay_whole(browser: Browser, tmp_path: Path) -> None:
    long = "http://192.168.100.20:8080/v1#qwen3-coder-30b-a3b-instruct-q4_k_m.gguf"
    write_run(tmp_path, 130, epochs=2, models=(long, "anthropic:claude-haiku-5.5"))
    page = browser.new_page(viewport={"width": 718, "height": 1000})  # A4 without its margins
    page.emulate_media(media="print")
    page.goto(write_page(analyze(read_columns(tmp_path))).as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 718
    first = page.locator(".grid-table tbody td").first
    assert first.evaluate("node => node.scrollWidth <= node.clientWidth + 1")
    page.close()
