"""A torch model in a process of its own, asked over its standard streams: torch takes seconds and half a gigabyte, and
neither a server nor the indexer loads it.

One JSON value a line each way. The process ends when its standard input does, so it never outlives who asks.
"""

import base64
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from understudy_servers.docs.index.embedding import EmbedderUnavailable

MODULE = "understudy_servers.docs.index.torch_model"


def model_command(*arguments: str) -> list[str]:
    """Return the command line of a process that may load torch."""
    return [sys.executable, "-m", MODULE, *arguments]


class ModelProcess:
    """A process that answers one request at a time; `kind` is `embed` or `score`."""

    def __init__(self, kind: str, target: str) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            model_command(kind, target),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            text=True,
            encoding="utf-8",
        )
        self.close = weakref.finalize(self, _end, self._process)  # at the latest when nobody holds this any more
        try:
            self.ask(None)  # answered when the model is loaded
        except EmbedderUnavailable:
            self.close()
            raise

    def ask(self, request: Any) -> Any:
        """Send a request and return the answer.

        Raises:
            EmbedderUnavailable: the process ended, or says what is wrong.
        """
        streams = self._process.stdin, self._process.stdout
        assert streams[0] is not None
        assert streams[1] is not None
        with self._lock:
            try:
                streams[0].write(json.dumps(request) + "\n")
                streams[0].flush()
                line = streams[1].readline()
            except (OSError, ValueError):
                line = ""
        if not line:
            self.close()
            raise EmbedderUnavailable(f"The process of the model {self.target!r} ended. Ask again to start another.")
        answer = json.loads(line)
        if "error" in answer:
            raise EmbedderUnavailable(str(answer["error"]))
        return answer["answer"]


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what was still to be written has no reader any more
                stream.close()
    process.wait()


class TorchEmbedder:
    """Any sentence-transformers model whose architecture has no graph of ours."""

    def __init__(self, target: str) -> None:
        self.process = ModelProcess("embed", target)

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return [base64.b64decode(one) for one in self.process.ask(list(texts))]
