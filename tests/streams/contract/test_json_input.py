"""Values of files and pipes however somebody wrote them: lines or an array, packed, encoded, with a mark."""

import bz2
import gzip
import json
import lzma
import os
from itertools import pairwise
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.json_input import check_file, plain_size, read_values
from streams.contract.plain_bytes import PlainBytes, UnreadableInput

VALUES = [{"user_id": "ü日", "n": 1}, {"user_id": "b", "list": [1, {"a": "]"}]}, {"user_id": "c"}]
LINES = "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in VALUES)
ARRAY = json.dumps(VALUES, ensure_ascii=False, indent=2)


async def values_of(path: Path, encoding: str | None = None) -> list[object]:
    file_descriptor = os.open(path, os.O_RDONLY)
    try:
        return [json.loads(line.value) async for line in read_values(file_descriptor, encoding)]
    finally:
        os.close(file_descriptor)


def forms_of(text: str) -> list[tuple[bytes, str | None]]:
    plain = text.encode()
    return [
        (plain, None),
        (plain, "utf-8"),
        (text.encode("utf-8-sig"), None),
        (text.encode("utf-8-sig"), "utf-8"),
        (text.encode("utf-16"), None),
        (text.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + text.encode("utf-16-be"), None),
        (text.encode("utf-16-le"), None),
        (text.encode("utf-16-be"), None),
        (text.encode("utf-32"), None),
        (text.encode("utf-32-be"), None),
        (text.encode("gb18030"), "gb18030"),
        (gzip.compress(plain), None),
        (bz2.compress(plain), None),
        (lzma.compress(plain), None),
        (zstandard.compress(plain), None),
        (gzip.compress(text.encode("utf-16")), None),
        (zstandard.compress(text.encode("gb18030")), "gb18030"),
    ]


@pytest.mark.parametrize(
    "text", [LINES, LINES.replace("\n", "\r\n"), ARRAY, "\n \n" + LINES, " \n" + ARRAY, LINES[:-1]]
)
async def test_however_it_was_written(tmp_path: Path, text: str) -> None:
    for data, encoding in forms_of(text):
        path = tmp_path / "events"
        path.write_bytes(data)
        check_file(path, encoding)
        assert await values_of(path, encoding) == VALUES, (data[:20], encoding)


@given(st.binary(max_size=300), st.lists(st.integers(1, 40), min_size=1))
def test_pieces_do_not_matter(data: bytes, sizes: list[int]) -> None:
    assert outcome_of([data]) == outcome_of([data[n : n + 1] for n in range(len(data))])
    cuts = [0]
    while cuts[-1] < len(data):
        cuts.append(cuts[-1] + sizes[len(cuts) % len(sizes)])
    assert outcome_of([data]) == outcome_of([data[a:b] for a, b in pairwise(cuts)])


def outcome_of(pieces: list[bytes]) -> bytes | None:
    plain = PlainBytes()
    try:
        return b"".join([*map(plain.feed, pieces), plain.end()])
    except UnreadableInput:
        return None


async def test_lines_of_a_pipe_come_before_it_ends() -> None:
    read_end, write_end = os.pipe()
    values = read_values(read_end)
    os.write(write_end, b'\xef\xbb\xbf{"a": 1}\n{"a"')
    assert (await anext(values)).value == b'{"a": 1}'
    os.write(write_end, b": 2}\n")
    assert (await anext(values)).value == b'{"a": 2}'
    os.close(write_end)
    assert [line async for line in values] == []
    os.close(read_end)


@pytest.mark.parametrize(
    ("data", "encoding", "problem"),
    [
        (
            LINES.encode("gb18030"),
            None,
            "it is not UTF-8 at byte 13: say what it is with --encoding, for example latin-1",
        ),
        (b"x" * (3 << 20) + b"\n{\xff", None, "it is not UTF-8 at byte 3145730:"),
        ('{"a": "日'.encode()[:-1], None, "it is not UTF-8 at byte 7:"),
        (LINES.encode("utf-16")[:-1], None, "truncated"),
        (LINES.encode(), "ascii", "ordinal not in range"),
        (gzip.compress(LINES.encode(), mtime=0)[:-9], None, "the gzip data is cut off"),
        (b"user,item\n1,2\n", None, "no line looks like JSON"),
        (b"PAR1" + b"\0" * 40, None, "no line looks like JSON"),
    ],
)
def test_what_cannot_be_read_is_said_before_anything_is_given(
    tmp_path: Path, data: bytes, encoding: str | None, problem: str
) -> None:
    path = tmp_path / "events"
    path.write_bytes(data)
    with pytest.raises(UnreadableInput, match=problem):
        check_file(path, encoding)


async def test_an_array_that_is_cut_off_is_said_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text('[{"a": 1}, {"a": 2}')
    with pytest.raises(UnreadableInput, match="begins like a JSON array and is none: it is cut off"):
        await values_of(path)


def test_with_an_encoding_said_a_bad_line_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_bytes(b'{"a": 1}\n{"a": "\xff"}\n')
    check_file(path, "utf-8")
    assert list(PlainBytes("utf-8").feed(path.read_bytes())) == list(path.read_bytes())


def test_a_size_is_known_of_plain_files_only(tmp_path: Path) -> None:
    for data, size in ((b"{}\n{}\n", 6), (gzip.compress(b"{}"), None), ("{}".encode("utf-16"), None)):
        path = tmp_path / "events"
        path.write_bytes(data)
        file_descriptor = os.open(path, os.O_RDONLY)
        assert plain_size(file_descriptor) == size
        os.close(file_descriptor)
