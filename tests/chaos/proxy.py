"""A TCP proxy of ours between workers and a server: it can stand still, break connections, and be slow."""

import asyncio
import socket
import struct
from contextlib import suppress
from typing import Self

CHUNK_BYTES = 1 << 16
#: Linger for 0 s: closing tells the other end that the connection was reset.
RESET = struct.pack("ii", 1, 0)


class Proxy:
    """Forwards one loopback port, in order and without losing a byte of a connection that lives on.

    `delay_s` >= 0 is added in each direction without limiting how much passes. `connections` counts those made, so
    that a fault can tell that it hurts somebody; `held` is what arrived since the last cut and did not pass.
    """

    def __init__(self, target_port: int) -> None:
        self.delay_s = 0.0
        self.connections = 0
        self.held = bytearray()
        self._trap: tuple[bytes, ...] = ()
        self._target_port = target_port
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._pipes: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._server.close()
        self.restore()
        await self.break_connections()

    def cut(self) -> None:
        """Nothing passes any more, as if a cable were pulled: no end of a connection is told anything."""
        self.held.clear()
        self._flowing.clear()

    def cut_at(self, *words: bytes) -> None:
        """The same as soon as something arrives that holds all the words: it is the first that does not pass."""
        self._trap = words

    def restore(self) -> None:
        """Everything flows again, what waited first."""
        self._flowing.set()

    async def break_connections(self) -> None:
        """Resets every connection; new ones are served."""
        pipes = list(self._pipes)
        for pipe in pipes:
            pipe.cancel()
        await asyncio.gather(*pipes, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe = asyncio.current_task()
        assert pipe is not None
        self._pipes.add(pipe)
        self.connections += 1
        try:
            await self._flowing.wait()
            with suppress(OSError):
                await self._connect(reader, writer)
        except asyncio.CancelledError:  # broken on purpose; not raised again, asyncio's server would log it
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        finally:
            writer.transport.abort()
            self._pipes.discard(pipe)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        ways = [self._forward(reader, server_writer), self._forward(server_reader, writer)]
        tasks = [asyncio.create_task(way) for way in ways]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            server_writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=1_000)
        sending = asyncio.create_task(self._send(under_way, writer))
        clock = asyncio.get_running_loop().time
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self._trap and all(word in data for word in self._trap):
                    self._trap = ()
                    self.cut()
                if not self._flowing.is_set():
                    self.held += data
                await under_way.put((clock() + self.delay_s, data))
            await under_way.put((0.0, b""))
            await sending
        finally:
            sending.cancel()

    async def _send(self, under_way: "asyncio.Queue[tuple[float, bytes]]", writer: asyncio.StreamWriter) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due_s, data = await under_way.get()
            if (early_s := due_s - clock()) > 0:
                await asyncio.sleep(early_s)
            await self._flowing.wait()
            if not data:
                return
            writer.write(data)
            await writer.drain()
