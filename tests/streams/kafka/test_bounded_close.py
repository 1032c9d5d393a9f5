"""Connections to a broker that never closes what its client closes."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from harness.tls_front import new_authority

from streams.kafka.bounded_close import CLOSE_S, install


class Connection(AIOKafkaConnection):
    """Asks for nothing once it is connected."""

    async def _do_version_lookup(self) -> None:
        """The broker would not answer."""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[tuple[int, ssl.SSLContext]]:
    """Takes one connection in and reads nothing, not even that the other end closes. Its port, and who trusts it."""
    authority, context = new_authority(tmp_path)
    over = threading.Event()

    def accept_one(listening: socket.socket) -> None:
        with context.wrap_socket(listening.accept()[0], server_side=True):
            over.wait()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=accept_one, args=(listening,))
        thread.start()
        yield listening.getsockname()[1], ssl.create_default_context(cafile=str(authority))
        over.set()
        thread.join()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_closed_connection_is_over_though_the_broker_keeps_it_open(
    broker: tuple[int, ssl.SSLContext], new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    port, trusting = broker
    install()

    async def connect_and_close() -> None:
        connection = Connection("127.0.0.1", port, ssl_context=trusting, security_protocol="SSL")
        await connection.connect()
        async with asyncio.timeout(10 * CLOSE_S):  # an event loop's own patience is 30 s
            await connection.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(connect_and_close())
