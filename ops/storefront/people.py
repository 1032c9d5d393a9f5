"""Persons that the page creates: a profile in the log, checked as the workers check it."""

from __future__ import annotations

import secrets
import time

import msgspec
import orjson

from streams.contract.catalog import parse_profile
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    """What the form asks for."""

    country: str
    kids: bool
    favorite_genres: list[str]


def profile_of(person: NewPerson, topics: Topics) -> tuple[str, OutgoingRecord]:
    """A new user id and the record that makes the profile known. Raises `InvalidEvent` for one that is none."""
    user_id = f"person-{secrets.token_hex(4)}"
    profile = {
        "user_id": user_id,
        "country": person.country,
        "kids": person.kids,
        "favorite_genres": person.favorite_genres[:10],
        "created_at": time.time_ns() // 1_000_000,
    }
    key, value = user_id.encode(), orjson.dumps(profile)
    parse_profile(key, value)
    return user_id, OutgoingRecord(topics.profiles, key, value)
