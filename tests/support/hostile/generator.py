"""Endless hostile records for every door, the same for the same seed: valid ones, valid ones with one thing wrong, and
bytes that were flipped, cut or made up."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import orjson

from hostile.raw_batches import RawRecord
from serving.registry import Switch, VersionRecord
from streams.contract.dead_letters import ORIGINAL_TIME_HEADER, REDRIVEN_HEADER
from streams.contract.erasure import ErasureMarker
from streams.contract.served import ServedItem, ServedList
from streams.contract.user_records import record_key

NOW_MS = 1_767_225_600_000
#: JSON texts in the place of any value.
VALUES = [
    *("null", "true", "false", '""', "0", "-0", "-1", "0.5", "1e2", "3.0", "1e999", "-1e999", "NaN", "Infinity", "[]"),
    *("99999999999999999999", "-99999999999999999999", "9" * 400, "9" * 5_000, "1e-400", "9223372036854775808"),
    *("253402300799999", "253402300800000", "-62135596800000", "-62135596800001", "100000000000", "99999999999"),
    *("{}", "[null]", "[[]]", '{"a":{"b":[1e999]}}', '["",""]', "[" * 40 + "]" * 40, '["x"' + ',"x"' * 300 + "]"),
    *('"\\ud800"', '"\\udfff\\ud800"', '"\\u0000"', '"a\\u0000b"', '"\\n"', '" "', '"\ufeff"', '"' + "x" * 129 + '"'),
    *('"9999-12-31T23:59:60Z"', '"0001-01-01T00:00:00+23:59"', '"9999-12-31T23:59:59-23:59"', '"1927-01-10"'),
    *('"2026-13-01"', '"1767225600000"', '"../../etc/passwd"', '"de"', '"DE"', '"all"', '"18"', "18", "7", "12.0"),
    *('"Europe/Berlin"', '"Factory"', '"\U0001f600"', '"\u0130"', '"ß"', '"DROP"', '"' + "é" * 64 + '"'),
]
KEYS = [None, b"", b"\xff", b"\0", b"a\0b", b"x" * 129, b"u" * 70_000, "é".encode() * 64, b"\xed\xa0\x80", b" "]
HEADER_TEXTS = [None, b"", b"-5", b"9" * 5_000, b"1700000000000", "\u0665".encode(), b"\xff", b"t:0:1", b"0", b"1e3"]
HEADER_NAMES = [
    *(ORIGINAL_TIME_HEADER.encode(), REDRIVEN_HEADER.encode(), b"reached-ms", b"freshet.after", b"traceparent"),
    *(b"", b"\xff\xfe", b"\xed\xa0\x80", b"x" * 300, b"ce_id"),
]
TYPES = ["view", "click", "PLAY", "watch_end", "rating", "search", "like", "hide", "impression", "purchase", "bogus"]
EVENT_FIELDS = [
    *("event_type", "user_id", "item_id", "timestamp", "event_id", "content_id", "watch_duration", "completion_pct"),
    *("completion_percentage", "progress_pct", "rating", "session_id", "device_type", "country", "language"),
    *("referrer", "query", "recommendation_id", "position", "experiment_id", "variant", "schema_version", "ignored"),
]
ITEM_FIELDS = [
    *("item_id", "title", "description", "genres", "cast", "director", "year", "language", "duration_s", "maturity"),
    *("regions", "released_at", "thumbnail_url", "item_type", "available_from", "available_until", "attributes"),
    *("titles", "ignored"),
]
PROFILE_FIELDS = [
    *("user_id", "country", "language", "timezone", "age_group", "favorite_genres", "disliked_genres", "seed_items"),
    *("maturity_max", "kids", "created_at", "ignored"),
]
SERVED_FIELDS = [
    *("recommendation_id", "surface", "timestamp", "items", "user_id", "context", "offset", "source", "variant"),
    *("model_version", "experiment_id", "device_type", "country", "generated_at", "as_of", "ignored"),
]
LINK_FIELDS = ["guest_id", "user_id", "linked_at", "ignored"]
RULE_FIELDS = [
    *("rule_id", "action", "match", "changed_ms", "factor", "position", "countries", "devices", "lists", "from_ms"),
    *("until_ms", "who", "about", "ignored"),
]
USERS, GUESTS, ITEMS = 300, 60, 120


@dataclass(frozen=True)
class Door:
    """A topic by its short name, and what makes its records."""

    name: str
    make: Callable[[], RawRecord]


class Hostile:
    """`ingress` makes records of one topic. `samples` holds real bytes of internal topics, which are damaged and
    sent."""

    def __init__(self, seed: int, samples: dict[str, list[tuple[bytes | None, bytes | None]]] | None = None) -> None:
        self._random = random.Random(seed)
        self.samples = samples if samples is not None else {}
        self._events = 0

    def record(self, ingress: str) -> RawRecord:
        """The next record of a door: interactions, catalog, profiles, links, erasure, controls, experiments, rules,
        versions, served, or an internal one of which there are samples."""
        key, value = getattr(self, f"_{ingress}", lambda: self._sample(ingress))()
        if self._random.random() < 0.05:
            key = self._random.choice(KEYS)
        if value is not None and self._random.random() < 0.08:
            value = self._damaged(value)
        if self._random.random() < 0.01:
            value = None
        return RawRecord(key, value, self._headers())

    def choice(self, among: Sequence[int]) -> int:
        """One of them."""
        return self._random.choice(among)

    def _headers(self) -> list[tuple[bytes, bytes | None]]:
        if self._random.random() > 0.06:
            return []
        choice = self._random.choice
        return [(choice(HEADER_NAMES), choice(HEADER_TEXTS)) for _ in range(self._random.randrange(1, 4))]

    def _damaged(self, value: bytes) -> bytes:
        if not value:
            return b"\0"
        place = self._random.randrange(len(value))
        kind = self._random.randrange(5)
        if kind == 0:
            return value[:place]
        if kind == 1:
            return value[:place] + bytes([self._random.randrange(256)]) + value[place + 1 :]
        if kind == 2:
            return value[:place] + self._random.randbytes(self._random.randrange(1, 9)) + value[place:]
        if kind == 3:
            return value + value
        return self._random.randbytes(self._random.randrange(200))

    def _json(self, fields: dict[str, object], names: Sequence[str], likely: float) -> bytes:
        text = orjson.dumps(fields).decode()
        if self._random.random() < likely:
            name, value = self._random.choice(names), self._random.choice(VALUES)
            text = f"{text[:-1]}{',' if fields else ''}{orjson.dumps(name).decode()}:{value}}}"
        return text.encode("utf-8", "surrogatepass")

    def _user(self) -> str:
        return f"u{self._random.randrange(USERS)}"

    def _guest(self) -> str:
        return f"g{self._random.randrange(GUESTS)}"

    def _anybody(self) -> str:
        return self._guest() if self._random.random() < 0.2 else self._user()

    def _item(self) -> str:
        return f"i{self._random.randrange(ITEMS)}"

    def _interactions(self) -> tuple[bytes, bytes]:
        self._events += 1
        user, kind = self._anybody(), self._random.choice(TYPES)
        event: dict[str, object] = {
            "event_type": kind,
            "user_id": user,
            "item_id": self._item(),
            "timestamp": NOW_MS + self._events * 20 - self._random.randrange(100_000),
        }
        if kind == "rating":
            event["rating"] = self._random.randrange(1, 6)
        if self._random.random() < 0.3:
            event["event_id"] = f"e{self._random.randrange(10**6)}"
        if kind == "search":
            event["query"] = f"q {self._random.randrange(50)}"
        return user.encode(), self._json(event, EVENT_FIELDS, 0.4)

    def _catalog(self) -> tuple[bytes, bytes]:
        item = self._item()
        genres = [f"g{self._random.randrange(9)}" for _ in range(self._random.randrange(4))]
        known = {"item_id": item, "title": f"Title {item}", "genres": genres}
        return item.encode(), self._json(known, ITEM_FIELDS, 0.8)

    def _profiles(self) -> tuple[bytes, bytes]:
        user = self._user()
        return user.encode(), self._json({"user_id": user, "country": "DE"}, PROFILE_FIELDS, 0.8)

    def _links(self) -> tuple[bytes, bytes | None]:
        """Now and then a chain, a second user of a guest, one's own guest, or a withdrawal."""
        guest, user = self._guest(), self._anybody()
        if self._random.random() < 0.2:
            return guest.encode(), None
        return guest.encode(), self._json({"guest_id": guest, "user_id": user}, LINK_FIELDS, 0.3)

    def _rules(self) -> tuple[bytes, bytes]:
        choice = self._random.choice
        match = choice([{"items": [self._item()]}, {"genre": "g1"}, {"item_type": "movie"}, {"attributes": {"a": "b"}}])
        rule = choice(
            [
                {"action": "pin", "position": 3, "match": {"items": [self._item()]}},
                *({"action": action, "factor": factor} for action, factor in (("boost", 2.0), ("bury", 0.5))),
                *({"action": "block", "countries": countries} for countries in ([], ["DE"])),
                {"action": "bogus", "until_ms": 1},
            ]
        )
        known: dict[str, object] = {
            "rule_id": f"r{self._random.randrange(20)}",
            "match": match,
            "changed_ms": self._events,
            **rule,
        }
        return str(known["rule_id"]).encode(), self._json(known, RULE_FIELDS, 0.3)

    def _erasure(self) -> tuple[bytes, bytes]:
        """Mostly of people who never do anything, or little would be left to fold."""
        known = self._random.random() < 0.02
        user = self._anybody() if known else f"erased{self._random.randrange(50)}"
        marker = ErasureMarker(user, NOW_MS - 10**9, self._random.randrange(3))
        return user.encode(), self._json(msgspec.to_builtins(marker), ["user_id", "erased_at_ms", "end_offset"], 0.6)

    def _controls(self) -> tuple[bytes, bytes]:
        number = self._random.choice(["0", "9" * 5_000, "-1", "x", "\u0665", "2147483648", ""])
        key = self._random.choice(["redrive", f"pause:v9:topic:{number}", f"pause:v1:nowhere:{number}", "pause:v1", ""])
        return key.encode(), self._json({"paused_at_ms": 1}, ["paused_at_ms", "ends"], 0.5)

    def _experiments(self) -> tuple[bytes, bytes]:
        """Some of them run: lists are made under whatever could be taken."""
        share = self._random.choice([50, 50, 50.001, -1, 101])
        ranking = self._random.choice(
            [{}, {"explore_items": 0}, {"weights": {"genre": 2}}, {"min_genres": -1}, {"x": 1}]
        )
        known: dict[str, object] = {
            "experiment_id": f"e{self._random.randrange(9)}",
            "layer": f"l{self._random.randrange(6)}",
            "seed": "s",
            "buckets": self._random.choice([[0, 10_000], [5, 10], [7, 7], [0, 10**6]]),
            "variants": [{"name": "a", "share_pct": share}, {"name": "b", "share_pct": 50, "ranking": ranking}],
            "state": "running",
            "changed_ms": self._events,
            "started_ms": self._random.choice([1, 2, -1]),
        }
        return str(known["experiment_id"]).encode(), self._json(known, [*known, "targeting", "stopped_ms"], 0.5)

    def _versions(self) -> tuple[bytes, bytes]:
        sequence = self._random.choice([-1, 2, 3, 10**13, 10**30])
        weights = self._random.choice([{}, {"v1": 7}, {"v1": 150, "v2": -50}, {"../x": 100}])
        key, value = self._random.choice(
            [
                Switch(sequence, "promote", weights, "who", NOW_MS).record(),
                VersionRecord(NOW_MS, "who").record(self._random.choice(["v7", "../v7", "", "v 7"])),
                (b"figures:v7", b"[]"),
                (b"fingerprint:v7", b"nonsense"),
                (b"unheard:of", b"{}"),
            ]
        )
        return key, self._damaged(value) if self._random.random() < 0.5 else value

    def _served(self) -> tuple[bytes, bytes]:
        """A list that the user of one of the next events was shown shortly before."""
        user, at_ms = self._user(), NOW_MS + self._events * 20 - self._random.randrange(10_000)
        items = tuple(ServedItem(self._item(), place, 0.5, "popular") for place in range(self._random.randrange(30)))
        known = ServedList(f"r{self._random.randrange(10**6)}", "homepage", at_ms, items, user)
        key = record_key(user, f"p.{self._random.randrange(10**9)}")
        return key, self._json(msgspec.to_builtins(known), SERVED_FIELDS, 0.4)

    def _sample(self, ingress: str) -> tuple[bytes | None, bytes | None]:
        known = self.samples.get(ingress)
        if not known:
            return b"0", self._random.randbytes(30)
        key, value = self._random.choice(known)
        if value is not None and self._random.random() < 0.7:
            value = self._damaged(value)
        if key is not None and self._random.random() < 0.1:
            key = self._damaged(key)
        return key, value
