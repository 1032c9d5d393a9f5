"""The proxy passes bytes in order, holds them back, and breaks connections, and nothing else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from proxy import Proxy

QUIET_S = 0.1


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """In front of a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with Proxy(server.sockets[0].getsockname()[1]) as made:
        yield made
    server.close()


async def test_bytes_pass_in_order(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    sent = bytes(range(256)) * 1_000
    writer.write(sent)
    assert await reader.readexactly(len(sent)) == sent
    assert proxy.connections == 1
    writer.close()


async def test_a_cut_holds_everything_back_until_it_is_restored(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.cut()
    _, late_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"waits")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), QUIET_S)
    proxy.restore()
    assert await reader.readexactly(5) == b"waits"
    late_writer.close()
    writer.close()


async def test_a_delay_is_paid_there_and_back(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    proxy.delay_s = QUIET_S
    clock = asyncio.get_running_loop().time
    began_s = clock()
    writer.write(b"slow")
    assert await reader.readexactly(4) == b"slow"
    assert clock() - began_s >= 2 * QUIET_S
    writer.close()


async def test_broken_connections_end_and_new_ones_are_served(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"one")
    await reader.readexactly(3)
    await proxy.break_connections()
    with pytest.raises(ConnectionError):
        await reader.readexactly(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"two")
    assert await reader.readexactly(3) == b"two"
    writer.close()
