"""Recordings: what was paid for once is replayed, in order, and nothing else is."""

from pathlib import Path

import pytest
from tests.scaffolds.models.wire_server import chat, reply, staged

from understudy.errors import ModelRejected, SpecError
from understudy.model import Completion, Request, Sampling, Usage
from understudy.models import model_from, open_models, price_of
from understudy.models.replay import Recording
from understudy.problem import Message, ToolCall


def asking(text: str, seed: int | None = None) -> Request:
    return Request(messages=(Message(role="user", content=text),), sampling=Sampling(seed=seed))


class Counting:
    """A model that never says the same twice."""

    def __init__(self) -> None:
        self.name, self.count = "openai:gpt-5", 0

    async def generate(self, request: Request) -> Completion:
        self.count += 1
        return Completion(
            text=f"{request.messages[-1].content} {self.count}",
            tool_calls=(ToolCall(name="f", arguments="{bad"),),
            usage=Usage(input_tokens=self.count),
            facts={"n": self.count},
        )


async def test_a_recording_gives_the_same_completions_in_the_same_order(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    recording = Recording(Counting(), path)
    asked = [asking("a"), asking("a"), asking("b"), asking("a", seed=1)]
    first = [await recording.generate(request) for request in asked]
    replay = model_from(f"replay:{path}")
    assert [await replay.generate(request) for request in asked] == first


async def test_a_request_that_was_not_recorded_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    recording = Recording(Counting(), path)
    await recording.generate(asking("a"))
    replay = model_from(f"replay:{path}")
    await replay.generate(asking("a"))
    with pytest.raises(ModelRejected, match="holds this request only 1 times"):
        await replay.generate(asking("a"))
    with pytest.raises(ModelRejected, match="holds this request never"):
        await replay.generate(asking("a", seed=9))


async def test_a_recording_that_is_continued_counts_on(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await Recording(Counting(), path).generate(asking("a"))
    later = Counting()
    later.count = 5
    await Recording(later, path).generate(asking("a"))
    replay = model_from(f"replay:{path}")
    assert [(await replay.generate(asking("a"))).text for _ in range(2)] == ["a 1", "a 6"]


async def test_two_models_in_one_file_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    first, second = Counting(), Counting()
    second.name, second.count = "anthropic:claude-opus-5-5", 10
    for model in (first, second):
        await Recording(model, path).generate(asking("a"))
    with pytest.raises(SpecError, match=r"holds anthropic:claude-opus-5-5, openai:gpt-5\. Write replay:"):
        model_from(f"replay:{path}")
    replay = model_from(f"replay:{path}#anthropic:claude-opus-5-5")
    assert (await replay.generate(asking("a"))).text == "a 11"
    assert price_of(replay.name) == price_of("anthropic:claude-opus-5-5")
    with pytest.raises(SpecError, match="Write replay:"):
        model_from(f"replay:{path}#nobody")


async def test_a_replay_costs_what_the_recorded_model_costs(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    await Recording(Counting(), path).generate(asking("a"))
    assert price_of(f"replay:{path}") == price_of("openai:gpt-5")
    assert price_of(f"replay:{tmp_path / 'none.jsonl'}") is None


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"request_hash": "x"}', '{"request_hash": "x", "ordinal": 0, "completion": {"usage": {"y": 1}}}'],
)
def test_a_broken_line_is_named_by_its_number(line: str, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text("\n" + line + "\n")
    with pytest.raises(SpecError, match="Line 2 of"):
        model_from(f"replay:{path}")


async def test_models_opened_for_recording_write_down_what_they_answer(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    async with staged(reply(chat("hi"))) as stage, open_models({"local": f"{stage.base_url}#m"}, record=path) as models:
        answered = await models["local"].generate(asking("a"))
    assert await model_from(f"replay:{path}").generate(asking("a")) == answered
