"""Records as producers outside really sent them: what each is, by the parser and by the published schema alike."""

import json
from typing import Any

import jsonschema
import pytest

from streams.contract.events import parse_interaction
from streams.contract.reasons import InvalidEvent
from streams.contract.schemas import schemas
from streams.contract.unreadable import read_profile

AT_MS = 1_767_225_600_000
SCHEMA = schemas()["interaction"]


def click(**members: Any) -> bytes:
    return json.dumps({"event_type": "click", "user_id": "u1", "item_id": "m1", "timestamp": AT_MS, **members}).encode()


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (click(timestamp=1_767_225_600_000.0), {"timestamp_ms": AT_MS}),
        (click(position=3.0), {"position": 3}),
        (click(item_id=42.0), {"item_id": "42"}),
        (click(session_id=""), {"session_id": None}),
        (click(country=""), {"country": None}),
    ],
)
def test_events_that_are_right(value: bytes, read: dict[str, Any]) -> None:
    event = parse_interaction(value, AT_MS)
    assert {name: getattr(event, name) for name in read} == read
    jsonschema.validate(json.loads(value), SCHEMA)


@pytest.mark.parametrize("user_id", ["u17\n", "a\tb"])
def test_ids_that_no_route_could_read_are_refused(user_id: str) -> None:
    value = click(user_id=user_id)
    with pytest.raises(InvalidEvent, match="user_id"):
        parse_interaction(value, AT_MS)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(value), SCHEMA)


@pytest.mark.parametrize(
    ("user_id", "said", "kids", "maturity"),
    [
        ("child-1", {"kids": "true"}, True, None),
        ("child-2", {"kids": 1}, True, None),
        ("teen-1", {"maturity_max": 12.0}, False, "12"),
    ],
)
def test_restrictions_hold_however_they_are_written(
    user_id: str, said: dict[str, Any], kids: bool, maturity: str | None
) -> None:
    read = read_profile(user_id.encode(), json.dumps({"user_id": user_id, "country": "DE", **said}).encode())
    assert read.profile is not None
    assert (read.profile.kids, read.profile.maturity_max, read.profile.country) == (kids, maturity, "DE")
    assert (read.problem is not None) == kids  # a dead letter says what could not be read
