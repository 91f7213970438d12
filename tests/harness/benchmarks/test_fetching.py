"""Downloads happen only when asked for, from a fixed place, and only the known bytes are kept."""

import hashlib
from pathlib import Path

import httpx2
import pytest

from understudy_harness.benchmarks import fetching
from understudy_harness.benchmarks.fetching import FETCHABLE, Place, fetch
from understudy_harness.errors import BenchmarkError, EndpointDown

CONTENT = b'{"question": "q", "answer": "#### 1"}\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("UNDERSTUDY_HOME", str(tmp_path))
    known = Place("https://example.org/x.jsonl", hashlib.sha256(CONTENT).hexdigest(), "gsm8k/test.jsonl")
    monkeypatch.setitem(FETCHABLE, "gsm8k", (known,))
    return known


def answering(*responses: httpx2.Response | Exception) -> tuple[httpx2.Client, list[str]]:
    asked: list[str] = []
    waiting = list(responses)

    def handle(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        response = waiting.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    return httpx2.Client(transport=httpx2.MockTransport(handle)), asked


def test_a_file_of_the_known_hash_is_kept_and_not_asked_for_again(place: Place, tmp_path: Path) -> None:
    client, asked = answering(httpx2.Response(200, content=CONTENT))
    with client:
        assert fetch("gsm8k", client=client) == fetch("gsm8k", client=client) == [tmp_path / "benchmarks" / place.path]
    assert asked == [place.url]
    assert (tmp_path / "benchmarks" / place.path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("response", "error", "said"),
    [
        pytest.param(httpx2.Response(200, content=b"other"), BenchmarkError, "so it was not kept", id="other bytes"),
        pytest.param(httpx2.Response(404), EndpointDown, "answered 404. Download it by hand", id="gone"),
        pytest.param(
            httpx2.Response(302, headers={"location": "http://10.0.0.1/"}), EndpointDown, "answered 302", id="redirect"
        ),
        pytest.param(httpx2.ConnectError("refused"), EndpointDown, "cannot be reached", id="no network"),
    ],
)
def test_anything_else_is_refused_and_leaves_nothing(
    place: Place, tmp_path: Path, response: httpx2.Response | Exception, error: type[Exception], said: str
) -> None:
    client, _ = answering(response)
    with client, pytest.raises(error, match=said):
        fetch("gsm8k", client=client)
    assert not list(tmp_path.rglob("*.jsonl*"))


def test_a_file_that_is_too_large_is_not_kept(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "MOST_BYTES", 10)
    client, _ = answering(httpx2.Response(200, content=CONTENT))
    with client, pytest.raises(BenchmarkError, match="is larger than"):
        fetch("gsm8k", client=client)
    assert not list(tmp_path.rglob("*.jsonl*"))


def test_every_place_names_a_whole_commit_and_a_whole_hash() -> None:
    for places in FETCHABLE.values():
        for known in places:
            assert any(len(part) == 40 for part in known.url.split("/"))
            assert len(known.sha256) == 64
