"""The JSON Schemas say what the parser does; the AsyncAPI document refers to nothing that is not there."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from streams.contract.catalog import WireItem, WireProfile, parse_catalog_item, parse_profile
from streams.contract.events import InvalidEvent, Reason, WireInteraction, parse_interaction
from streams.contract.links import WireLink, parse_link
from streams.contract.schemas import schemas
from streams.kafka.asyncapi import asyncapi

SCHEMAS = schemas()
INTERACTION = Draft202012Validator(SCHEMAS["interaction"])
INEXPRESSIBLE = {
    Reason.CONFLICTING_ITEM_ID,
    Reason.CONFLICTING_COMPLETION,
    Reason.TIMESTAMP_IN_FUTURE,
    Reason.TOO_LARGE,
    Reason.TOO_DEEP,
}
Events = st.SearchStrategy[dict[str, Any]]


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_it_is_a_schema_and_names_every_field(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    wire = {"interaction": WireInteraction, "item": WireItem, "link": WireLink, "profile": WireProfile}[name]
    assert set(SCHEMAS[name]["properties"]) == set(wire.__struct_fields__)
    assert all(field["description"] for field in SCHEMAS[name]["properties"].values())


@given(data=st.data())
def test_valid_events_are_valid_against_the_schema(data: st.DataObject, valid_events: Events) -> None:
    INTERACTION.validate(data.draw(valid_events))


@given(data=st.data())
def test_parser_and_schema_agree(data: st.DataObject, near_events: Events, append_time_ms: int) -> None:
    raw = data.draw(near_events)
    refusal = refusal_of(raw, append_time_ms)
    if refusal is None:
        INTERACTION.validate(raw)
    elif refusal.reason not in INEXPRESSIBLE:
        assert not INTERACTION.is_valid(raw), refusal


def refusal_of(raw: dict[str, Any], append_time_ms: int) -> InvalidEvent | None:
    try:
        parse_interaction(json.dumps(raw).encode(), append_time_ms)
    except InvalidEvent as refusal:
        return refusal
    return None


@pytest.mark.parametrize(
    "change",
    [
        {"event_type": "Click"},
        {"event_type": None},
        {"user_id": None},
        {"user_id": ""},
        {"user_id": "a\0"},
        {"user_id": True},
        {"item_id": None},
        {"timestamp": None},
        {"timestamp": 1_700_000_000},
        {"timestamp": -5},
        {"timestamp": "2023-11-14"},
        {"timestamp": "2023-11-14T22:13:20"},
        {"event_type": "rating"},
        {"event_type": "RATING", "rating": None},
        {"rating": 5.5},
        {"completion_pct": 101.5},
        {"user_id": "u17\n"},
        {"item_id": ".."},
        {"timestamp": "2023-11-14T22:13:60Z"},
        {"timestamp": "2023-13-14T22:13:20Z"},
        {"timestamp": "2023-11-14T22:13:20Z\n"},
        {"country": "D1"},
        {"country": "DEU"},
        {"position": -1},
        {"watch_duration": -1},
        {"query": 5},
    ],
)
def test_the_schema_refuses(change: dict[str, Any], append_time_ms: int) -> None:
    event = {"event_type": "click", "user_id": "u", "item_id": "i", "timestamp": append_time_ms} | change
    assert not INTERACTION.is_valid(event)
    assert refusal_of(event, append_time_ms) is not None


@pytest.mark.parametrize("field", ["event_type", "user_id", "item_id", "timestamp", "rating"])
def test_required_fields_are_required_in_the_schema_too(field: str, append_time_ms: int) -> None:
    event = {"event_type": "rating", "user_id": "u", "item_id": "i", "timestamp": append_time_ms, "rating": 3}
    INTERACTION.validate(event)
    del event[field]
    assert not INTERACTION.is_valid(event)


def test_a_search_needs_no_item_in_the_schema_either(append_time_ms: int) -> None:
    INTERACTION.validate({"event_type": "SEARCH", "user_id": 7, "timestamp": append_time_ms})


ITEMS: list[dict[str, Any]] = [
    {},
    {
        "item_id": 5,
        "title": "t",
        "maturity": 12,
        "regions": ["de"],
        "released_at": "1927-01-10",
        "attributes": {"a": 1},
    },
    {"maturity": "12", "available_from": 1_700_000_000_000, "available_until": "2030-01-01T00:00:00Z", "year": 1927},
    {"released_at": -1_356_220_800_000, "genres": None},
    {"released_at": 1_700_000_000},
    {"released_at": "10 January 1927"},
    {"maturity": "13"},
    {"regions": ["Germany"]},
    {"genres": "Drama"},
    {"year": -1},
    {"duration_s": "long"},
    {"attributes": []},
]
PROFILES: list[dict[str, Any]] = [
    {},
    {
        "user_id": 7,
        "country": "de",
        "seed_items": ["a", 2],
        "maturity_max": 16,
        "kids": False,
        "created_at": "2020-01-01",
    },
    {"kids": 1},
    {"seed_items": [""]},
    {"country": "D1"},
    {"maturity_max": "adult"},
]


LINKS: list[dict[str, Any]] = [
    {"guest_id": "5", "user_id": "u1", "linked_at": 1_700_000_000_000},
    {"user_id": 17, "linked_at": "2020-01-01", "more": [1]},
    {"user_id": "u1", "guest_id": None, "linked_at": ""},
    {"guest_id": "5"},
    {"user_id": ""},
    {"user_id": None},
    {"user_id": ["u1"]},
    {"user_id": "u\n1"},
    {"user_id": "u1", "linked_at": 1_700_000_000},
    {"user_id": "u1", "linked_at": "yesterday"},
]


@pytest.mark.parametrize("raw", LINKS)
def test_links(raw: dict[str, Any]) -> None:
    assert Draft202012Validator(SCHEMAS["link"]).is_valid(raw) == accepted(parse_link, b"5", raw)


@pytest.mark.parametrize("raw", ITEMS)
def test_items(raw: dict[str, Any]) -> None:
    assert Draft202012Validator(SCHEMAS["item"]).is_valid(raw) == accepted(parse_catalog_item, b"5", raw)


@pytest.mark.parametrize("raw", PROFILES)
def test_profiles(raw: dict[str, Any]) -> None:
    assert Draft202012Validator(SCHEMAS["profile"]).is_valid(raw) == accepted(parse_profile, b"7", raw)


def accepted(parse: Any, key: bytes, raw: dict[str, Any]) -> bool:
    try:
        parse(key, json.dumps(raw).encode())
    except InvalidEvent:
        return False
    return True


def test_asyncapi_holds_together() -> None:
    document = asyncapi()
    assert document["asyncapi"] == "3.0.0"
    assert {channel["address"] for channel in document["channels"].values()} == {
        "user.interactions",
        "catalog.items",
        "users.profiles",
        "users.links",
        "user.interactions.dlq",
    }
    references = list(references_in(document))
    assert len(references) > 10
    for reference in references:
        resolve(document, reference)
    for operation in document["operations"].values():
        channel = resolve(document, operation["channel"]["$ref"])
        offered = [resolve(document, message["$ref"]) for message in operation["messages"]]
        assert offered == list(channel["messages"].values())


def references_in(node: Any) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references_in(child)
    elif isinstance(node, list):
        for child in node:
            yield from references_in(child)


def resolve(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node
