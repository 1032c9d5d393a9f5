"""Lines arrive whole, numbered and bounded, from files and from pipes that stay open."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract import json_lines
from streams.contract.json_lines import Line, read_lines


async def lines_of(file: Path) -> list[Line]:
    file_descriptor = os.open(file, os.O_RDONLY)
    try:
        return [line async for line in read_lines(file_descriptor)]
    finally:
        os.close(file_descriptor)


async def test_blank_lines_are_numbered_but_not_given(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"one\r\n\n  \ntwo\nthree")
    assert await lines_of(file) == [Line(1, b"one", 5), Line(4, b"two", 13), Line(5, b"three", 18)]


async def test_a_line_that_is_too_long_comes_cut_and_the_next_one_whole(tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"x" * 3_000_000 + b"\nnext\n")
    long, following = await lines_of(file)
    assert len(long.value) == 65_537
    assert following == Line(2, b"next", file.stat().st_size)


@given(data=st.binary(max_size=200), chunk_bytes=st.integers(1, 50))
def test_chunks_do_not_matter(data: bytes, chunk_bytes: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("lines") / "lines"
    file.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "_CHUNK_BYTES", chunk_bytes)
        found = asyncio.run(lines_of(file))
    split = enumerate(data.split(b"\n"), start=1)
    assert [(line.number, line.value) for line in found] == [(n, v.rstrip(b"\r")) for n, v in split if v.strip()]


async def test_lines_of_a_pipe_come_before_it_ends() -> None:
    read_end, write_end = os.pipe()
    lines = read_lines(read_end)
    os.write(write_end, b"first\nsec")
    assert (await anext(lines)).value == b"first"
    os.write(write_end, b"ond\n")
    assert (await anext(lines)).value == b"second"
    os.close(write_end)
    assert [line async for line in lines] == []
    os.close(read_end)


async def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        await lines_of(tmp_path)
