"""`understudy proxy` as people start it: refusals in words, and a server that answers and ends on a signal."""

import json
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from click.testing import CliRunner

from understudy.model import Completion
from understudy.models.replay import request_hash
from understudy.proxy.commands import proxy

MODEL = "--model=ollama:q"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param([], 2, "Missing option '--model'", id="no model"),
        pytest.param([MODEL, "--scaffold", "Retry(Direct(), tires=5)"], 2, "tires", id="a scaffold with a typo"),
        pytest.param(["--model", "nonsense"], 2, "names no model", id="a spec that is none"),
        pytest.param([MODEL, MODEL], 2, "binds 'local' twice", id="a role twice"),
        pytest.param([MODEL, "--scaffold", 'On("cloud", Direct())'], 2, "--model cloud=SPEC", id="an unbound role"),
        pytest.param([MODEL, "--check", "lint"], 2, "Write tests:DIR", id="an unknown check"),
        pytest.param([MODEL, "--check", "tests:/nowhere"], 2, "no folder", id="a folder that is not there"),
        pytest.param([MODEL, "--listen", "0.0.0.0:0"], 2, "a key is needed", id="open to others without a key"),
        pytest.param([MODEL, "--listen", "here"], 2, "has no port", id="no port"),
        pytest.param([MODEL, "--server", "x"], 2, "is not NAME=VALUE", id="a server without a name"),
        pytest.param(["--model", "openai:gpt-5"], 3, "OPENAI_API_KEY", id="no key"),
        pytest.param(
            ["--model", "http://h.example/v1#m", "--budget-usd", "1"], 2, "price of 'http://h", id="an unknown price"
        ),
    ],
)
def test_what_cannot_be_served_is_refused_in_words(
    arguments: list[str], code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("UNDERSTUDY_TOKEN", raising=False)
    result = CliRunner().invoke(
        proxy, [*arguments, "--no-log", *(["--listen", "0"] if "--listen" not in arguments else [])]
    )
    assert result.exit_code == code
    assert words in " ".join(result.output.split())


def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(proxy, [MODEL, "--no-log", "--listen", port])
    assert result.exit_code == 3
    assert "Choose another with --listen" in result.output


def test_a_proxy_answers_from_a_recording_and_ends_on_a_signal(tmp_path: Path) -> None:
    recording = tmp_path / "r.jsonl"
    write_recording(recording)
    command = [sys.executable, "-m", "understudy_harness", "proxy", "--scaffold", "Direct()", "--listen", "0"]
    command += ["--model", f"replay:{recording}", "--log", str(tmp_path / "usage.jsonl")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            found = re.search(r"http://127\.0\.0\.1:\d+/v1", running.stderr.readline())
            assert found
            body = {"messages": [{"role": "user", "content": "?"}], "max_tokens": 5, "seed": 3}
            request = Request(f"{found[0]}/chat/completions", json.dumps(body).encode())
            with urlopen(request, timeout=30) as response:
                answer = json.load(response)
            assert "holds this request never" not in str(answer)
            assert answer["choices"][0]["message"]["content"] == "recorded"
        finally:
            running.send_signal(signal.SIGTERM)
            assert running.wait(10) == 0
    assert json.loads((tmp_path / "usage.jsonl").read_text())["kind"] == "proxy"


def write_recording(path: Path) -> None:
    """Record what the request of the test above becomes on its way through Direct."""
    from dataclasses import asdict  # noqa: PLC0415 (beside its only use)

    import understudy.model  # noqa: PLC0415
    from understudy.context import call_seed  # noqa: PLC0415
    from understudy.problem import Message, Options  # noqa: PLC0415

    request = understudy.model.Request(
        messages=(Message(role="user", content="?"),),
        options=Options(max_tokens=5),
        sampling=understudy.model.Sampling(seed=call_seed(3, "")),
    )
    row = {
        "request_hash": request_hash(request),
        "ordinal": 0,
        "model": "ollama:q",
        "completion": asdict(Completion(text="recorded")),
    }
    path.write_text(json.dumps(row) + "\n")
