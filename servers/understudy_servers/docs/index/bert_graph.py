"""A BERT sentence model as an ONNX graph, made from its weights: the only file that imports onnx and safetensors.

The architecture is written down here rather than traced out of torch, because a traced graph keeps masks and guards
that no text of one length needs: quantized, it takes twice the time per text. The graph takes one text, or
several of equal length, and has no padding and no mask; it pools and normalizes, so that only the vector comes out.

Architecture: Devlin et al. 2019 (arXiv 1810.04805); pooling: Reimers and Gurevych 2019 (arXiv 1908.10084).
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from understudy_servers.docs.index.vectors import side_by_side, whole_numbers

OPSET, RUNTIME_OPSET, FORMAT = 20, 1, 10
RUNTIME = "com.microsoft"  # fused operators that onnxruntime brings
PLAIN = {"Transformer", "Pooling", "Normalize"}
POOLING = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls", "mean": "mean", "cls": "cls"}


class Unsupported(Exception):
    """The model is not a plain BERT with mean or first-token pooling; the message says what it is."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the graph needs to know of a model."""

    layers: int
    heads: int
    epsilon: float
    pooling: str  # mean or cls
    length: int  # word pieces the model reads


def shape_of(folder: Path) -> Shape:
    """Read a sentence-transformers folder's description.

    Raises:
        Unsupported: it is another architecture, or a file is missing.
    """
    config = _json(folder / "config.json")
    modules = [str(one["type"]).rpartition(".")[2] for one in _json(folder / "modules.json")]
    described = (config.get("model_type"), config.get("hidden_act"), config.get("position_embedding_type", "absolute"))
    if described != ("bert", "gelu", "absolute") or not set(modules) <= PLAIN:
        raise Unsupported(f"It is a {config.get('model_type')} model of {', '.join(modules)}.")
    if _json(folder / "config_sentence_transformers.json").get("default_prompt_name"):
        raise Unsupported("It puts a prompt before each text.")
    reading = _json(folder / "sentence_bert_config.json")
    return Shape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
        pooling=_pooling(_json(folder / "1_Pooling" / "config.json")),
        length=min(reading.get("max_seq_length") or 512, config["max_position_embeddings"]),
    )


def _pooling(config: Mapping[str, Any]) -> str:
    """Read a pooling module's description, in its older form of switches or its newer one."""
    switched = [key for key, value in config.items() if key.startswith("pooling_mode_") and value is True]
    modes = switched or [str(config.get("pooling_mode"))]
    if len(modes) != 1 or modes[0] not in POOLING:
        raise Unsupported("It pools neither by the mean nor by the first token.")
    return POOLING[modes[0]]


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if path.name == "config_sentence_transformers.json":
            return {}
        raise Unsupported(f"It has no {path.name}.") from None


def write_graph(folder: Path, target: Path) -> Shape:
    """Write the float32 graph of the model in `folder` to `target`: `input_ids` in, unit vectors out.

    Raises:
        Unsupported: see `shape_of`; or the weights are named otherwise.
    """
    # the docs extra; only the process that prepares a model needs them
    import onnx  # noqa: PLC0415
    from safetensors.numpy import load_file  # noqa: PLC0415

    shape = shape_of(folder)
    if not (folder / "model.safetensors").is_file():
        raise Unsupported("It has no model.safetensors.")
    weights = {name.removeprefix("bert."): value for name, value in load_file(folder / "model.safetensors").items()}
    try:
        nodes, constants, width = _Graph(weights).build(shape)
    except KeyError as missing:
        raise Unsupported(f"Its weights have no {missing}.") from missing
    make, kinds = onnx.helper, onnx.TensorProto
    graph = make.make_graph(
        [make.make_node(kind, inputs, outputs, **settings) for kind, inputs, outputs, settings in nodes],
        "sentence",
        [make.make_tensor_value_info("input_ids", kinds.INT64, ["batch", "length"])],
        [make.make_tensor_value_info("vector", kinds.FLOAT, ["batch", width])],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opsets = [make.make_opsetid("", OPSET), make.make_opsetid(RUNTIME, RUNTIME_OPSET)]
    onnx.save(make.make_model(graph, opset_imports=opsets, ir_version=FORMAT), target)
    return shape


Node = tuple[str, list[str], list[str], dict[str, Any]]


class _Graph:
    """Collects nodes and constants; every method returns the name of what it computes."""

    def __init__(self, weights: Mapping[str, Any]) -> None:
        self.weights = weights
        self.nodes: list[Node] = []
        self.constants: dict[str, Any] = {}

    def build(self, shape: Shape) -> tuple[list[Node], dict[str, Any], int]:
        """Return nodes, constants, and the width of a vector."""
        text = self.embeddings(shape.epsilon)
        for layer in range(shape.layers):
            text = self.layer(f"encoder.layer.{layer}", text, shape)
        self.pool(text, shape.pooling)
        return self.nodes, self.constants, int(self.weights["embeddings.LayerNorm.weight"].shape[0])

    def node(self, kind: str, inputs: Sequence[str], output: str, **settings: Any) -> str:
        self.nodes.append((kind, list(inputs), [output], {"name": output, **settings}))
        return output

    def constant(self, name: str, value: Any) -> str:
        self.constants[name] = value
        return name

    def weight(self, name: str, change: Callable[[Any], Any] = lambda value: value) -> str:
        return self.constant(name, change(self.weights[name]))

    def matrix(self, name: str) -> str:
        return self.weight(name, lambda value: value.T.copy())  # torch keeps them the other way round

    def norm(self, name: str) -> list[str]:
        return [self.weight(f"{name}.weight"), self.weight(f"{name}.bias")]

    def embeddings(self, epsilon: float) -> str:
        whole = "embeddings"
        words = self.node("Gather", [self.weight(f"{whole}.word_embeddings.weight"), "input_ids"], "words")
        places = self.weights[f"{whole}.position_embeddings.weight"]
        # one text is one segment, so the first segment's vector is part of every position
        places = self.constant("places", places + self.weights[f"{whole}.token_type_embeddings.weight"][0])
        first = self.constant("first", whole_numbers([0]))
        length = self.node("Shape", ["input_ids"], "length", start=1, end=2)
        here = self.node("Slice", [places, first, length], "here")
        summed = self.node("Add", [words, here], "summed")
        return self.node("LayerNormalization", [summed, *self.norm(f"{whole}.LayerNorm")], "text", epsilon=epsilon)

    def layer(self, name: str, text: str, shape: Shape) -> str:
        attention, fused = f"{name}.attention", {"domain": RUNTIME}
        parts = [f"{attention}.self.{part}" for part in ("query", "key", "value")]
        joined = side_by_side([self.weights[f"{part}.weight"].T for part in parts])
        biases = side_by_side([self.weights[f"{part}.bias"] for part in parts])
        inputs = [text, self.constant(f"{attention}.weight", joined), self.constant(f"{attention}.bias", biases)]
        seen = self.node("Attention", inputs, f"{attention}.seen", num_heads=shape.heads, **fused)
        middle = self.residual(f"{attention}.output", seen, text, shape.epsilon)
        wide = self.node(
            "MatMul", [middle, self.matrix(f"{name}.intermediate.dense.weight")], f"{name}.intermediate.wide"
        )
        bias = self.weight(f"{name}.intermediate.dense.bias")
        active = self.node("BiasGelu", [wide, bias], f"{name}.intermediate.active", **fused)
        return self.residual(f"{name}.output", active, middle, shape.epsilon)

    def residual(self, name: str, text: str, before: str, epsilon: float) -> str:
        dense = self.node("MatMul", [text, self.matrix(f"{name}.dense.weight")], f"{name}.product")
        inputs = [dense, before, *self.norm(f"{name}.LayerNorm"), self.weight(f"{name}.dense.bias")]
        return self.node("SkipLayerNormalization", inputs, f"{name}.sum", domain=RUNTIME, epsilon=epsilon)

    def pool(self, text: str, pooling: str) -> str:
        if pooling == "mean":
            axis = self.constant("over words", whole_numbers([1]))
            pooled = self.node("ReduceMean", [text, axis], "pooled", keepdims=0)
        else:
            word = self.constant("first word", whole_numbers(0))
            pooled = self.node("Gather", [text, word], "pooled", axis=1)
        return self.node("LpNormalization", [pooled], "vector", axis=1, p=2)
