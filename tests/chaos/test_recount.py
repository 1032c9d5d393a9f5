"""The drill can fail: whatever a broken worker would leave behind is found by the recount."""

import json
import struct
from typing import Any

import msgspec
import pytest
from recount import (
    Entry,
    Findings,
    RecordPosition,
    Recount,
    Rules,
    check_dead_letters,
    check_features,
    check_guests,
    check_items,
    check_list,
    check_log,
    check_people,
    key_of,
    links_in_force,
    with_guests,
)

NOW_MS = 1_800_000_000_000


def entry(offset: int, partition: int = 0, key: str = "ann", value: bytes | None = None, **fields: Any) -> Entry:
    event = {"event_id": f"e{offset}", "event_type": "rating", "rating": 4, "user_id": "ann", "item_id": "i1"}
    event |= {"timestamp": NOW_MS + offset, **fields}
    return Entry(partition, offset, key.encode(), value or json.dumps(event).encode(), NOW_MS + offset, {})


LOG = [
    entry(0),
    entry(1),
    entry(2, event_id="e1"),  # once more
    entry(3, value=b'{"user_id"'),
    entry(4, timestamp=NOW_MS - 100 * 86_400_000),
    entry(5, event_type="impression", item_id="i2"),
]
DEAD = {3: "not_json", 4: "too_old"}


def row(last_offset: int, folded: int, duplicates: int) -> bytes:
    return msgspec.msgpack.encode([2, last_offset, 0, 0, folded, duplicates, ""])


def dead_letter(offset: int, reason: str) -> Entry:
    return Entry(0, 0, f"t:0:{offset}".encode(), b"", 0, {"freshet.reason": reason.encode()})


def user_list(offset: int, *items: str, reason: str = "popular") -> bytes:
    header, count = b"{}", len(items)
    fixed = struct.pack(">BBIqqqqIqHI", 0xF5, 4, 0, offset, 1, 1, NOW_MS, 0, NOW_MS, count, len(header))
    columns = struct.pack(f"<BH{count}Q{count}H", 1, 2, *map(key_of, items), *range(count)) + b"\1" * count
    sayings = struct.pack("<QBBBQBBB", 0, 0, 0, 0, 0, 0, 1, 0)  # that of place 1 has the second string for its code
    strings = b"".join(struct.pack("<H", len(text)) + text for text in (b"because", reason.encode()))
    return fixed + header + columns + sayings + b"\2" + strings


def found(check: Any, *arguments: Any) -> dict[str, int]:
    findings = Findings()
    check(findings, *arguments)
    return {kind: count for kind, count in findings.counts.items() if count}


@pytest.fixture
def recount() -> Recount:
    return Recount(LOG)


@pytest.mark.parametrize(
    ("rows", "wrong"),
    [
        ({"ann": row(5, 3, 1)}, {}),
        ({"ann": row(5, 4, 0)}, {"doubled": 1, "lost": 1}),  # a broken dedupe
        ({"ann": row(5, 2, 1)}, {"lost": 1}),
        ({"ann": row(2, 3, 1)}, {"stale": 1}),
        ({}, {"lost": 4}),
        ({"ann": row(5, 3, 1), "eve": row(0, 1, 0)}, {"doubled": 1, "stale": 1}),
    ],
)
def test_rows(recount: Recount, rows: dict[str, bytes], wrong: dict[str, int]) -> None:
    assert found(check_people, recount, rows) == wrong


@pytest.mark.parametrize(
    ("dead_letters", "wrong"),
    [
        ([dead_letter(3, "not_json"), dead_letter(4, "too_old")], {}),
        ([dead_letter(3, "not_json")], {"lost": 1}),
        ([dead_letter(3, "not_json"), dead_letter(4, "too_old"), dead_letter(4, "too_old")], {"doubled": 1}),
        ([dead_letter(3, "wrong_type"), dead_letter(4, "too_old")], {"lost": 1, "doubled": 1}),
    ],
)
def test_dead_letters(recount: Recount, dead_letters: list[Entry], wrong: dict[str, int]) -> None:
    assert found(check_dead_letters, recount, dead_letters) == wrong


@pytest.mark.parametrize(
    ("ratings", "total", "wrong"),
    [(2, 800, {}), (3, 1_200, {"doubled": 1, "wrong": 1}), (1, 400, {"lost": 1, "wrong": 1})],
)
def test_items(recount: Recount, ratings: int, total: int, wrong: dict[str, int]) -> None:
    counts = msgspec.msgpack.encode([1, 0, 0, 0, [], 0, 0, 0, ratings, total, 0])
    assert found(check_items, recount, {"i1": counts}) == wrong


@pytest.mark.parametrize(
    ("acknowledged", "wrong"),
    [
        ({RecordPosition(0, 0): "e0", RecordPosition(0, 3): None}, {}),
        ({RecordPosition(0, 0): "e1"}, {"lost": 1}),
        ({RecordPosition(1, 0): "e0"}, {"lost": 1}),
    ],
)
def test_the_log_itself(
    recount: Recount, acknowledged: dict[RecordPosition, str | None], wrong: dict[str, int]
) -> None:
    assert found(check_log, recount, acknowledged) == wrong


RULES = Rules(
    {"i1": {}, "i2": {}, "i3": {"maturity": "16"}, "i4": {"available_until": NOW_MS}}, {"ann": {"kids": True}}, NOW_MS
)


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        (user_list(5, "i2"), {}),
        (None, {"stale": 1}),
        (user_list(1, "i2"), {"stale": 1}),
        (user_list(5, "i2", "i2"), {"wrong": 1}),
        (user_list(5, "i1"), {"wrong": 1}),  # met
        (user_list(5, "i1", reason="seen_again"), {}),
        (user_list(5, "i3", reason="seen_again"), {"wrong": 1}),  # not for children
        (user_list(5, "i4"), {"wrong": 1}),  # withdrawn
        (user_list(5, "i5"), {"wrong": 1}),  # never was in the catalogue
    ],
)
def test_lists(recount: Recount, value: bytes | None, wrong: dict[str, int]) -> None:
    assert found(check_list, "list", recount.people["ann"], RULES, "ann", value) == wrong


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({}, {}),
        ({"ratings": 3}, {"wrong": 1}),
        ({"average_rating": 3.9}, {"wrong": 1}),
        ({"as_of": {"offset": 2}}, {"stale": 1}),
    ],
)
def test_features(recount: Recount, fields: dict[str, Any], wrong: dict[str, int]) -> None:
    features = {"as_of": {"offset": 5}, "last_action_ms": NOW_MS + 5, "ratings": 2, "average_rating": 4.0, **fields}
    assert found(check_features, recount.people["ann"], "ann", json.dumps(features).encode()) == wrong


def part(source: int, last_offset: int, folded: int, *met: str) -> bytes:
    return msgspec.msgpack.encode([1, source, last_offset, 0, 0, folded, "", "", "", [], [], [], list(met), [], b""])


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"eve\0ann": part(0, 5, 3, "i1")}, {}),
        ({}, {"lost": 1}),
        ({"eve\0ann": part(0, 5, 4, "i1")}, {"doubled": 1}),
        ({"eve\0ann": part(0, 2, 2, "i1")}, {"lost": 1, "stale": 1}),
        ({"eve\0ann": part(1, 5, 3, "i1")}, {"stale": 1}),
        ({"eve\0ann": part(0, 5, 3, "i1", "i9")}, {"wrong": 1}),
        ({"eve\0ann": part(0, 5, 3, "i1"), "bob\0ann": part(0, 5, 3, "i1")}, {"doubled": 1}),
    ],
)
def test_guests(recount: Recount, parts: dict[str, bytes], wrong: dict[str, int]) -> None:
    assert found(check_guests, recount, {"ann": "eve", "nobody": "eve"}, parts) == wrong


def test_links_and_who_has_which_guests(recount: Recount) -> None:
    said = [
        ("ann", "eve"),
        ("ann", "bob"),
        ("eve", "bob"),
        ("bob", "bob"),
        ("tim", "eve"),
        ("tim", None),
        ("tim", "bob"),
    ]
    log = [
        Entry(0, place, guest.encode(), user and json.dumps({"user_id": user}).encode(), 0, {})
        for place, (guest, user) in enumerate(said)
    ]
    assert links_in_force(log) == {"ann": "eve", "tim": "bob"}
    eve = with_guests(recount, {"ann": "eve"}, "eve")
    assert (eve.last_offset, eve.met, eve.ratings) == (-1, {"i1"}, [4, 4])
