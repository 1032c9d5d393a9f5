"""JSON Lines from a file or a live pipe, without holding up the event loop."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from streams.contract.wire import MAX_RECORD_BYTES

_CHUNK_BYTES: Final = 256 * 1024
_CHUNKS_AHEAD: Final = 4
#: The rest of a longer line is dropped while reading: it is refused as too large anyway.
_KEPT_LINE_BYTES: Final = MAX_RECORD_BYTES + 1


class Line(NamedTuple):
    """A line that is not blank, its number from 1, and how many bytes of the input end with it."""

    number: int
    value: bytes
    end_byte: int


async def read_lines(file_descriptor: int) -> AsyncIterator[Line]:
    """The lines as they arrive. Lines over 64 KiB come cut, still longer than what is allowed. Raises `OSError`."""
    async for line in lines_in(chunks_of(file_descriptor)):
        yield line


async def lines_in(chunks: AsyncIterator[bytes]) -> AsyncIterator[Line]:
    """The lines of what arrives in pieces."""
    number = end_byte = 0
    line = b""
    async for chunk in chunks:
        *finished, rest = chunk.split(b"\n")
        for part in finished:
            line = (line + part)[:_KEPT_LINE_BYTES]
            number += 1
            end_byte += len(part) + 1
            if line.strip():
                yield Line(number, line.rstrip(b"\r"), end_byte)
            line = b""
        line = (line + rest)[:_KEPT_LINE_BYTES]
        end_byte += len(rest)
    if line.strip():
        yield Line(number + 1, line.rstrip(b"\r"), end_byte)


async def chunks_of(file_descriptor: int) -> AsyncIterator[bytes]:
    """What a thread reads ahead. A daemon, since nothing can interrupt a read from a quiet pipe: the program must be
    able to end without it."""
    arrived: asyncio.Queue[bytes | OSError] = asyncio.Queue()
    room = threading.Semaphore(_CHUNKS_AHEAD)
    loop = asyncio.get_running_loop()

    def pump() -> None:
        chunk: bytes | OSError = b"first"
        while chunk and isinstance(chunk, bytes):
            room.acquire()
            try:
                # Not through Python's buffers: a read that waits there would hold a lock the interpreter needs to exit.
                chunk = os.read(file_descriptor, _CHUNK_BYTES)
            except OSError as failure:
                chunk = failure
            if loop.is_closed():
                return
            loop.call_soon_threadsafe(arrived.put_nowait, chunk)

    threading.Thread(target=pump, name="read-lines", daemon=True).start()
    while chunk := await arrived.get():
        if isinstance(chunk, OSError):
            raise chunk
        room.release()
        yield chunk
