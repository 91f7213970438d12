"""The reading half of stdio, fed by hand; the rest is tested with real pipes in test_launch."""

import asyncio

from understudy_servers.stdio import Lines


async def read(*chunks: bytes, limit: int = 100) -> list[str]:
    reader = asyncio.StreamReader(limit=limit)
    for chunk in chunks:
        reader.feed_data(chunk)
    reader.feed_eof()
    return [line async for line in Lines(reader)]


async def test_lines_are_put_together_from_any_pieces() -> None:
    assert await read(b'{"a"', b': "\xc3', b'\xbc"}\r\n{}\n') == ['{"a": "ü"}\r\n', "{}\n"]


async def test_the_last_line_needs_no_end_and_bad_bytes_do_no_harm() -> None:
    assert await read(b"one\ntwo\xff") == ["one\n", "two\ufffd"]
    assert await read() == []


async def test_a_line_beyond_the_limit_is_dropped_whole_and_the_next_one_is_read() -> None:
    assert await read(b"x" * 250 + b"\n{}\n" + b"y" * 101, limit=100) == ["{}\n"]


async def test_half_an_emoji_on_the_way_in_is_mended() -> None:
    assert await read(b'"\\ud83d"\n') == ['"\\ufffd"\n']
