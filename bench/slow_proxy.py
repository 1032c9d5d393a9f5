"""A TCP proxy that can hold replies back, to make a server slow without touching it."""

from __future__ import annotations

import asyncio
from contextlib import suppress

_CHUNK_BYTES = 1 << 16


class SlowProxy:
    """Forwards to one address; `delay_s` > 0 delays what the server sends, without limiting how much."""

    def __init__(self, host: str, port: int) -> None:
        self.delay_s = 0.0
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._pipes: set[asyncio.Task[None]] = set()

    async def start(self) -> int:
        """Listens on a free port of the loopback address and returns it."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Ends all connections."""
        assert self._server is not None
        self._server.close()
        for pipe in self._pipes:
            pipe.cancel()
        await asyncio.gather(*self._pipes, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(self._host, self._port)
        except OSError:
            writer.transport.abort()
            return
        for pipe in (self._forward(reader, server_writer), self._delayed(server_reader, writer)):
            task = asyncio.create_task(pipe)
            self._pipes.add(task)
            task.add_done_callback(self._pipes.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                writer.write(data)
        writer.transport.abort()

    async def _delayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await reader.read(_CHUNK_BYTES):
                loop.call_later(self.delay_s, writer.write, data)
        writer.transport.abort()
