"""Whole lists joined with their cards, for people, tools and tests; the endpoint has a faster way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from redis import Redis

from serving.former_format import read_former
from serving.fragments import SCORE_STEPS, rfc3339
from serving.item_card import ItemCard, field_of
from serving.keys import Keys
from serving.list_format import (
    Prefix,
    header_bytes,
    is_begun,
    is_former,
    read_begun,
    read_keys,
    read_prefix,
    read_scored,
    said_by,
    strings_in,
)

_CHUNK = 1000


def read_list(redis: Redis, keys: Keys, value: bytes) -> dict[str, Any]:
    """`decode` with the cards that Redis holds. Raises UnreadableList."""
    return decode(value, read_cards(redis, keys, keys_in(value)))


def read_cards(redis: Redis, keys: Keys, wanted: Iterable[int]) -> dict[int, ItemCard]:
    """Those of the cards that a version has."""
    cards: dict[int, ItemCard] = {}
    left = list(dict.fromkeys(wanted))
    for start in range(0, len(left), _CHUNK):
        chunk = left[start : start + _CHUNK]
        found: list[bytes | None] = redis.hmget(keys.cards, list(map(field_of, chunk)))  # type: ignore[assignment]  # undecoded
        cards.update((key, ItemCard.decode(value)) for key, value in zip(chunk, found, strict=True) if value)
    return cards


def keys_in(value: bytes) -> set[int]:
    """The keys of the items that a list shows or cites. Raises UnreadableList."""
    prefix = read_prefix(value)
    if is_former(value):
        return {item.key for item in read_former(value, prefix)}
    keys = set(read_keys(value, prefix))
    if not is_begun(value, prefix):
        listed = read_scored(value, prefix, prefix.items)
        strings = strings_in(listed.strings)
        keys |= {said_by(saying, strings).cited for saying in listed.sayings} - {0}
    return keys


def decode(value: bytes, cards: Mapping[int, ItemCard]) -> dict[str, Any]:
    """The whole list as a dictionary with `recommendations`; an item without a card has its
    `item_key` in the place of an id and a title. Raises UnreadableList."""
    prefix = read_prefix(value)
    body: dict[str, Any] = orjson.loads(header_bytes(value, prefix))
    body["recommendations"] = list(_items(value, prefix, cards))
    return body


def _items(value: bytes, prefix: Prefix, cards: Mapping[int, ItemCard]) -> Iterator[dict[str, Any]]:
    if is_former(value):
        yield from (orjson.loads(item.fragment) for item in read_former(value, prefix))
    elif is_begun(value, prefix):
        for entry in read_begun(value, prefix):
            yield _named(entry.key, cards) | {
                "progress_pct": entry.progress_pct,
                "position_s": entry.position_s,
                "updated_at": rfc3339(entry.updated_at_ms),
            }
    else:
        listed = read_scored(value, prefix, prefix.items)
        strings = strings_in(listed.strings)
        for key, step, place in zip(listed.keys, listed.steps, listed.places, strict=True):
            said = said_by(listed.sayings[place], strings)
            cited = cards.get(said.cited)
            yield _named(key, cards) | {
                "score": step / SCORE_STEPS,
                "reason": said.text + (cited.title if cited is not None else ""),
                "reason_code": said.code,
                "algorithm": said.algorithm,
            }


def _named(key: int, cards: Mapping[int, ItemCard]) -> dict[str, Any]:
    card = cards.get(key)
    return {"item_key": f"{key:016x}"} if card is None else dict(orjson.loads(card.shown))
