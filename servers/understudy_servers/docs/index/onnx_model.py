"""A sentence model in ONNX: the only file that imports onnxruntime and tokenizers.

One text per run, and one thread: texts of different lengths would have to be padded, and with more threads short
queries get slower and far more erratic on a busy machine. Several runs may go on at once; the runtime releases the
interpreter lock.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy_servers.docs.index.embedding import CHECKED, FORMAT, EmbedderUnavailable, state_of
from understudy_servers.docs.index.vectors import cosines, import_numpy, to_blobs, whole_numbers

MIN_COSINE = 0.98


class OnnxModel:
    """A model whose graph takes token ids and gives a unit vector; `bert_graph` makes them."""

    def __init__(self, folder: Path, *, length: int = 0) -> None:
        try:
            import_numpy()
            # the docs extra; a fifth of a second
            import onnxruntime  # noqa: PLC0415
            from tokenizers import Tokenizer  # noqa: PLC0415
        except ImportError as error:
            raise EmbedderUnavailable("Vectors need the docs extra: pip install 'understudy[docs]'.") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = str(folder / "model.onnx")
        try:
            self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
            self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        except Exception as error:  # both raise bare exceptions of their own for a file that is damaged or gone
            (folder / CHECKED).unlink(missing_ok=True)  # so that the indexer makes the model again
            raise EmbedderUnavailable(f"The prepared model in {str(folder)!r} does not open: {error}") from error
        self.tokenizer.enable_truncation(length or state_of(folder)["length"])
        self.tokenizer.no_padding()

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a blob for each text, in order."""
        return [self._run(one.ids) for one in self.tokenizer.encode_batch(list(texts))]

    def _run(self, ids: Sequence[int]) -> bytes:
        (vector,) = self.session.run(None, {"input_ids": whole_numbers([ids])})
        return to_blobs(vector)[0]


def quantize(
    float_model: Path, tokenizer: Path, folder: Path, expected: Sequence[tuple[str, bytes]], *, length: int
) -> float:
    """Make `folder` hold the int8 version of a float32 ONNX model, if it is good enough; return its lowest cosine.

    Args:
        expected: texts with the blobs that the original model gives them.
        length: word pieces that the model reads of a text.

    Raises:
        EmbedderUnavailable: a cosine is under 0.98, so the quantized model must not be used.
    """
    # the docs extra; imported only while a model is made
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, "model")
        made.mkdir()
        # per channel: per tensor the cosine falls to 0.90; the fused operators' results have no declared type
        types = {"DefaultTensorType": 1}
        quantize_dynamic(
            float_model, made / "model.onnx", weight_type=QuantType.QInt8, per_channel=True, extra_options=types
        )
        shutil.copyfile(tokenizer, made / "tokenizer.json")
        got = OnnxModel(made, length=length).embed([text for text, _ in expected])
        lowest = min(cosines(got, [blob for _, blob in expected]))
        if lowest < MIN_COSINE:
            raise EmbedderUnavailable(
                f"The int8 model differs too much from the original: cosine {lowest:.3f} < {MIN_COSINE}."
            )
        checked: dict[str, Any] = {"cosine": round(lowest, 4), "texts": len(expected), "length": length}
        publish_model(made, folder, checked)
    return lowest


def publish_model(made: Path, folder: Path, state: dict[str, Any]) -> None:
    """Put a prepared model into its place, whole."""
    (made / CHECKED).write_text(json.dumps({"format": FORMAT, **state}))
    if folder.exists():
        shutil.rmtree(folder)
    os.replace(made, folder)
