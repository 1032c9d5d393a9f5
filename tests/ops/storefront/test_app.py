"""The storefront's own server, without a browser, and the pages that it reads."""

from __future__ import annotations

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest

from ops.storefront.app import Storefront
from ops.storefront.figures import Figures, totals
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics import Topics

PORT = 8300
PERSON = {"country": "DE", "kids": False, "favorite_genres": ["Crime"]}


@pytest.fixture
def published() -> list[OutgoingRecord]:
    return []


@pytest.fixture
async def client(published: list[OutgoingRecord]) -> AsyncIterator[httpx.AsyncClient]:
    async def publish(record: OutgoingRecord) -> None:
        published.append(record)

    async def act() -> str:
        return "done"

    app = Storefront(
        {"endpoint": "http://127.0.0.1:1", "collect": "http://127.0.0.1:2"},
        cast(Producer, SimpleNamespace(publish=publish)),
        Topics("n", "v1"),
        cast(Figures, SimpleNamespace(notices=[])),
        {"act": act},
        PORT,
    )
    transport = httpx.ASGITransport(cast(Any, app))
    async with httpx.AsyncClient(transport=transport, base_url=f"http://127.0.0.1:{PORT}") as client:
        yield client


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (f"127.0.0.1:{PORT}", 200),
        (f"LocalHost:{PORT}", 200),
        ("127.0.0.1", 403),
        (f"rebound.example:{PORT}", 403),
        ("", 403),
    ],
)
async def test_it_answers_under_its_own_names_only(client: httpx.AsyncClient, host: str, status: int) -> None:
    for path in ("/", "/config.json"):
        assert (await client.get(path, headers={"host": host})).status_code == status
    answer = await client.post("/operators/act", json={}, headers={"host": host})
    assert answer.status_code == status
    if status == 403:
        assert (await client.get("/operators/figures", headers={"host": host})).status_code == 403


async def test_a_person_is_checked_as_workers_check_profiles(
    client: httpx.AsyncClient, published: list[OutgoingRecord]
) -> None:
    refused = await client.post("/people", json=PERSON | {"country": "Germany"})
    assert refused.status_code == 422
    assert "country" in refused.json()["detail"]
    assert not published
    made = await client.post("/people", json=PERSON)
    assert made.status_code == 201
    assert [record.key.decode() for record in published if record.key] == [made.json()["user_id"]]


CUT = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\nfreshet_next_items_total 1.0\n",
    b"HTTP/1.1 200 OK\r\n\r\n# TYPE freshet_next_items_total counter\nfreshet_next_items_total{",
    b"HTTP/1.1 200 OK\r\n\r\nfreshet_next_items_total one\n",
    b"HTTP/1.1 200 OK\r\n\r\n\xff",
    b"not HTTP\r\n\r\n",
    b"",
]


@pytest.fixture
def cut_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Of a process that dies while it answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(10_000)
                connection.sendall(request.param)

        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("cut_port", CUT, indirect=True, ids=["short", "half", "number", "bytes", "no HTTP", "nothing"])
def test_a_page_that_is_cut_off_shows_no_figures(cut_port: int) -> None:
    assert totals(cut_port) == {}
