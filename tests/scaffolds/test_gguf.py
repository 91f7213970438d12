"""Model files in process: the bundled ones answer and refuse, and a bad file is one sentence."""

import shutil
import sys
from pathlib import Path

import anyio
import pytest

from understudy.errors import MissingExtra, ModelRejected, ModelUnavailable, SpecError, WindowExceeded
from understudy.model import Completion, Request, Sampling
from understudy.models.gguf import PROMPTS_KEY, GgufModel, model_from_spec
from understudy.models.gguf_file import metadata
from understudy.models.specs import open_models
from understudy.problem import Message, Options, Tool
from understudy.prompts import v1

pytest.importorskip("xllamacpp", reason="answering from files needs the extra `local`")

PROBLEM = (
    Message(role="system", content="Word problem. Reply `Answer: number`."),
    Message(role="user", content="Mia has 12 keys. Ben gives Mia 3 more. How many keys now?"),
)
HARD = (
    PROBLEM[0],
    Message(
        role="user",
        content="Mia has 17 keys. Ben gives Mia 9 more. Mia gives half to Ben. Mia sells 6. How many keys now?",
    ),
)
SHORT = Options(max_tokens=24)


@pytest.fixture
def nano() -> Path:
    model = model_from_spec("fixture:nano")
    return model.path


def ask(messages: tuple[Message, ...] = PROBLEM, temperature: float = 0.0, seed: int | None = None) -> Request:
    return Request(messages=messages, options=SHORT, sampling=Sampling(temperature=temperature, seed=seed))


def changed(source: Path, target: Path, old: str, new: str) -> Path:
    """Copy a file with one text in it replaced by another of the same length."""
    data = source.read_bytes()
    assert old.encode() in data
    target.write_bytes(data.replace(old.encode(), new.encode()))
    return target


def shortened(source: Path, target: Path, size: int) -> Path:
    target.write_bytes(source.read_bytes()[:size])
    return target


async def test_a_bundled_model_answers_and_says_which_file_it_is() -> None:
    async with open_models({"local": "fixture:nano"}) as models:
        completion = await models["local"].generate(ask())
    assert completion.text.startswith("Answer: ")
    assert completion.finish == "stop"
    assert completion.usage.input_tokens
    assert completion.facts["digest"].startswith("sha256:")
    assert completion.facts["window"] == 1024
    assert "/" not in completion.model


async def test_the_same_seed_gives_the_same_text_in_any_order_and_another_seed_may_not() -> None:
    model = model_from_spec("fixture:nano")
    first = [(await model.generate(ask(HARD, 3.0, seed))).text for seed in range(12)]
    second = [(await model.generate(ask(HARD, 3.0, seed))).text for seed in reversed(range(12))]
    await model.aclose()
    assert first == second[::-1]
    assert len(set(first)) > 1


async def test_concurrent_requests_wait_for_the_one_slot() -> None:
    model, texts = model_from_spec("fixture:nano"), list[str]()

    async def draw() -> None:
        texts.append((await model.generate(ask())).text)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(draw)
    await model.aclose()
    assert len(texts) == 6
    assert len(set(texts)) == 1


async def test_a_streamed_answer_is_the_answer_in_pieces() -> None:
    model = model_from_spec("fixture:nano")
    pieces = [piece async for piece in model.stream(ask())]
    whole = await model.generate(ask())
    await model.aclose()
    assert isinstance(pieces[-1], Completion)
    assert pieces[-1].text == whole.text == "".join(piece.text for piece in pieces[:-1])
    assert pieces[-1].facts["digest"] == whole.facts["digest"]


async def test_a_closed_model_starts_again_when_it_is_asked() -> None:
    model = model_from_spec("fixture:nano")
    before = await model.generate(ask())
    await model.aclose()
    await model.aclose()
    after = await model.generate(ask())
    await model.aclose()
    assert before.text == after.text


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(Request(messages=(Message(role="user", content="Hello, who are you?"),)), id="small talk"),
        pytest.param(
            Request(messages=(Message(role="system", content="You are helpful."), PROBLEM[1])),
            id="another system prompt",
        ),
        pytest.param(Request(messages=PROBLEM, tools=(Tool(name="add"),)), id="tools"),
    ],
)
async def test_a_bundled_model_refuses_what_it_was_not_trained_for(request_: Request) -> None:
    model = model_from_spec("fixture:nano")
    with pytest.raises(ModelRejected, match="fixture:nano refuses: it was trained from scratch for the three bundled"):
        await model.generate(request_)
    await model.aclose()


async def test_a_prompt_that_is_longer_than_the_window_is_refused() -> None:
    model = model_from_spec("fixture:nano")
    with pytest.raises(WindowExceeded):
        await model.generate(ask(v1.think(PROBLEM, ["So 12 + 3 = 15"] * 300)))
    await model.aclose()


async def test_a_file_of_ones_own_answers_as_a_bundled_one_does(nano: Path, tmp_path: Path) -> None:
    copy = tmp_path / "own file.gguf"
    shutil.copy(nano, copy)
    own, bundled = model_from_spec(f"gguf:{copy}?threads=1&window=512"), model_from_spec("fixture:nano")
    assert (await own.generate(ask())).text == (await bundled.generate(ask())).text
    assert (own.threads, own.window, own.name) == (1, 512, f"gguf:{copy}?threads=1&window=512")
    await own.aclose()
    await bundled.aclose()


async def test_a_file_without_our_mark_takes_any_prompt(nano: Path, tmp_path: Path) -> None:
    plain = changed(nano, tmp_path / "plain.gguf", PROMPTS_KEY, "somebodyelse.name1")
    model = GgufModel("gguf:plain", plain)
    assert (await model.generate(ask((Message(role="user", content="Hello?"),)))).finish in ("stop", "length")
    await model.aclose()


def test_a_bundled_model_of_other_prompts_is_refused_at_once(nano: Path, tmp_path: Path) -> None:
    stale = changed(nano, tmp_path / "stale.gguf", v1.builders_hash(), "0" * 64)
    with pytest.raises(SpecError, match=r"trained on other prompts \(000000000000\) than this version builds"):
        GgufModel("fixture:nano", stale)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param("fixture:mega", "names no bundled model. Write fixture:nano or fixture:ref", id="unknown fixture"),
        pytest.param("gguf:/nowhere/model.gguf", "names a file that is not there", id="missing file"),
        pytest.param(
            "gguf:/nowhere/model.gguf?threads=2", "names a file that is not there", id="missing, with settings"
        ),
        pytest.param("gguf:model.gguf?threads=many", "threads=many is no setting", id="bad number"),
        pytest.param("gguf:model.gguf?layers=3", "layers=3 is no setting", id="unknown setting"),
    ],
)
def test_a_bad_spec_is_one_sentence_with_what_to_do(spec: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        model_from_spec(spec)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_llama_cpp_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    with pytest.raises(MissingExtra, match=r"'fixture:nano' needs llama.cpp. Run: pip install 'understudy\[local\]'"):
        model_from_spec("fixture:nano")


def test_without_the_harness_a_bundled_model_says_where_it_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "understudy_harness.fixtures", None)
    with pytest.raises(SpecError, match="'fixture:nano' is not installed here"):
        model_from_spec("fixture:nano")


def test_a_file_that_is_no_model_file_is_named(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.gguf"
    wrong.write_text("<html>404</html>")
    with pytest.raises(SpecError, match="is not a GGUF file"):
        model_from_spec(f"gguf:{wrong}")


@pytest.mark.parametrize("size", [4, 10, 24, 200, 5000])
def test_a_cut_off_header_is_named(nano: Path, tmp_path: Path, size: int) -> None:
    with pytest.raises(SpecError, match="broken or cut off"):
        metadata(shortened(nano, tmp_path / "cut.gguf", size))


async def test_cut_off_weights_are_named_when_llama_cpp_reads_them(nano: Path, tmp_path: Path) -> None:
    cut = shortened(nano, tmp_path / "cut.gguf", 400_000)
    model = model_from_spec(f"gguf:{cut}")
    with pytest.raises(ModelUnavailable, match=r"llama\.cpp cannot load .*cut\.gguf"):
        await model.generate(ask())
    await model.aclose()
