"""An id that a producer may write can be asked for at every address: what the parser accepts, no route refuses."""

from __future__ import annotations

import json
import random
import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from serving.endpoint.openapi import _routes  # the table of all addresses, without a server
from serving.endpoint.routes import Route
from serving.redis_writer import ListWriter
from streams.contract.events import InvalidEvent, parse_interaction
from streams.contract.ids import MAX_ID_LENGTH, problem_of

from .test_reads import put_user

NOW_MS = 1_700_000_000_000
ODD_IDS = [
    "日" * MAX_ID_LENGTH, "🎬" * MAX_ID_LENGTH, "a" * MAX_ID_LENGTH, " ", " u ", "a b", "a+b",
    "a/b", "/", "//", "a%2Fb",
    "%", "?", "#", "&user_id=x", "...", "a.", ".a", "{u:x}", "*", "\\", '"', "'", "\u2028", "\ufeff", "e\u0301", "é",
    "-1", "0", "null", ";", "\xa0", "\ufffd",
]  # fmt: skip
UNREADABLE_IDS = ["u17\n", "a\tb", "a\0b", "\x1b[1m", "\x7f", "\x85", ".", "..", "", "x" * (MAX_ID_LENGTH + 1)]


def accepted(user: str) -> bool:
    event = {"event_type": "view", "user_id": user, "item_id": user, "timestamp": NOW_MS}
    try:
        return parse_interaction(json.dumps(event).encode(), NOW_MS).item_id == user
    except InvalidEvent:
        return False


def escaped(text: str) -> str:
    """Every byte of it, the longest form that an address can have."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


async def addresses_of(text: str) -> list[str]:
    """Every address that takes the id of a user or item, with this one in all its places."""
    found = [address(route, escaped(text)) for route in await _routes() if names_someone(route)]
    return found + [address(route, quote(text, safe="")) for route in await _routes() if names_someone(route)]


def names_someone(route: Route) -> bool:
    return route.path_parameter is not None or any(p.name.endswith("_id") for p in route.parameters.declared)


def address(route: Route, raw_id: str) -> str:
    path = route.template
    if route.path_parameter is not None:
        path = path.replace("{" + route.path_parameter.name + "}", raw_id)
    named = [f"{p.name}={raw_id}" for p in route.parameters.declared if p.name.endswith("_id")]
    needed = [f"{p.name}=a" for p in route.parameters.declared if p.required and not p.name.endswith("_id")]
    query = "&".join(named + needed)
    return f"{path}?{query}" if query else path


def is_understood(answer: httpx.Response) -> bool:
    """Whether the id was read; of an item that nobody wrote there is no page, and the route itself says so."""
    if answer.status_code == 404:
        is_page = re.fullmatch(rb"/api/v1/items/[^/]+(/features)?", answer.request.url.raw_path.partition(b"?")[0])
        return bool(is_page) and answer.json()["detail"] == "there is no such item for this reader"
    return answer.status_code == 200


def made_up(chance: random.Random) -> str:
    alphabet = "aZ0 .-_/%\\é日🎬\u200b\x00\x1f\x7f\x9f\xa0"
    return "".join(chance.choices(alphabet, k=chance.choice([1, 2, 3, 12, 127, 128])))


async def test_what_may_be_written_may_be_read(client: httpx.AsyncClient) -> None:
    chance = random.Random(14)
    ids = [*ODD_IDS, *(made_up(chance) for _ in range(300))]
    readable = [text for text in ids if accepted(text)]
    assert set(ODD_IDS) <= set(readable)
    assert len(readable) > 100
    for text in readable:
        for place in await addresses_of(text):
            answer = await client.get(place)
            assert is_understood(answer), (place, answer.text)


@pytest.mark.parametrize("text", UNREADABLE_IDS)
def test_what_could_not_be_read_is_refused_at_the_ingress(text: str) -> None:
    assert problem_of(text)
    assert not accepted(text)


async def test_the_longest_ids_are_read_through_a_real_server(serve: Any, namespace: str, writer: ListWriter) -> None:
    async with httpx.AsyncClient(base_url=serve(namespace)) as client:
        for text in ("日" * MAX_ID_LENGTH, "🎬" * MAX_ID_LENGTH, "a/b", "a%2Fb"):
            await put_user(writer, text, "m1", "m2")
            for place in await addresses_of(text):
                answer = await client.get(place)
                assert is_understood(answer), (place, answer.text)
                assert answer.json().get("user_id", text) == text
