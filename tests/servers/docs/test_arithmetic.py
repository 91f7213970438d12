"""What is counted and scored in a hurry is what the plain way gives."""

import re
import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from understudy_servers.docs.index.vectors import Matrix, to_blobs
from understudy_servers.docs.words import count_tokens

PIECE = re.compile(r"[A-Za-z]{1,6}|\d{1,3}|[^\s\w]|_|\w")
ascii_text = st.text(st.characters(max_codepoint=127), max_size=400)
code_like = st.text(st.sampled_from("abcXYZ0123456789_.(){}=+-\n\t \x1c\x0b"), max_size=400)


@given(ascii_text | code_like | st.text(max_size=200))
def test_tokens_are_letters_by_sixes_digits_by_threes_and_every_sign(text: str) -> None:
    assert count_tokens(text) == len(PIECE.findall(text)) + text.count("\n") // 2


@settings(deadline=None)  # the first example imports numpy
@given(st.lists(st.lists(st.integers(-9, 9), min_size=3, max_size=3), min_size=1, max_size=30), st.integers(1, 40))
def test_the_nearest_are_those_of_a_plain_scan(rows: list[list[int]], limit: int) -> None:
    blobs = to_blobs(rows)
    query = to_blobs([[1, 2, 3]])[0]
    plain = [sum(a * b for a, b in zip(_numbers(blob), _numbers(query), strict=True)) for blob in blobs]
    found = Matrix(enumerate(blobs)).nearest(query, limit)
    assert len(found) == min(limit, len(rows))
    assert [round(score, 3) for _, score in found] == [
        round(score, 3) for score in sorted(plain, reverse=True)[: len(found)]
    ]
    assert all(abs(score - plain[id]) < 1e-5 for id, score in found)


def _numbers(blob: bytes) -> tuple[float, ...]:
    return struct.unpack("<3e", blob)
