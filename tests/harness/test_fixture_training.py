"""How the bundled models are made: the text, the tokenizer, the schedule, going on after a stop, and the export."""

from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from understudy.model import Request
from understudy.models.gguf import model_from_spec
from understudy.models.gguf_file import metadata
from understudy.problem import Message, Options
from understudy.prompts import bundled, v1
from understudy_harness.fixtures.families import FAMILIES, samples

gguf = pytest.importorskip("gguf", reason="reading the bundled files needs the extra `dev`")
torch = pytest.importorskip("torch", reason="training needs torch, which comes with the extra `docs`")
chats = pytest.importorskip("training.chats", reason="the training code comes with a clone, not with the wheel")
export = pytest.importorskip("training.export", reason="the training code comes with a clone, not with the wheel")
network = pytest.importorskip("training.network", reason="the training code comes with a clone, not with the wheel")
tokenizer = pytest.importorskip("training.tokenizer", reason="the training code comes with a clone, not with the wheel")
train = pytest.importorskip("training.train", reason="the training code comes with a clone, not with the wheel")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)  # threads that wait for each other on busy cores take minutes


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    random = Random("tests")
    made = [chats.sample(random) for _ in range(120)]
    words = tokenizer.Tokenizer.train(["\n".join(turn.message.content for turn in chat) for chat in made], 512)
    arrays = tokenizer.as_arrays(words.chat(chat) for chat in made)
    for name, array in zip(("ids", "learned", "lengths"), arrays, strict=True):
        np.save(folder / f"{name}.npy", array)
    words.save(folder / "merges.json")
    return folder


def test_every_learned_prompt_but_a_drill_is_one_that_a_bundled_model_accepts() -> None:
    random = Random("prompts")
    for maker, _ in chats.MIX:
        for _ in range(10):
            asked = [turn.message for turn in maker(random)]
            first = next(index for index, message in enumerate(asked) if message.role == "assistant")
            assert "drill" in maker.__name__ or bundled.family(asked[:first]) in FAMILIES


def test_numbers_below_a_hundred_are_one_token_and_any_text_comes_back(text: Path) -> None:
    words = tokenizer.Tokenizer.load(text / "merges.json")
    assert all(len(words.encode(f" {number}")) == 1 for number in range(100))
    for line in ("Hello, World: 123 + 4567 = ?", "naïve ☃ \t\n  end", "<|im_start|>user\nx<|im_end|>"):
        assert words.decode(words.encode(line)) == line


def test_only_results_of_a_drill_are_learned(text: Path) -> None:
    words = tokenizer.Tokenizer.load(text / "merges.json")
    turn = chats.Turn(Message(role="assistant", content="So 3 + 4 = 7\nSo 20 / 2 = 10"), "results")
    ids, learned = words.chat([turn])
    assert words.decode(token for token, wanted in zip(ids, learned, strict=True) if wanted) == " 7 10"


def test_the_learning_rate_warms_up_holds_and_falls_by_tokens(text: Path) -> None:
    run = train.Run(train.Plan(shape="nano", tokens=10, decay=4, rate=1.0), text)
    rates = []
    for run.step, run.tokens in ((0, 0), (29, 1_000_000), (1000, 6_000_000), (1500, 8_000_000), (2000, 10_000_000)):
        rates.append(run.learning_rate())
    assert rates == pytest.approx([1 / 60, 0.5, 1.0, 0.5, 0.01])


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(text: Path, tmp_path: Path) -> None:
    plan = train.Plan(shape="nano", tokens=1, decay=0.5, rate=1e-3, batch=512, workers=2)
    whole, first, second = (train.Run(plan, text) for _ in range(3))
    batches = iter(train.Batches(text, plan.batch, plan.seed))
    pairs = [[next(batches), next(batches)] for _ in range(3)]
    for pair in pairs:
        whole.update(pair)
    for pair in pairs[:2]:
        first.update(pair)
    first.save(tmp_path / "run.pt")
    second.resume(tmp_path / "run.pt")
    second.update(pairs[2])
    assert (second.step, second.tokens) == (whole.step, whole.tokens)
    for left, right in zip(whole.network.parameters(), second.network.parameters(), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("name", ["nano", "ref"])
def test_a_bundled_file_is_small_and_names_itself_and_its_prompts(name: str) -> None:
    path = model_from_spec(f"fixture:{name}").path
    found = metadata(path)
    assert path.stat().st_size < 7_000_000
    assert found[export.PROMPTS_KEY] == v1.builders_hash()
    assert found[export.NAME_KEY] == name
    assert found["general.architecture"] == "llama"


async def test_llama_cpp_computes_from_a_bundled_file_what_pytorch_computes() -> None:
    model = model_from_spec("fixture:nano")
    net, words = _read(model.path)
    same = total = 0
    for family in FAMILIES:
        for item in samples(family, 3, seed=21, split="dev"):
            answer = await model.generate(Request(messages=item.messages, options=Options(max_tokens=60)))
            ids, _ = words.chat([chats.Turn(message) for message in item.messages])
            ids += words.encode("<|im_start|>assistant\n")
            assert answer.usage.input_tokens == len(ids)
            same += answer.text == words.decode(_greedy(net, ids, 60)).strip()
            total += 1
    await model.aclose()
    assert same >= total - 2  # 8-bit products round otherwise than PyTorch's: a near tie may fall the other way


def _greedy(net: Any, ids: list[int], most: int) -> list[int]:
    written: list[int] = []
    with torch.no_grad():
        while len(written) < most:
            token = int(net(torch.tensor([ids + written]))[0, -1].argmax())
            if token == tokenizer.END:
                break
            written.append(token)
    return written


def _read(path: Path) -> tuple[Any, Any]:
    """The network and tokenizer of a bundled file, in PyTorch."""
    reader = gguf.GGUFReader(path)
    tensors = {
        tensor.name: torch.from_numpy(gguf.quants.dequantize(tensor.data, tensor.tensor_type).copy())
        for tensor in reader.tensors
    }
    shape = network.SHAPES["nano"]
    net = network.Network(shape)
    state = {"embedding.weight": tensors["token_embd.weight"], "norm.weight": tensors["output_norm.weight"]}
    for index in range(shape.layers):

        def part(name: str, index: int = index) -> Any:
            return tensors[f"blk.{index}.{name}.weight"]

        state |= {
            f"blocks.{index}.attention_norm.weight": part("attn_norm"),
            f"blocks.{index}.qkv.weight": torch.cat([part("attn_q"), part("attn_k"), part("attn_v")]),
            f"blocks.{index}.out.weight": part("attn_output"),
            f"blocks.{index}.inner_norm.weight": part("ffn_norm"),
            f"blocks.{index}.gate_up.weight": torch.cat([part("ffn_gate"), part("ffn_up")]),
            f"blocks.{index}.down.weight": part("ffn_down"),
        }
    net.load_state_dict(state)
    merges = reader.fields["tokenizer.ggml.merges"]
    lines = [bytes(merges.parts[at]).decode() for at in merges.data]
    return net.eval(), tokenizer.Tokenizer((a, b) for a, b in (line.split(" ") for line in lines))
