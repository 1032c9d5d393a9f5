"""Stored ids: HMAC-SHA-256 of the id when there is a secret, the id when there is none."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction
from streams.contract.identities import MIN_SECRET_BYTES, PLAIN, Identities

SECRET = b"0123456789abcdef0123456789abcdef"
EVENT = Interaction("e1", EventType.VIEW, "u1", "i1", 1_700_000_000_000)


@given(st.text(min_size=1, max_size=128))
def test_a_stored_id_is_the_hmac_and_no_id_that_anybody_could_send(user_id: str) -> None:
    stored = Identities(SECRET).of(user_id)
    assert base64.urlsafe_b64decode(stored + "=") == hmac.new(SECRET, user_id.encode(), hashlib.sha256).digest()
    assert len(stored) == 43
    assert PLAIN.of(user_id) == user_id


def test_events_are_stored_under_hashed_ids_and_are_otherwise_the_same() -> None:
    stored = Identities(SECRET).stored(EVENT)
    assert (stored.user_id, stored.item_id, stored.timestamp_ms) == (
        Identities(SECRET).of("u1"),
        "i1",
        1_700_000_000_000,
    )
    assert "e1" not in stored.event_id
    assert stored.event_id != Identities(SECRET).of("e1")
    assert PLAIN.stored(EVENT) is EVENT


def test_a_key_id_tells_secrets_apart_and_tells_none() -> None:
    ids = {Identities(SECRET + bytes([number])).key_id for number in range(100)}
    assert len(ids) == 100
    assert not any("0123" in key_id for key_id in ids)
    assert PLAIN.key_id == ""


def test_a_secret_is_long_and_never_shown() -> None:
    with pytest.raises(ValueError, match="less than 32"):
        Identities(b"x" * (MIN_SECRET_BYTES - 1))
    assert "0123" not in repr(Identities(SECRET))
