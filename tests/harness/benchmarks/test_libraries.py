"""Questions about what changed between two installed versions: read statically, never imported."""

from pathlib import Path

import pytest

from understudy.reply import answer_from_text
from understudy_harness.benchmarks import open_benchmark
from understudy_harness.benchmarks.signatures import Change, changes, read_package
from understudy_harness.errors import BenchmarkError

OLD = """
import os
os.makedirs("IMPORTED")  # an import would leave this behind

def send(to, body, timeout=5, retries=3): ...
def kept(a, *, flag=False): ...
def gone(): ...
def _private(a): ...
def computed(a, limit=os.cpu_count()): ...

class Client:
    def __init__(self, url, token=None): ...
    async def get(self, path, /, timeout=1.0): ...
    def _hidden(self, x): ...
"""
NEW = """
def send(to, text, timeout=30, retries=3, *, urgent=False): ...
def kept(a, *, flag=False): ...
def fresh(x): ...
def _private(a, b): ...
def computed(a, limit=8): ...

class Client:
    def __init__(self, url, token=None, pool=4): ...
    async def get(self, path, /, timeout=1.0): ...
    def _hidden(self, x, y): ...
"""


def install(folder: Path, version: str, source: str) -> Path:
    site = folder / "lib/python3.11/site-packages"
    (site / "mailer").mkdir(parents=True)
    (site / "mailer/__init__.py").write_text("", encoding="utf-8")
    (site / "mailer/api.py").write_text(source, encoding="utf-8")
    (site / "mailer/_inner.py").write_text("def secret(a): ...", encoding="utf-8")
    (site / "mailer/broken.py").write_text("def f(:", encoding="utf-8")
    (site / f"My_Mailer-{version}.dist-info").mkdir()
    (site / f"My_Mailer-{version}.dist-info/top_level.txt").write_text("mailer\n", encoding="utf-8")
    return folder


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return install(tmp_path / "old", "1.0", OLD), install(tmp_path / "new", "2.0", NEW)


def test_changed_signatures_are_found_and_nothing_is_imported(folders: tuple[Path, Path]) -> None:
    before, after = (read_package("my-mailer", folder) for folder in folders)
    assert (before.version, after.version) == ("1.0", "2.0")
    assert list(changes(before, after)) == [
        Change("added", "mailer.api.Client.__init__", "", "['pool']"),
        Change("parameters", "mailer.api.Client.__init__", "", "['url', 'token', 'pool']"),
        Change("added", "mailer.api.send", "", "['text', 'urgent']"),
        Change("removed", "mailer.api.send", "", "['body']"),
        Change("parameters", "mailer.api.send", "", "['to', 'text', 'timeout', 'retries', 'urgent']"),
        Change("default", "mailer.api.send", "timeout", "30"),
    ]
    assert not list(folders[0].rglob("IMPORTED"))


def test_each_change_is_a_question_with_the_newer_version_for_the_docs_server(folders: tuple[Path, Path]) -> None:
    benchmark = open_benchmark(f"libraries:my-mailer={folders[0]},{folders[1]}")
    samples = {sample.id: sample for sample in benchmark.samples("all")}
    assert len(samples) == 6
    sample = samples["default mailer.api.send timeout"]
    assert sample.problem.libraries == ("my-mailer==2.0",)
    assert sample.cluster == "mailer.api.send"
    assert sample.problem.messages[0].content.startswith("What is the default value of the parameter `timeout`")
    assert "30" not in sample.problem.messages[0].content
    assert sample.hidden["tests"]["test_hidden.py"].endswith("assert answer() == 30\n")
    answer = answer_from_text("```python\ndef answer():\n    return 30\n```", sample.problem)
    assert "def answer" in answer.files["solution.py"]


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param("libraries:my-mailer", "is not libraries:PACKAGE=OLD,NEW", id="no folders"),
        pytest.param("libraries:my-mailer={old}", "is not libraries:PACKAGE=OLD,NEW", id="one folder"),
        pytest.param("libraries:other={old},{new}", "holds no installed 'other'", id="another package"),
        pytest.param("libraries:my-mailer={old},{old}", "Both folders hold my-mailer 1.0", id="the same twice"),
    ],
)
def test_what_cannot_be_compared_is_said(folders: tuple[Path, Path], spec: str, said: str) -> None:
    with pytest.raises(BenchmarkError, match=said):
        open_benchmark(spec.format(old=folders[0], new=folders[1])).samples("all")


def test_two_versions_without_a_changed_signature_are_no_benchmark(tmp_path: Path) -> None:
    old, new = install(tmp_path / "old", "1.0", OLD), install(tmp_path / "new", "1.1", OLD)
    with pytest.raises(BenchmarkError, match="No signature changed"):
        open_benchmark(f"libraries:my-mailer={old},{new}").samples("all")
