"""Embedding models: a graph made from weights, its int8 form, torch in a process of its own, and how each is named."""

import io
import json
from pathlib import Path

import pytest
from tests.servers.docs.tiny_bert import np, oracle, tiny_bert

from understudy_servers.docs.index import torch_model
from understudy_servers.docs.index.bert_graph import Unsupported, write_graph
from understudy_servers.docs.index.embed_work import prepare
from understudy_servers.docs.index.embedding import (
    EmbedderUnavailable,
    embedder_spec,
    model_folder,
    open_embedder,
    state_of,
)
from understudy_servers.docs.index.model_process import ModelProcess, TorchEmbedder
from understudy_servers.docs.index.onnx_model import OnnxModel, publish_model, quantize
from understudy_servers.docs.index.vectors import cosines, to_blobs

pytest.importorskip("onnxruntime", reason="vectors need the docs extra")
TEXTS = ("the cat purrs", "the dog barks loudly loudly loudly", "soup")


@pytest.fixture
def made(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_graph_computes_what_the_paper_says(tmp_path: Path, made: Path, pooling: str) -> None:
    weights = tiny_bert(tmp_path / "tiny", pooling=pooling)
    shape = write_graph(tmp_path / "tiny", made / "model.onnx")
    (made / "tokenizer.json").write_text((tmp_path / "tiny" / "tokenizer.json").read_text())

    got = OnnxModel(made, length=shape.length).embed(TEXTS)

    expected = to_blobs(np.stack([oracle(weights, text, pooling) for text in TEXTS]))
    assert min(cosines(got, expected)) > 0.9995  # exact to the float16 of a blob
    assert shape.length == 16


def test_a_text_longer_than_the_model_reads_is_cut_there(tmp_path: Path, made: Path) -> None:
    weights = tiny_bert(tmp_path / "tiny")
    shape = write_graph(tmp_path / "tiny", made / "model.onnx")
    (made / "tokenizer.json").write_text((tmp_path / "tiny" / "tokenizer.json").read_text())
    long = "cat " * 14 + "soup " * 40

    (got,) = OnnxModel(made, length=shape.length).embed([long])

    assert cosines([got], to_blobs(oracle(weights, long)))[0] > 0.9995  # exact to the float16 of a blob


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        pytest.param("config.json", {"model_type": "mpnet"}, "mpnet model", id="another architecture"),
        pytest.param("config.json", {"position_embedding_type": "relative_key"}, "bert model", id="other positions"),
        pytest.param("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "pools neither", id="no pooling"),
        pytest.param("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "pools neither", id="two poolings"),
        pytest.param("config_sentence_transformers.json", {"default_prompt_name": "query"}, "prompt", id="a prompt"),
    ],
)
def test_a_model_the_graph_would_get_wrong_is_refused(
    tmp_path: Path, file: str, change: dict[str, object], said: str
) -> None:
    tiny_bert(tmp_path / "tiny")
    path = tmp_path / "tiny" / file
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | change))

    with pytest.raises(Unsupported, match=said):
        write_graph(tmp_path / "tiny", tmp_path / "model.onnx")


@pytest.mark.parametrize("file", ["config.json", "modules.json", "model.safetensors"])
def test_a_folder_with_a_file_missing_is_refused_by_name(tmp_path: Path, file: str) -> None:
    tiny_bert(tmp_path / "tiny")
    (tmp_path / "tiny" / file).unlink()

    with pytest.raises(Unsupported, match=f"no {file}"):
        write_graph(tmp_path / "tiny", tmp_path / "model.onnx")


def test_a_model_in_the_newer_form_of_pooling_is_read(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "tiny")
    (tmp_path / "tiny" / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "cls"}))

    assert write_graph(tmp_path / "tiny", tmp_path / "model.onnx").pooling == "cls"


@pytest.mark.filterwarnings("ignore")  # onnxruntime's quantizer's own
def test_int8_is_published_when_it_is_near_enough_and_only_then(tmp_path: Path) -> None:
    weights = tiny_bert(tmp_path / "tiny")
    shape = write_graph(tmp_path / "tiny", tmp_path / "float.onnx")
    right = [(text, to_blobs(oracle(weights, text))[0]) for text in TEXTS]
    wrong = [(text, right[0][1]) for text in TEXTS]
    tokenizer = tmp_path / "tiny" / "tokenizer.json"

    with pytest.raises(EmbedderUnavailable, match="differs too much"):
        quantize(tmp_path / "float.onnx", tokenizer, tmp_path / "bad", wrong, length=shape.length)
    lowest = quantize(tmp_path / "float.onnx", tokenizer, tmp_path / "good", right, length=shape.length)

    assert not (tmp_path / "bad").exists()
    assert lowest >= 0.98
    assert state_of(tmp_path / "good")["length"] == 16
    assert len(OnnxModel(tmp_path / "good").embed(TEXTS)) == 3


def test_a_prepared_model_of_another_format_is_prepared_again(tmp_path: Path) -> None:
    (tmp_path / "checked.json").write_text(json.dumps({"cosine": 0.99}))

    assert state_of(tmp_path) == {}
    assert state_of(tmp_path / "nowhere") == {}


def test_a_prepared_model_replaces_the_one_before(tmp_path: Path) -> None:
    for version in ("1", "2"):
        made = tmp_path / "made"
        made.mkdir()
        publish_model(made, tmp_path / "kept", {"torch": version})

    assert state_of(tmp_path / "kept")["torch"] == "2"


def test_a_model_is_named_by_its_folder_and_weights(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "a" / "tiny")
    tiny_bert(tmp_path / "b" / "tiny")
    tiny_bert(tmp_path / "c" / "tiny", seed=1)
    first, same, other = (embedder_spec(str(tmp_path / one / "tiny")) for one in "abc")
    hub = embedder_spec("owner/name")

    assert first is not None
    assert same is not None
    assert other is not None
    assert hub is not None
    assert first.name.startswith("st:tiny@")
    assert first.name == same.name != other.name
    assert hub.name == "st:owner/name"


def test_requests_to_a_model_are_answered_a_line_each_and_its_errors_too() -> None:
    replies = io.StringIO()

    torch_model.answer(["null\n", "[1, 2]\n", "[]\n"], replies, lambda numbers: 1 / len(numbers))

    lines = [json.loads(line) for line in replies.getvalue().splitlines()]
    assert lines == [{"answer": "ready"}, {"answer": 0.5}, {"error": "ZeroDivisionError: division by zero"}]


@pytest.mark.parametrize("kind", ["embed", "score"])
def test_a_model_that_is_not_there_is_named_at_once(tmp_path: Path, kind: str) -> None:
    with pytest.raises(EmbedderUnavailable, match="No sentence-transformers model was found"):
        ModelProcess(kind, str(tmp_path / "nowhere"))


def test_a_model_that_is_not_there_is_not_prepared(tmp_path: Path) -> None:
    tiny_bert(tmp_path / "tiny")
    spec = embedder_spec(str(tmp_path / "tiny"))
    assert spec is not None
    (tmp_path / "tiny").rename(tmp_path / "gone")

    process = prepare(spec, tmp_path)
    said = process.communicate()[1]

    assert process.returncode == 1
    assert "nothing is downloaded" in said


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A model's process that answers texts by their letters, and dies when it reads `die`."""
    module = tmp_path / "letters.py"
    module.write_text(
        "import base64, json, sys\n"
        "for line in sys.stdin:\n"
        "    texts = json.loads(line) or []\n"
        "    if 'die' in texts: sys.exit(1)\n"
        "    answer = [base64.b64encode(text.encode()).decode() for text in texts]\n"
        "    print(json.dumps({'answer': answer}), flush=True)\n"
    )
    monkeypatch.setattr("understudy_servers.docs.index.model_process.MODULE", "letters")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.usefixtures("echo")
def test_vectors_come_back_from_the_process_in_order() -> None:
    embedder = TorchEmbedder("letters")

    assert embedder.embed(["one", "zwei", "три"]) == [b"one", b"zwei", "три".encode()]
    embedder.process.close()


@pytest.mark.usefixtures("echo")
def test_a_process_that_dies_is_unavailable_and_not_a_crash() -> None:
    embedder = TorchEmbedder("letters")

    with pytest.raises(EmbedderUnavailable, match="Ask again to start another"):
        embedder.embed(["die"])
    with pytest.raises(EmbedderUnavailable, match="ended"):
        embedder.embed(["anything"])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # torch's and onnx's own
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_any_bert_model_runs_as_int8_without_torch(tmp_path: Path, pooling: str) -> None:
    pytest.importorskip("torch", reason="preparing a model needs the docs extra")
    weights = tiny_bert(tmp_path / "tiny", pooling=pooling)
    spec = embedder_spec(str(tmp_path / "tiny"))
    assert spec is not None

    process = prepare(spec, tmp_path)
    said = process.communicate()[1]
    got = open_embedder(spec, tmp_path).embed(TEXTS)

    assert process.returncode == 0, said
    assert "torch" not in state_of(model_folder(spec, tmp_path))
    assert min(cosines(got, to_blobs(np.stack([oracle(weights, text, pooling) for text in TEXTS])))) > 0.98


@pytest.mark.slow
def test_a_model_of_another_architecture_is_run_by_torch_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="preparing a model needs the docs extra")
    weights = tiny_bert(tmp_path / "tiny")
    prompts = {"prompts": {"all": ""}, "default_prompt_name": "all"}  # a BERT all the same, so the oracle knows it
    (tmp_path / "tiny" / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    spec = embedder_spec(str(tmp_path / "tiny"))
    assert spec is not None

    process = prepare(spec, tmp_path)
    said = process.communicate()[1]
    embedder = open_embedder(spec, tmp_path)

    assert process.returncode == 0, said
    assert isinstance(embedder, TorchEmbedder)
    assert "prompt" in state_of(model_folder(spec, tmp_path))["torch"]
    got = embedder.embed(TEXTS)
    embedder.process.close()
    assert min(cosines(got, to_blobs(np.stack([oracle(weights, text) for text in TEXTS])))) > 0.999
