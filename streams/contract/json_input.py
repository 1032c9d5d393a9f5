"""JSON values of a file or a pipe as people have them: one a line or one array, packed, in any encoding."""

import codecs
import os
import stat
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from streams.contract.json_array import ArrayElements
from streams.contract.json_lines import Line, chunks_of, lines_in
from streams.contract.plain_bytes import PlainBytes, PlainFile, UnreadableInput, is_plain

_BLANK: Final = b" \t\r\n"
_CHUNK_BYTES: Final = 1 << 20
#: So many lines without one that begins like JSON are a file of another kind.
_LOOKED_AT: Final = 10


async def read_values(file_descriptor: int, encoding: str | None = None) -> AsyncIterator[Line]:
    """The values, numbered from 1, as they arrive. Lines and elements of an array over 64 KiB come cut, still longer
    than what is allowed.

    Raises `OSError` and `UnreadableInput`.
    """
    plain = PlainBytes(encoding)

    async def pieces() -> AsyncIterator[bytes]:
        async for chunk in chunks_of(file_descriptor):
            yield plain.feed(chunk)
        yield plain.end()

    source = pieces()
    head = b""
    async for piece in source:
        head += piece
        if head.lstrip(_BLANK):
            break

    async def again() -> AsyncIterator[bytes]:
        yield head
        async for piece in source:
            yield piece

    if not head.lstrip(_BLANK).startswith(b"["):
        async for line in lines_in(again()):
            yield line
        return
    elements, read = ArrayElements(), 0
    async for piece in again():
        for element in elements.feed(piece):
            yield Line(elements.count, element, read)
        read += len(piece)
    elements.end()


def check_file(path: Path, encoding: str | None = None) -> None:
    """Reads a whole file, so that nothing of it is sent when it cannot be read. Raises `OSError`, and
    `UnreadableInput` when it is no UTF-8 although nobody said what it is, or nothing in it looks like JSON."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    head, read = b"", 0
    array: ArrayElements | None = None
    with PlainFile(path, encoding) as file:
        while piece := file.read(_CHUNK_BYTES):
            head += piece[: max(0, _CHUNK_BYTES - len(head))]
            if array is None and head.lstrip(_BLANK).startswith(b"["):
                array = ArrayElements()
            if array is not None:
                deque(array.feed(piece), maxlen=0)
            if encoding is None:
                _check_utf8(decoder, piece, read, final=False)
            read += len(piece)
    if encoding is None:
        _check_utf8(decoder, b"", read, final=True)
    if array is not None:
        array.end()
    if not _looks_like_json(head):
        raise UnreadableInput("no line looks like JSON: it takes one JSON object a line, or an array of them")


def _check_utf8(decoder: codecs.IncrementalDecoder, piece: bytes, read: int, *, final: bool) -> None:
    pending = len(decoder.getstate()[0])
    try:
        decoder.decode(piece, final)
    except UnicodeDecodeError as problem:
        at = read - pending + problem.start
        raise UnreadableInput(
            f"it is not UTF-8 at byte {at}: say what it is with --encoding, for example latin-1"
        ) from None


def _looks_like_json(head: bytes) -> bool:
    lines = [line.lstrip() for line in head.split(b"\n") if line.strip()][:_LOOKED_AT]
    return not lines or any(line.startswith((b"{", b"[")) for line in lines)


def plain_size(file_descriptor: int) -> int | None:
    """How many bytes of values there are; None for pipes, terminals, and files that are packed or encoded."""
    status = os.fstat(file_descriptor)
    if not stat.S_ISREG(status.st_mode):
        return None
    return status.st_size if is_plain(os.pread(file_descriptor, 16, 0)) else None
