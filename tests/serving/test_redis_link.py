"""The link at its edges: what is asked while a connection ends must fail at once, never wait for ever."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from serving import resp
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

from .endpoint.conftest import eventually


@pytest.fixture
async def link(valkey: Any) -> AsyncIterator[RedisLink]:
    link = RedisLink(RedisAddress.from_url(valkey.url), deadline_s=2)
    await link.start()
    yield link
    await link.close()


async def test_between_the_loss_and_its_notice_a_request_fails_at_once(link: RedisLink) -> None:
    wire = link._wire
    assert wire is not None
    waiting = link.get(b"key")
    wire.abort()
    wire.connection_lost(None)  # the loop tells the wire first, and the task that reconnects a turn later
    with pytest.raises(RedisUnavailable):
        link.get(b"key")
    with pytest.raises(RedisUnavailable):
        await waiting
    link._closed_circuit = False
    link._sweep()  # does not probe a connection that is gone

    async def back() -> bool:
        return link.is_up and await link.send(resp.PING) == b"PONG"

    await eventually(back)
    assert link.connects == 2


async def test_a_batch_of_large_replies_comes_back_whole_and_in_order(link: RedisLink) -> None:
    values = [bytes([number]) * size for number, size in enumerate((0, 1, 8_191, 8_192, 8_193, 100_000, 5, 300_000))]
    for number, value in enumerate(values):
        await link.send(resp.command(b"SET", b"large:%d" % number, value))
    asked = [link.get(b"large:%d" % number) for number in range(len(values))]
    asked += [link.get(b"missing"), *(link.get(b"large:%d" % number) for number in reversed(range(len(values))))]
    assert [await reply for reply in asked] == [*values, None, *reversed(values)]
