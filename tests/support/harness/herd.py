"""Many readers at once, on connections of their own: what one client of a test cannot be."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Self

_LENGTH = b"content-length: "


class Herd:
    """`size` open connections to a port on loopback."""

    def __init__(self, port: int, size: int) -> None:
        self._port, self._size = port, size

    async def __aenter__(self) -> Self:
        self._open = [await asyncio.open_connection("127.0.0.1", self._port) for _ in range(self._size)]
        return self

    async def __aexit__(self, *failure: object) -> None:
        for _, writer in self._open:
            writer.close()

    async def ask(self, paths: Sequence[str]) -> Counter[int]:
        """One request on each connection, all sent before any is read; answers by status."""
        for (_, writer), path in zip(self._open, paths, strict=True):
            writer.write(f"GET {path} HTTP/1.1\r\nHost: test\r\n\r\n".encode())
        return Counter(await asyncio.gather(*[_status(reader) for reader, _ in self._open]))


async def _status(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    lengths = [int(line[len(_LENGTH) :]) for line in head.split(b"\r\n") if line.startswith(_LENGTH)]
    await reader.readexactly(sum(lengths))
    return int(head.split(b" ", 2)[1])
