"""A GGUF file answered in process by llama.cpp: `gguf:path/to/file.gguf`, and the bundled `fixture:nano|ref`.

llama.cpp (xllamacpp) starts with the first request and serves one slot on a loopback port behind a random key, so a
file answers exactly as it would behind `llama-server`. It is imported then, and only here.

A file that carries the hash of its training prompts is a bundled model: the hash must be that of the prompts this
version builds, and requests other than those it was trained for are refused.
"""

import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import anyio
import anyio.to_thread

from understudy.errors import MissingExtra, ModelRejected, ModelUnavailable, SpecError
from understudy.model import Completion, Delta, Request
from understudy.models.chat import ChatModel
from understudy.models.gguf_file import digest, first, metadata
from understudy.models.providers import PROVIDERS
from understudy.models.wire import Endpoint
from understudy.prompts import v1
from understudy.prompts.bundled import family

PROMPTS_KEY = "understudy.prompts"
BUNDLED = ("nano", "ref")
_FIXTURES = "understudy_harness.fixtures"  # named, not imported: the toolkit stands alone without the harness
_WINDOW = 8192  # tokens; more costs memory that a laptop may not have
_SETTINGS = ("threads", "window")


def model_from_spec(spec: str) -> "GgufModel":
    """Make the model of a `gguf:` or `fixture:` spec; nothing is loaded yet.

    `gguf:FILE?threads=4&window=16384` sets threads and window.

    Raises:
        SpecError: The file is missing or broken, or its prompts are not ours.
        MissingExtra: llama.cpp is not installed.
    """
    scheme, _, rest = spec.partition(":")
    path, settings = (_bundled(rest, spec), {}) if scheme == "fixture" else _path(rest, spec)
    if find_spec("xllamacpp") is None:
        raise MissingExtra(repr(spec), "llama.cpp", "local")
    return GgufModel(spec, path, **settings)


class GgufModel:
    """A model file and, from the first request on, the llama.cpp server that answers for it."""

    def __init__(self, name: str, path: Path, *, threads: int | None = None, window: int | None = None) -> None:
        """Check the file; see `model_from_spec`.

        Args:
            name: The spec, for provenance.
            path: The file.
            threads: Threads that llama.cpp uses; None for 2, or 1 for a bundled model: threads that wait for each other
                cost more than such a small one gains.
            window: Tokens of prompt and answer together; None for what the file was trained for, at most 8192.

        Raises:
            SpecError: The file is missing, broken, or was trained on other prompts than this version builds.
        """
        self._name, self.path = name, path
        found = metadata(path)
        trained = first(found, (".context_length",))
        self.window = window or min(_WINDOW, trained if isinstance(trained, int) and trained > 0 else _WINDOW)
        self.bundled = PROMPTS_KEY in found
        self.threads = threads or (1 if self.bundled else 2)
        if self.bundled and found[PROMPTS_KEY] != v1.builders_hash():
            raise SpecError(
                f"{name!r} was trained on other prompts ({str(found[PROMPTS_KEY])[:12]}) than this version builds "
                f"({v1.builders_hash()[:12]}), so it would answer noise. Install a matching version, or run "
                "`make fixtures` in the repository."
            )
        self._lock = anyio.Lock()
        self._server: Any = None
        self._chat: ChatModel | None = None
        self._digest = ""

    @property
    def name(self) -> str:
        return self._name

    def __repr__(self) -> str:
        return f"GgufModel({self._name!r})"

    async def generate(self, request: Request) -> Completion:
        """Draw one completion; the first call starts llama.cpp.

        Raises:
            ModelUnavailable: llama.cpp cannot load the file.
            ModelRejected: The request does not fit the window, or a bundled model was asked something else.
        """
        chat = await self._ready(request)
        completion = await chat.generate(request)
        return replace(completion, facts={**completion.facts, "digest": f"sha256:{self._digest}"})

    async def stream(self, request: Request) -> AsyncIterator[Delta | Completion]:
        """Yield pieces as they come, and at last the whole completion; raises as `generate` does."""
        chat = await self._ready(request)
        async for piece in chat.stream(request):
            if isinstance(piece, Completion):
                yield replace(piece, facts={**piece.facts, "digest": f"sha256:{self._digest}"})
            else:
                yield piece

    async def aclose(self) -> None:
        """Stop llama.cpp and free the weights. A later request starts it again."""
        async with self._lock:
            chat, self._chat = self._chat, None
            if chat is not None:
                await chat.aclose()
            await anyio.to_thread.run_sync(self._stop)

    async def _ready(self, request: Request) -> ChatModel:
        if self.bundled and (request.tools or family(request.messages) is None):
            raise ModelRejected(
                f"{self._name} refuses: it was trained from scratch for the three bundled families only, asked by the "
                "bundled prompts, and would answer noise to this. Use a real model, such as ollama:qwen3:4b or "
                "gguf:FILE, or run the benchmarks fixture-sums, fixture-facts and fixture-functions.",
                model=self._name,
            )
        async with self._lock:
            if self._chat is None:
                self._chat = await anyio.to_thread.run_sync(self._start)
            return self._chat

    def _start(self) -> ChatModel:
        import xllamacpp  # noqa: PLC0415  # 100 MB of llama.cpp, loaded when a file is first asked

        key = secrets.token_hex(16)
        params = xllamacpp.CommonParams()
        params.model.path = str(self.path)
        params.model_alias = {self.path.stem}
        params.n_ctx, params.n_parallel = self.window, 1  # one slot: the same seed gives the same text
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.threads
        params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [key]
        params.ui, params.verbosity = False, -1
        if self.bundled:
            params.n_gpu_layers, params.fit_params, params.warmup = 0, False, False
            # Reusing the last prompt changes rounding with the order of requests; at this size it saves nothing.
            params.cache_prompt, params.cache_ram_mib = False, 0
            # Temperature alone decides: llama.cpp would cut the tail of what such a model is unsure about.
            params.sampling.top_k, params.sampling.top_p, params.sampling.min_p = 0, 1.0, 0.0
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError:
            raise ModelUnavailable(
                f"llama.cpp cannot load {str(self.path)!r}: the file is broken, of an unknown architecture, or too "
                "large for the memory. Try it with `llama-server -m FILE` to see its log.",
                model=self._name,
            ) from None
        self._digest = self._digest or digest(self.path)
        endpoint = Endpoint(
            f"{self._server.listening_address}/v1",
            # Over a connection that stays open, llama.cpp's answers wait 40 ms for a delayed ACK.
            headers={"authorization": f"Bearer {key}", "connection": "close"},
            secrets=(key,),
            concurrency=1,
        )
        return ChatModel(name=self._name, model=self.path.stem, endpoint=endpoint, provider=PROVIDERS["llamacpp"])

    def _stop(self) -> None:
        self._server = None  # its destructor ends the threads


def _bundled(name: str, spec: str) -> Path:
    if name not in BUNDLED:
        raise SpecError(f"{spec!r} names no bundled model. Write fixture:nano or fixture:ref.")
    try:
        path = Path(str(resources.files(_FIXTURES).joinpath(f"{name}.gguf")))
    except ModuleNotFoundError:
        path = Path()
    if not path.is_file():
        raise SpecError(
            f"{spec!r} is not installed here. It comes with the harness (pip install 'understudy[local,harness]'); in "
            "a clone, `make fixtures` builds it."
        )
    return path


def _path(rest: str, spec: str) -> tuple[Path, dict[str, int]]:
    path, settings = Path(rest).expanduser(), dict[str, int]()
    if "?" in rest and not path.exists():
        text, _, query = rest.rpartition("?")
        path = Path(text).expanduser()
        for key, value in parse_qsl(query, keep_blank_values=True):
            if key not in _SETTINGS or not value.isdecimal() or int(value) < 1:
                raise SpecError(f"{spec!r}: {key}={value} is no setting. Write ?threads=4 or ?window=16384.")
            settings[key] = int(value)
    if not path.is_file():
        raise SpecError(f"{spec!r} names a file that is not there: {str(path)!r}. Give the path of a .gguf file.")
    return path, settings
