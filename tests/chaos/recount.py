"""What the log says must be in rows, dead letters and lists: counted by a parser of its own.

It shares no code with what it checks. It reads JSON with the standard library, rows as plain MessagePack arrays and
lists by the layout that is documented, so that a mistake in the product's parser, dedupe or codecs is not made twice.
It knows the rules of docs/producing.md as far as the drill's records need them.
"""

import hashlib
import json
import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

DAY_MS = 86_400_000
FUTURE_MS = 5 * 60_000
LATENESS_MS = 5 * 60_000
RETENTION_MS = 90 * DAY_MS
#: What is weaker than meeting an item.
WEAK = ("impression", "search")
#: Positions in the array of a user's row, and of an item's counts.
LAST_OFFSET, FOLDED, DUPLICATES = 1, 4, 5
RATINGS, RATING_SUM = 8, 9
#: The same of what is written of a linked guest.
PART_SOURCE, PART_OFFSET, PART_FOLDED, PART_MET = 1, 2, 5, 12
#: The fixed part of a list, its magic and format version before everything else.
_LIST = struct.Struct(">BBIqqqqIqHI")
_FORMAT = (0xF5, 4)
#: More sayings than a byte can tell apart have two.
_FEW = 256


class Entry(NamedTuple):
    """One record of a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    append_ms: int
    headers: Mapping[str, bytes]


class RecordPosition(NamedTuple):
    """Where a record of the input is."""

    partition: int
    offset: int


@dataclass
class Person:
    """What one user did, by the log."""

    partition: int
    last_offset: int = -1
    last_event_ms: int = 0
    events: set[str] = field(default_factory=set)
    duplicates: int = 0
    met: set[str] = field(default_factory=set)
    ratings: list[float] = field(default_factory=list)


class Recount:
    """The whole input topic, each partition in its order."""

    def __init__(self, log: Iterable[Entry]) -> None:
        self.people: dict[str, Person] = {}
        self.dead: dict[RecordPosition, str] = {}
        self.ids: dict[RecordPosition, str | None] = {}
        self.item_ratings: defaultdict[str, list[int]] = defaultdict(list)
        self._highest_ms: Counter[int] = Counter()
        for entry in log:
            self._take(entry)

    def _take(self, entry: Entry) -> None:
        place = RecordPosition(entry.partition, entry.offset)
        event, reason = parsed(entry)
        self.ids[place] = event.get("event_id")
        if not reason and event["timestamp"] < self._highest_ms[entry.partition] - LATENESS_MS - RETENTION_MS:
            reason = "too_old"
        if reason:
            self.dead[place] = reason
            return
        person = self.people.setdefault(event["user_id"], Person(entry.partition))
        person.last_offset = entry.offset
        if event["event_id"] in person.events:
            person.duplicates += 1
            return
        reached_ms = min(event["timestamp"], entry.append_ms)
        self._highest_ms[entry.partition] = max(self._highest_ms[entry.partition], reached_ms)
        person.events.add(event["event_id"])
        person.last_event_ms = max(person.last_event_ms, event["timestamp"])
        if event["event_type"] not in WEAK:
            person.met.add(event["item_id"])
        if event["event_type"] == "rating":
            person.ratings.append(event["rating"])
            self.item_ratings[event["item_id"]].append(round(event["rating"] * 100))


def parsed(entry: Entry) -> tuple[dict[str, Any], str]:
    """The event, and why it cannot be used, "" when it can."""
    try:
        event = json.loads((entry.value or b"").decode(), parse_constant=_no_json)
    except ValueError:
        return {}, "not_json"
    if not isinstance(event, dict):
        return {}, "wrong_type"
    if any(event.get(name) in (None, "") for name in ("event_type", "user_id", "item_id", "timestamp")):
        return event, "missing_field"
    if not 0.5 <= event.get("rating", 1) <= 5:
        return event, "out_of_range"
    if event["timestamp"] > entry.append_ms + FUTURE_MS:
        return event, "timestamp_in_future"
    if entry.key != event["user_id"].encode():
        return event, "wrong_partition"
    return event, ""


def _no_json(constant: str) -> None:
    raise ValueError(constant)


@dataclass
class Findings:
    """What is not as the log says; every name says what was found, every number is 0 when all is well."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def found(self, what: str, about: object, times: int = 1) -> None:
        """Notes `times` cases; the first one is kept for people."""
        if times > 0:
            self.counts[what] += times
            self.first.setdefault(what, str(about))

    def difference(self, what: str, about: object, found: int, wanted: int) -> None:
        """Notes what is missing as lost and what is too much as doubled."""
        self.found("lost", f"{what} of {about}: {found}, not {wanted}", wanted - found)
        self.found("doubled", f"{what} of {about}: {found}, not {wanted}", found - wanted)

    def as_dict(self) -> dict[str, Any]:
        """By the names that the JSON line uses."""
        kinds = {"lost", "doubled", "stale", "wrong", *self.counts}
        return {**{kind: self.counts[kind] for kind in sorted(kinds)}, "first": self.first}


def check_log(findings: Findings, recount: Recount, acknowledged: Mapping[RecordPosition, str | None]) -> None:
    """Every acknowledged record is where the broker said, event by event."""
    for place, event_id in acknowledged.items():
        if place not in recount.ids or recount.ids[place] != event_id:
            findings.found("lost", f"acknowledged {event_id} is not at {place}")


def check_people(findings: Findings, recount: Recount, rows: Mapping[str, bytes]) -> None:
    """Every user's row has folded every event once, and nobody else has a row."""
    for user in recount.people.keys() | rows.keys():
        person = recount.people.get(user, Person(-1))
        row = msgspec.msgpack.decode(rows[user]) if user in rows else [0] * 6
        findings.difference("folded", user, row[FOLDED], len(person.events))
        findings.difference("duplicates", user, row[DUPLICATES], person.duplicates)
        if user in rows and row[LAST_OFFSET] != person.last_offset:
            findings.found("stale", f"row of {user} is as of {row[LAST_OFFSET]}, not {person.last_offset}")


def links_in_force(log: Iterable[Entry]) -> dict[str, str]:
    """Users by guests: the first link of a guest until it is withdrawn, and no chains."""
    links: dict[str, str] = {}
    for entry in log:
        guest = (entry.key or b"").decode()
        if entry.value is None:
            links.pop(guest, None)
            continue
        user = json.loads(entry.value)["user_id"]
        if guest not in links and user != guest and user not in links and guest not in links.values():
            links[guest] = user
    return links


def check_guests(findings: Findings, recount: Recount, links: Mapping[str, str], parts: Mapping[str, bytes]) -> None:
    """Every linked guest who did anything is in their user once, as of their last event, and nobody else is: `parts`
    by user, NUL, guest."""
    wanted = {f"{user}\0{guest}": recount.people[guest] for guest, user in links.items() if guest in recount.people}
    for name in wanted.keys() - parts.keys():
        findings.found("lost", f"what {name!r} did")
    for name in parts.keys() - wanted.keys():
        findings.found("doubled", f"what {name!r} did")
    for name in wanted.keys() & parts.keys():
        part, guest = msgspec.msgpack.decode(parts[name]), wanted[name]
        findings.difference("folded", name, part[PART_FOLDED], len(guest.events))
        if (part[PART_SOURCE], part[PART_OFFSET]) != (guest.partition, guest.last_offset):
            findings.found("stale", f"part of {name!r} is as of {part[PART_OFFSET]}, not {guest.last_offset}")
        if set(part[PART_MET]) != guest.met:
            findings.found("wrong", f"part of {name!r} has met other items")


def with_guests(recount: Recount, links: Mapping[str, str], user: str) -> Person:
    """What a user did, with what their guests did."""
    own = recount.people.get(user, Person(-1))
    guests = [recount.people[guest] for guest, linked in links.items() if linked == user and guest in recount.people]
    return Person(
        own.partition,
        own.last_offset,
        max(person.last_event_ms for person in (own, *guests)),
        own.events.union(*(guest.events for guest in guests)),
        own.duplicates,
        own.met.union(*(guest.met for guest in guests)),
        [rating for person in (own, *guests) for rating in person.ratings],
    )


def check_dead_letters(findings: Findings, recount: Recount, dead_letters: Iterable[Entry]) -> None:
    """Every record that cannot be used is one dead letter, for its reason."""
    found: Counter[tuple[RecordPosition, str]] = Counter()
    for dead_letter in dead_letters:
        _, partition, offset = (dead_letter.key or b"").decode().rsplit(":", 2)
        found[RecordPosition(int(partition), int(offset)), dead_letter.headers["freshet.reason"].decode()] += 1
    wanted = Counter(recount.dead.items())
    for about in found.keys() | wanted.keys():
        findings.difference("dead letters", about, found[about], wanted[about])


def check_items(findings: Findings, recount: Recount, rows: Mapping[str, bytes]) -> None:
    """Every item has counted every rating once."""
    for item in recount.item_ratings.keys() | rows.keys():
        row = msgspec.msgpack.decode(rows[item]) if item in rows else [0] * 11
        ratings = recount.item_ratings.get(item, [])
        findings.difference("ratings", item, row[RATINGS], len(ratings))
        if row[RATING_SUM] != sum(ratings):
            findings.found("wrong", f"ratings of {item} sum to {row[RATING_SUM]}, not {sum(ratings)}")


@dataclass(frozen=True)
class Rules:
    """What may be shown to whom, by the last catalogue and profile records."""

    items: Mapping[str, Mapping[str, Any]]
    profiles: Mapping[str, Mapping[str, Any]]
    now_ms: int

    @cached_property
    def names(self) -> dict[int, str]:
        """The catalogue's items by their keys."""
        return {key_of(item): item for item in self.items}

    def forbids(self, user: str, item: str) -> str:
        """Why the item may not be shown to the user, "" when it may."""
        entry, profile = self.items.get(item), self.profiles.get(user, {})
        if entry is None:
            return "is not in the catalogue"
        if entry.get("available_until", self.now_ms + 1) <= self.now_ms:
            return "is withdrawn"
        age = int(str(entry.get("maturity", "0")).replace("all", "0"))
        allowed = min(int(str(profile.get("maturity_max", 18)).replace("all", "0")), 7 if profile.get("kids") else 18)
        return f"is for {age}, the profile allows {allowed}" if age > allowed else ""


def check_list(findings: Findings, about: str, person: Person, rules: Rules, user: str, value: bytes | None) -> None:
    """One list of a user reflects their last event and shows nothing that it may not."""
    if value is None:
        findings.found("stale", f"{about} of {user} is not there")
        return
    offset, entries = read_list(value, rules.names)
    if offset != person.last_offset:
        findings.found("stale", f"{about} of {user} is as of {offset}, not {person.last_offset}")
    shown = [item for item, _ in entries]
    findings.found("wrong", f"{about} of {user} shows an item twice", len(shown) - len(set(shown)))
    for item, code in entries:
        why = rules.forbids(user, item) or ("was met" if item in person.met and code != "seen_again" else "")
        if why:
            findings.found("wrong", f"{about} of {user} shows {item}, which {why}")


def key_of(item: str) -> int:
    """What stands for an item in a list."""
    return int.from_bytes(hashlib.blake2b(item.encode(), digest_size=8).digest(), "little")


def read_list(value: bytes, names: Mapping[int, str]) -> tuple[int, list[tuple[str, str]]]:
    """The offset that a list reflects, and what it shows: items by their `names`, else by their keys, with the code of
    the reason."""
    magic, version, _, offset, *_, count, header = _LIST.unpack_from(value)
    if (magic, version) != _FORMAT:
        raise ValueError(f"{value[:10]!r} begins no list")
    if not count:
        return offset, []
    at = _LIST.size + header
    _, sayings = struct.unpack_from("<BH", value, at)
    keys = struct.unpack_from(f"<{count}Q", value, at + 3)
    at += 3 + 10 * count  # keys and scores
    places = struct.unpack_from(f"<{count}{'B' if sayings <= _FEW else 'H'}", value, at)
    at += count if sayings <= _FEW else 2 * count
    codes = [struct.unpack_from("<QBBB", value, at + 11 * number)[2] for number in range(sayings)]
    at += 11 * sayings
    strings, left = [], value[at]
    at += 1
    for _ in range(left):
        (length,) = struct.unpack_from("<H", value, at)
        strings.append(value[at + 2 : at + 2 + length].decode())
        at += 2 + length
    return offset, [
        (names.get(key, f"{key:016x}"), strings[codes[place]]) for key, place in zip(keys, places, strict=True)
    ]


def check_features(findings: Findings, person: Person, user: str, value: bytes | None) -> None:
    """The user's features know the last event, and every rating once."""
    if value is None:
        findings.found("stale", f"features of {user} are not there")
        return
    features = json.loads(value)
    offset = features["as_of"]["offset"]
    if offset != person.last_offset:
        findings.found("stale", f"features of {user} are as of {offset}, not {person.last_offset}")
    average = sum(person.ratings) / len(person.ratings) if person.ratings else None
    wanted = (person.last_event_ms, len(person.ratings), average)
    found = (features["last_action_ms"], features["ratings"], features["average_rating"])
    if found[:2] != wanted[:2] or abs((found[2] or 0) - (average or 0)) > 1e-9:
        findings.found("wrong", f"features of {user} say {found}, not {wanted}")
