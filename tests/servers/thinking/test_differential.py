"""The npm reference server and ours, side by side, over random calls."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from tests.servers.thinking.wire import OURS, reference_command, served

pytestmark = [pytest.mark.clients, pytest.mark.slow]
FIVE = ("thoughtNumber", "totalThoughts", "nextThoughtNeeded", "branches", "thoughtHistoryLength")
SEQUENCES, BATCHES = 10_000, 10


def valid_number(rng: random.Random, low: int = 1) -> Any:
    """A number in any of the forms the reference accepts."""
    number = rng.randint(low, 12)
    forms = [number, str(number), f" {number} ", f"{number}.0", float(number), [number], [str(number)], hex(number)]
    return rng.choice(
        [*forms, number, number, True, f"{number}e0", f"+{number}", f"0b{number:b}", "1e1", f"\n{number}\t"]
    )


def valid_boolean(rng: random.Random) -> Any:
    return rng.choice([True, False, True, False, "true", "false", "True", "FALSE", "tRuE"])


def valid_thought(rng: random.Random) -> str:
    words = [
        "Given",
        "3 eggs",
        "so",
        "check",
        "\n",
        '"quoted"',
        "é",
        "思考",
        "🙂",
        "\\",
        "x=4",
        "{",
        "}",
        "[1]",
        "<b>",
        "\t",
    ]
    return " ".join(rng.choices(words, k=rng.randint(0, 12)))


def valid_call(rng: random.Random) -> dict[str, Any]:
    call = {
        "thought": valid_thought(rng),
        "nextThoughtNeeded": valid_boolean(rng),
        "thoughtNumber": valid_number(rng),
        "totalThoughts": valid_number(rng),
    }
    names = [
        "a",
        "b",
        "A",
        "2",
        "10",
        "1",
        "01",
        "-1",
        "4294967295",
        "4294967294",
        "über",
        "two words",
        "",
        " ",
        "x" * 60,
    ]
    optional = {
        "isRevision": valid_boolean(rng),
        "revisesThought": valid_number(rng),
        "branchFromThought": valid_number(rng),
        "branchId": rng.choice(names),
        "needsMoreThoughts": valid_boolean(rng),
        "extra": rng.choice([1, None, "x", [1], {}]),
    }
    call |= {key: value for key, value in optional.items() if rng.random() < 0.35}
    keys = list(call)
    rng.shuffle(keys)
    return {key: call[key] for key in keys}


def batches(rng: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Every sequence is one to five calls; those of a batch follow each other in one process."""
    for _ in range(BATCHES):
        yield [valid_call(rng) for _ in range(SEQUENCES // BATCHES) for _ in range(rng.randint(1, 5))]


@pytest.mark.parametrize("options", [[], ["--compat", "reference"]], ids=["ours", "compat"])
def test_ten_thousand_random_valid_sequences_give_the_same_five_fields(options: list[str]) -> None:
    rng = random.Random(20260831)
    for calls in batches(rng):
        with served(reference_command()) as reference, served([*OURS, "--no-rollover", *options]) as ours:
            expected, got = reference.calls(calls), ours.calls(calls)
        for call, theirs, mine in zip(calls, expected, got, strict=True):
            fields = mine["structuredContent"]
            assert {key: fields[key] for key in FIVE} == theirs["structuredContent"], call
            text = json.loads(mine["content"][0]["text"])
            assert list(text)[:5] == list(FIVE)
            assert {key: text[key] for key in FIVE} == theirs["structuredContent"], call
            if options:
                assert mine["content"] == theirs["content"]


def junk(rng: random.Random) -> Any:
    numbers = [0, -1, 1.5, 1e300, 2**53, 2**53 - 1, 9007199254740993, -0.0, 5e-324, 3, 2.0]
    texts = [
        "",
        "yes",
        "1",
        "abc",
        "0x",
        "0x1G",
        "1_0",
        "Infinity",
        "-Infinity",
        "NaN",
        "1e999",
        ".",
        "5.",
        ".5e1",
        "--1",
    ]
    texts += ["٣", "0b12", "1 2", "٠", "\u00a07\u00a0", "true ", "null", "-5", "1,2"]
    nested = [[], {}, [1, 2], ["4"], [[3]], [[[]]], [None], [True], {"a": 1}, ["x"]]
    return rng.choice([None, True, False, *numbers, *texts, *nested])


def test_compat_words_every_refusal_as_the_reference_does() -> None:
    rng = random.Random(7)
    calls = []
    for _ in range(4_000):
        call = valid_call(rng)
        for key in rng.sample(list(call), rng.randint(0, 3)):
            if rng.random() < 0.2:
                del call[key]
            else:
                call[key] = junk(rng)
        if call.get("branchId") not in ("__proto__", "constructor", "toString"):
            calls.append(call)
    with served(reference_command()) as reference, served([*OURS, "--compat", "reference"]) as ours:
        for call, theirs, mine in zip(calls, reference.calls(calls), ours.calls(calls), strict=True):
            assert mine.get("isError", False) == theirs.get("isError", False), (call, theirs)
            assert mine["content"] == theirs["content"], call
            assert mine.get("structuredContent") == theirs.get("structuredContent"), call


def test_compat_advertises_the_tool_as_the_reference_does() -> None:
    with served(reference_command()) as reference, served([*OURS, "--compat", "reference"]) as ours:
        (theirs,), (mine,) = (side.ask("tools/list", {})["result"]["tools"] for side in (reference, ours))
        assert mine == {key: value for key, value in theirs.items() if key != "execution"}
        unknown = [side.call({}, name="sequential_thinking") for side in (reference, ours)]
        assert unknown[0]["content"] == unknown[1]["content"]
        assert all(answer["isError"] for answer in unknown)
