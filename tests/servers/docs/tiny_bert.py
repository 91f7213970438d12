"""A BERT sentence model small enough for a test, with random weights, and the same computation written in numpy."""

import json
from math import erf, sqrt
from pathlib import Path
from typing import Any

import pytest

np = pytest.importorskip("numpy", reason="vectors need the docs extra")
safetensors = pytest.importorskip("safetensors.numpy", reason="vectors need the docs extra")
tokenizers = pytest.importorskip("tokenizers", reason="vectors need the docs extra")

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "dog", "purrs", "barks", "the", "loudly", "##ly", "soup")
WIDTH, WIDE, LAYERS, HEADS, PLACES = 32, 64, 2, 4, 24
EPSILON = 1e-12


def tiny_bert(folder: Path, *, pooling: str = "mean", model_type: str = "bert", seed: int = 0) -> dict[str, Any]:
    """Write a sentence-transformers folder and return its weights."""
    (folder / "1_Pooling").mkdir(parents=True)
    config = {
        "architectures": ["BertModel"],
        "model_type": model_type,
        "hidden_act": "gelu",
        "hidden_size": WIDTH,
        "intermediate_size": WIDE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "layer_norm_eps": EPSILON,
        "max_position_embeddings": PLACES,
        "type_vocab_size": 2,
        "vocab_size": len(WORDS),
    }
    kinds = ("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")
    prefix = "sentence_transformers.models."
    modules = [
        {"idx": index, "name": str(index), "path": path, "type": prefix + kind}
        for index, (path, kind) in enumerate(kinds)
    ]
    modes = {"pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "cls"}
    _write(folder / "config.json", config)
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 16, "do_lower_case": False})
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": WIDTH, **modes})
    weights = _weights(np.random.default_rng(seed))
    safetensors.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(folder)
    return weights


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def _weights(chance: Any) -> dict[str, Any]:
    def some(*shape: int) -> Any:
        return (chance.standard_normal(shape) * 0.3).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": some(len(WORDS), WIDTH),
        "embeddings.position_embeddings.weight": some(PLACES, WIDTH),
        "embeddings.token_type_embeddings.weight": some(2, WIDTH),
        "embeddings.LayerNorm.weight": 1 + some(WIDTH),
        "embeddings.LayerNorm.bias": some(WIDTH),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        parts = [(f"attention.self.{part}", WIDTH, WIDTH) for part in ("query", "key", "value")]
        parts += [("attention.output.dense", WIDTH, WIDTH)]
        parts += [("intermediate.dense", WIDE, WIDTH), ("output.dense", WIDTH, WIDE)]
        for part, wide, narrow in parts:
            weights |= {f"{name}.{part}.weight": some(wide, narrow), f"{name}.{part}.bias": some(wide)}
        for part in ("attention.output", "output"):
            weights |= {f"{name}.{part}.LayerNorm.weight": 1 + some(WIDTH)}
            weights |= {f"{name}.{part}.LayerNorm.bias": some(WIDTH)}
    return weights


def _tokenizer(folder: Path) -> None:
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    made.save(str(folder / "tokenizer.json"))
    special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep")}
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **special})


def oracle(weights: dict[str, Any], text: str, pooling: str = "mean") -> Any:
    """Return the unit vector of a text of known words, as the paper defines it."""
    ids = [2, *[WORDS.index(word) for word in text.split()][:14], 3]
    whole = "embeddings"
    state = weights[f"{whole}.word_embeddings.weight"][ids] + weights[f"{whole}.token_type_embeddings.weight"][0]
    state = _norm(weights, f"{whole}.LayerNorm", state + weights[f"{whole}.position_embeddings.weight"][: len(ids)])
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (
            _dense(weights, f"{name}.attention.self.{part}", state).reshape(len(ids), HEADS, -1).transpose(1, 0, 2)
            for part in ("query", "key", "value")
        )
        scores = np.exp(query @ key.transpose(0, 2, 1) / sqrt(WIDTH / HEADS))
        seen = ((scores / scores.sum(-1, keepdims=True)) @ value).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        seen = _dense(weights, f"{name}.attention.output.dense", seen)
        state = _norm(weights, f"{name}.attention.output.LayerNorm", state + seen)
        wide = _dense(weights, f"{name}.intermediate.dense", state)
        wide = wide * (1 + np.vectorize(erf)(wide / sqrt(2))) / 2
        state = _norm(weights, f"{name}.output.LayerNorm", state + _dense(weights, f"{name}.output.dense", wide))
    vector = state.mean(0) if pooling == "mean" else state[0]
    return vector / np.linalg.norm(vector)


def _dense(weights: dict[str, Any], name: str, state: Any) -> Any:
    return state @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]


def _norm(weights: dict[str, Any], name: str, state: Any) -> Any:
    centered = state - state.mean(-1, keepdims=True)
    scaled = centered / np.sqrt((centered**2).mean(-1, keepdims=True) + EPSILON)
    return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def tiny_cross_encoder(folder: Path) -> None:
    """Write a cross-encoder of the same size, which reads a question and a text together and gives one number."""
    weights = {f"bert.{name}": value for name, value in tiny_bert(folder, seed=3).items()}
    chance = np.random.default_rng(4)
    for name, shape in (("bert.pooler.dense", (WIDTH, WIDTH)), ("classifier", (1, WIDTH))):
        weights[f"{name}.weight"] = chance.standard_normal(shape).astype(np.float32)
        weights[f"{name}.bias"] = np.zeros(shape[0], np.float32)
    safetensors.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    labels = {"id2label": {"0": "LABEL_0"}, "label2id": {"LABEL_0": 0}}
    _write(folder / "config.json", {**config, "architectures": ["BertForSequenceClassification"], **labels})
    for leftover in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (folder / leftover).unlink()
