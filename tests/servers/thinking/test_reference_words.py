"""How the reference reads and refuses, as observed of version 2026.8.31; the differential test asks it itself."""

from typing import Any

import pytest

from understudy_servers.thinking.reference import refusal, unknown_tool, validated

CALL = {"thought": "a", "nextThoughtNeeded": True, "thoughtNumber": 1, "totalThoughts": 2}
TOO_SMALL: list[Any] = [None, "", 0, -1, False, [], "-0", [None], [[]]]
NO_NUMBERS: list[Any] = ["abc", [1, 2], {}, "1_0", "٣", "0x", "--1", ["x"], [{}], [True]]
SMALL = "Too small: expected number to be >=1"
LARGE = "Too big: expected int to be <=9007199254740991"
NAN = "Invalid input: expected number, received NaN"
FRACTION = "Invalid input: expected int, received number"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        *[(" 2 ", 2), ("2.0", 2), ("0x10", 16), ("1e1", 10), (True, 1), ([3], 3), (["4"], 4), ([[5]], 5), (2.0, 2)],
        *[("+3", 3), ("\n7\t", 7), ("0b11", 3), ("0o7", 7), (".5e1", 5), ("5.", 5), (2**53 - 1, 2**53 - 1)],
    ],
)
def test_numbers_are_read_as_javascript_reads_them(sent: Any, read: int) -> None:
    arguments, complaints = validated(CALL | {"thoughtNumber": sent})
    assert complaints == []
    assert arguments["thoughtNumber"] == read


@pytest.mark.parametrize(
    ("sent", "complaint"),
    [
        *[(value, SMALL) for value in TOO_SMALL],
        *[(value, NAN) for value in NO_NUMBERS],
        *[(value, LARGE) for value in (2**53, 1e300, "9007199254740993")],
        *[(1.5, FRACTION), ("0.5", FRACTION)],
        *[("Infinity", "Invalid input: expected number, received Infinity")],
        *[("-Infinity", "Invalid input: expected number, received -Infinity")],
    ],
)
def test_other_numbers_are_refused_in_its_words(sent: Any, complaint: str) -> None:
    assert validated(CALL | {"revisesThought": sent})[1] == [f"{complaint} at revisesThought"]


@pytest.mark.parametrize(
    ("sent", "kind"), [(None, "null"), (5, "number"), (1.5, "number"), (True, "boolean"), ([], "array"), ({}, "object")]
)
def test_what_is_no_text_is_named_by_its_type(sent: Any, kind: str) -> None:
    for field in ("thought", "branchId"):
        assert validated(CALL | {field: sent})[1] == [f"Invalid input: expected string, received {kind} at {field}"]


def test_everything_wrong_is_said_a_line_each_in_the_order_of_the_schema() -> None:
    call = {"branchId": 3, "totalThoughts": 0.5, "nextThoughtNeeded": "maybe", "isRevision": 1}
    assert refusal(validated(call)[1]) == (
        "MCP error -32602: Input validation error: Invalid arguments for tool sequentialthinking: "
        "Invalid input: expected string, received undefined at thought\n"
        'Expected boolean or "true"/"false" string, received "maybe" at nextThoughtNeeded\n'
        "Invalid input: expected number, received NaN at thoughtNumber\n"
        "Invalid input: expected int, received number at totalThoughts\n"
        "Invalid input at isRevision\n"
        "Invalid input: expected string, received number at branchId"
    )
    assert unknown_tool("think") == "MCP error -32602: Tool think not found"
