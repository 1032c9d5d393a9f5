"""Persons that the page creates: a profile in the log, checked as the workers check it."""

from __future__ import annotations

import secrets
import time

import msgspec
import orjson

from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics


class NewPerson(msgspec.Struct, forbid_unknown_fields=True):
    """What the form asks for."""

    country: str
    kids: bool
    favorite_genres: list[str]


def profile_of(person: NewPerson, topics: Topics) -> tuple[str, OutgoingRecord]:
    """A new user id and the record that makes the profile known."""
    user_id = f"person-{secrets.token_hex(4)}"
    profile = {
        "user_id": user_id,
        "country": person.country,
        "kids": person.kids,
        "favorite_genres": person.favorite_genres[:10],
        "created_at": time.time_ns() // 1_000_000,
    }
    return user_id, OutgoingRecord(topics.profiles, user_id.encode(), orjson.dumps(profile))
