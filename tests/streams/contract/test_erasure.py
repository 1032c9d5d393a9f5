"""Who a record names, however damaged it is."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.erasure import ErasureMarker, parse_marker, users_named


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        (b"u1", None, {"u1"}),
        (b"u1", b"", {"u1"}),
        (b"u1", b'{"user_id": "u2"}', {"u1", "u2"}),
        (None, b'{"user_id": 7, "x": {"user_id": "inner"}}', {"7"}),
        (None, b'{"user_id" : "cut off", "event_ty', {"cut off"}),
        (None, b'{"user_id": 12, ', {"12"}),
        (None, b'{"user_id": 7.0}', {"7"}),
        (None, b'{"user_id": 7.5}', set()),
        (None, b'{"user_id": null}', set()),
        (None, b'["user_id", "u1"]', set()),
        (None, b"\xff\xfe", set()),
    ],
)
def test_users_named(key: bytes | None, value: bytes | None, named: set[str]) -> None:
    assert users_named(key, value) == named


@given(key=st.none() | st.binary(), value=st.none() | st.binary())
def test_any_bytes_can_be_asked(key: bytes | None, value: bytes | None) -> None:
    assert all(isinstance(user_id, str) for user_id in users_named(key, value))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=128))
def test_a_whole_event_names_its_user(user_id: str) -> None:
    assert users_named(None, orjson.dumps({"event_type": "view", "user_id": user_id})) == {user_id}


def test_a_marker_survives_its_record_and_nothing_else_is_one() -> None:
    marker = ErasureMarker("u", 5, 7)
    assert parse_marker(marker.encode()) == marker
    with pytest.raises(ValueError, match="user_id"):
        parse_marker(b'{"end_offset": 7}')
