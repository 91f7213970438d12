"""The embedding model as int8 ONNX: the only file that imports onnxruntime and tokenizers.

One thread per run: with more, short queries get slower and far more erratic on a busy machine. Several runs may go on
at once; the runtime releases the interpreter lock.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from understudy_servers.docs.embedding import EmbedderUnavailable
from understudy_servers.docs.vectors import cosines, import_numpy, model_inputs, pooled

MAX_WORD_PIECES = 256  # the model's own limit
MIN_COSINE = 0.98
BATCH = 8


def is_ready(folder: Path) -> bool:
    """Say whether an exported model lies here, whole."""
    return (folder / "checked.json").is_file()


class OnnxModel:
    """A BERT-like sentence model with mean pooling."""

    def __init__(self, folder: Path) -> None:
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
        options.enable_cpu_mem_arena = False  # the arena keeps the largest batch's memory for ever
        options.log_severity_level = 3
        model = str(folder / "model.onnx")
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.wanted = {one.name for one in self.session.get_inputs()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_WORD_PIECES)
        self.tokenizer.enable_padding()

    def embed(self, texts: Sequence[str]) -> list[bytes]:
        """Return a blob for each text, in order; batches hold texts of similar length."""
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        found: dict[int, bytes] = {}
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            found.update(zip(batch, self._run([texts[index] for index in batch]), strict=True))
        return [found[index] for index in range(len(texts))]

    def _run(self, texts: Sequence[str]) -> list[bytes]:
        encoded = self.tokenizer.encode_batch(list(texts))
        inputs = model_inputs([one.ids for one in encoded], [one.attention_mask for one in encoded])
        (hidden, *_) = self.session.run(None, {name: inputs[name] for name in self.wanted})
        return pooled(hidden, inputs["attention_mask"])


def quantize(float_model: Path, tokenizer: Path, folder: Path, expected: Sequence[tuple[str, bytes]]) -> float:
    """Make `folder` hold the int8 version of a float32 ONNX model, if it is good enough; return its lowest cosine.

    Args:
        expected: texts with the blobs that the float model gives them.

    Raises:
        EmbedderUnavailable: a cosine is under 0.98, so the quantized model must not be used.
    """
    # the docs extra; imported only while a model is made
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        made = Path(scratch, "model")
        made.mkdir()
        # per channel: per tensor the cosine falls to 0.90
        quantize_dynamic(float_model, made / "model.onnx", weight_type=QuantType.QInt8, per_channel=True)
        shutil.copyfile(tokenizer, made / "tokenizer.json")
        got = OnnxModel(made).embed([text for text, _ in expected])
        lowest = min(cosines(got, [blob for _, blob in expected]))
        if lowest < MIN_COSINE:
            raise EmbedderUnavailable(
                f"The int8 model differs too much from the float one: cosine {lowest:.3f} < {MIN_COSINE}."
            )
        checked: dict[str, Any] = {"cosine": round(lowest, 4), "texts": len(expected)}
        (made / "checked.json").write_text(json.dumps(checked))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(made, folder)
    return lowest
