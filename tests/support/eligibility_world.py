"""People, items and lists of every kind that restricts, and who may see what by plain reading of what producers wrote.

What is written to Redis is made by the worker's own code. What is right is decided here from the raw records alone, so
that a mistake in reading them is found too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any

from aiokafka.structs import ConsumerRecord
from small_world import SmallWorld, owners

from agents.followers.item_follower import ItemFollower
from agents.followers.profiles import Profiles
from agents.lists.cold_start_users import without_events
from agents.lists.item_cards import ItemCards
from agents.lists.limits_writer import LimitsWriter
from agents.lists.list_maker import ListMaker
from agents.lists.segments import ROUNDS_A_TURN
from agents.lists.shared_lists import SharedListWriter
from serving.keys import Keys
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from streams.contract.events import EventType, Interaction
from streams.contract.reasons import InvalidEvent
from streams.kafka.topics import Topics

GENRES = ("Drama", "Horror", "War", "Comedy", "Kids")
COUNTRIES = ("DE", "NL", "FR")
DEFAULT_AGE = 16
TTL_S = 600
DAY_MS = 86_400_000
EVERY_GENRE = frozenset({"every genre"})
NOBODYS = "nobody's language"
_AGES: Mapping[Any, int] = {"all": 0, "7": 7, "12": 12, "16": 16, "18": 18}
_ABSENT = object()

#: What producers write, readable and not.
MATURITIES = (
    _ABSENT,
    None,
    *["all"] * 6,
    "all",
    7,
    "12",
    12.0,
    "16",
    18,
    "18",
    "18",
    "R",
    13,
    [],
    True,
    -1,
    "twelve",
    7.5,
)
REGIONS = (*[_ABSENT] * 12, _ABSENT, _ABSENT, None, [], ["DE"], ["nl", "DE"], ["FR"], "DE", ["Germany"], 5)
ITEM_LANGUAGES = (*[_ABSENT] * 8, _ABSENT, _ABSENT, _ABSENT, ["de"], ["en", "fr-FR"], "de", 5, ["nl", 7], [])
ITEM_GENRES = (
    *[["Comedy"], ["Drama", "War"]] * 3,
    ["Drama"],
    ["Horror", "War"],
    ["Comedy"],
    ["Kids"],
    [],
    ["Drama", "Comedy"],
    "Horror",
    [1],
)
KIDS = (_ABSENT, _ABSENT, _ABSENT, None, False, True, "true", 1, 0, "yes", [], "false")
DISLIKED = (_ABSENT, _ABSENT, [], ["Horror"], ["Drama", "unheard of"], "War", ["Horror", 5], 7, {"Horror": True})
LANGUAGES = (_ABSENT, _ABSENT, "de", "fr-FR", "NL", 5, ["de"])
PROFILE_COUNTRIES = (_ABSENT, "DE", "nl", "FR", "Germany", 49, ["DE"])
GARBAGE = (b"garbage", b"[]", b'"kids"', b'{"user_id": "somebody else", "maturity_max": "18"}', b'{"kids": fal')


@dataclass(frozen=True)
class Who:
    """What one reader may see; `met` they are not offered again."""

    age: int = DEFAULT_AGE
    countries: frozenset[str] = frozenset()
    language: str | None = None
    unwanted: frozenset[str] = frozenset()
    met: frozenset[str] = frozenset()

    def asking(self, max_maturity: str | None, country: str | None) -> Who:
        """The same with the parameters of one request, which only restrict; but somebody whose country nobody knows is
        where the request says."""
        age = self.age if max_maturity is None else min(self.age, _AGES[max_maturity])
        return replace(self, age=age, countries=self.countries | ({country} if country else set()))


STRANGER = Who()


@dataclass
class World:
    """One catalogue, its people, and the lists made of them."""

    random: Random
    now_ms: int
    items: dict[str, dict[str, Any] | None] = field(default_factory=dict)  # as producers wrote them; None = withdrawn
    profiles: dict[str, bytes] = field(default_factory=dict)
    met: dict[str, set[str]] = field(default_factory=dict)
    seen_in: dict[str, str] = field(default_factory=dict)  # country of the last event
    users: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.small = SmallWorld()
        self._followed = Profiles(1)
        self._follower = ItemFollower("nowhere:1", Topics("t", "v1"))
        self._follower.model = self.small.model
        self._said = count()
        self.owner = PartitionOwner(0, term=1)
        self._owned = owners(range(1))

    # -- what happens -----------------------------------------------------------------------------------------------

    def fill(self, items: int, users: int) -> None:
        """A catalogue, people, most of whom have a profile, and what they did two days ago."""
        for number in range(items):
            self.say_item(f"i{number}", self.item(number))
        for number in range(users):
            user_id = f"u{number}"
            self.users.append(user_id)
            if self.random.random() < 0.85:
                self.say_profile(user_id, self._profile())
            if self.random.random() < 0.8 or user_id not in self.profiles:
                self._live(user_id)
        self.small.publish(self.now_ms)
        self.small.model.refresh_vectors()

    def say_item(self, item_id: str, raw: dict[str, Any] | None) -> None:
        """A producer writes an item, or withdraws it."""
        self.items[item_id] = raw
        value = None if raw is None else json.dumps(raw).encode()
        key = item_id.encode()
        record = ConsumerRecord("catalog.items", 0, next(self._said), self.now_ms, 0, key, value, None, 0, 0, ())
        with suppress(InvalidEvent):  # reported; what holds of it was taken
            self._follower._apply_catalogue(record)

    def say_profile(self, user_id: str, raw: bytes) -> None:
        """A producer writes a profile."""
        self.profiles[user_id] = raw
        record = ConsumerRecord("users.profiles", 0, 0, self.now_ms, 0, user_id.encode(), raw, None, 0, 0, ())
        try:
            self._followed.apply(record)
        except InvalidEvent:
            return  # reported; what holds of it was taken

    def item(self, number: int) -> dict[str, Any]:
        choose, now_ms = self.random.choice, self.now_ms
        windows = ((), (-DAY_MS, None), (None, DAY_MS), (-DAY_MS, -1), (DAY_MS, None), (None, 1_500), ("soon", None))
        raw: dict[str, Any] = {"title": f"Title {number}", "genres": choose(ITEM_GENRES)}
        _put(raw, "maturity", choose(MATURITIES))
        _put(raw, "regions", choose(REGIONS))
        _put(raw, "year", choose((_ABSENT, _ABSENT, 1999, "MCM")))
        _put(raw, "released_at", choose((_ABSENT, now_ms - 5 * DAY_MS)))
        languages = choose(ITEM_LANGUAGES)
        if languages is not _ABSENT:
            raw["attributes"] = {"languages": languages}
        window = choose(windows) if self.random.random() < 0.3 else ()
        for name, at in zip(("available_from", "available_until"), window, strict=False):
            if at is not None:
                raw[name] = at if isinstance(at, str) else now_ms + at
        return raw

    def _profile(self) -> bytes:
        if self.random.random() < 0.08:
            return self.random.choice(GARBAGE)
        raw: dict[str, Any] = {}
        _put(raw, "maturity_max", self.random.choice(MATURITIES))
        _put(raw, "kids", self.random.choice(KIDS))
        _put(raw, "disliked_genres", self.random.choice(DISLIKED))
        _put(raw, "language", self.random.choice(LANGUAGES))
        _put(raw, "country", self.random.choice(PROFILE_COUNTRIES))
        _put(raw, "favorite_genres", self.random.choice((_ABSENT, ["Drama"], 5)))
        return json.dumps(raw).encode()

    def stricter_profile(self) -> bytes:
        """One that leaves little."""
        return self.random.choice(
            (b'{"kids": true}', b'{"kids": "true"}', b'{"maturity_max": "all"}', b'{"maturity_max": 7.0}', b"garbage")
        )

    def _live(self, user_id: str) -> None:
        choose = self.random.choice
        kinds = (EventType.CLICK, EventType.WATCH_START, EventType.LIKE, EventType.HIDE, EventType.SKIP)
        for number in range(self.random.randrange(1, 12)):
            item_id, kind, country = choose(list(self.items)), choose(kinds), choose((*COUNTRIES, None))
            at_ms = self.now_ms - 2 * DAY_MS + number
            name = f"{user_id} {number}"
            self.small.folds(Interaction(name, kind, user_id, item_id, at_ms, country=country))
            self.met.setdefault(user_id, set()).add(item_id)
            if country:
                self.seen_in[user_id] = country

    # -- what the worker writes -------------------------------------------------------------------------------------

    def maker(self, keys: Keys) -> ListMaker:
        """As a worker has it."""
        return ListMaker(self._follower, keys, keys.version, 30, DAY_MS)

    async def write(self, writer: ListWriter) -> None:
        """Every list of everybody, and everybody's lists."""
        maker = self.maker(writer.keys)
        await writer.hold(self.owner, None)
        asked = []
        for user_id in self.users:
            profile = self._followed.of(0).get(user_id)
            user = self.small.users.view(user_id)
            if user is not None or profile is not None:
                asked.append((user or without_events(user_id, 1), profile))
        of_users = [made.values for made in maker.values_of(asked, 0, self.now_ms)]
        await writer.write_together(of_users, TTL_S)
        shared = SharedListWriter(maker, writer, writer.keys, lambda: self._owned, 1)
        for _ in range(ROUNDS_A_TURN):
            await shared._round(self.now_ms)

    async def write_cards(self, writer: ListWriter) -> None:
        """What a round does first: cards say what the catalogue says by now."""
        await self.cards(writer).write(self._owned, self.now_ms)

    def cards(self, writer: ListWriter) -> ItemCards:
        """As a worker has them."""
        return ItemCards(self.maker(writer.keys), writer, 1)

    async def tell_limits(self, writer: ListWriter, limits: LimitsWriter) -> None:
        """What a worker does at once when profiles changed."""
        await limits.tell(self.small.users, 1_000_000, self.users, self.now_ms, 1_000)

    def limits_told(self, writer: ListWriter) -> LimitsWriter:
        """As a worker has it, with the right to write."""
        held = SimpleNamespace(
            change_audiences=lambda values, ttl_s: writer.change_audiences(values, ttl_s, self.owner)
        )
        return LimitsWriter(self.maker(writer.keys), held, self._followed.of(0), TTL_S)  # type: ignore[arg-type]

    # -- what is right ----------------------------------------------------------------------------------------------

    def who(self, user_id: str) -> Who:
        """What a user may see, by what was said of them."""
        raw = self.profiles.get(user_id)
        met = frozenset(self.met.get(user_id, ()))
        if raw is None and not met:
            return STRANGER
        said = _members(raw, user_id)
        if said is None:
            who = Who(0, language=NOBODYS, unwanted=EVERY_GENRE)
        else:
            age = _age(said.get("maturity_max"), DEFAULT_AGE, unreadable=0)
            kids = said.get("kids")
            if not (kids is None or kids is False or kids == ""):
                age = min(age, 7)
            who = Who(age, _country(said), _language(said.get("language")), _unwanted(said.get("disliked_genres")))
        country = self.seen_in.get(user_id)
        return replace(who, met=met, countries=frozenset({country}) if country else who.countries)

    def objections(self, item_id: str, who: Who, before_ms: int, after_ms: int) -> Iterator[str]:
        """Why a reader may not see an item in an answer given between two moments."""
        raw = self.items.get(item_id)
        if raw is None:
            yield "withdrawn"
            return
        if _age(raw.get("maturity"), DEFAULT_AGE, unreadable=18) > who.age:
            yield f"for {raw.get('maturity')!r}"
        regions = raw.get("regions") or []
        if not isinstance(regions, list) or not all(isinstance(name, str) and len(name) == 2 for name in regions):
            yield "for countries that cannot be read"
        elif regions and not (who.countries and who.countries <= {name.upper() for name in regions}):
            yield f"for {regions}"
        languages = raw.get("attributes", {}).get("languages")
        if languages is not None and languages != [] and who.language is not None:
            named = [languages] if isinstance(languages, str) else languages if isinstance(languages, list) else []
            if who.language not in {_language(name) for name in named if isinstance(name, str)}:
                yield f"in {languages!r}"
        genres = raw["genres"]
        if not isinstance(genres, list) or not all(isinstance(name, str) for name in genres):
            yield "of genres that cannot be read"
        elif (who.unwanted is EVERY_GENRE and genres) or who.unwanted & set(genres):
            yield f"of {genres}"
        for name, is_out in (
            ("available_from", lambda at: at > after_ms),
            ("available_until", lambda at: at <= before_ms),
        ):
            at = raw.get(name)
            if at is not None and (isinstance(at, str) or is_out(at)):
                yield f"{name} {at}"
        if item_id in who.met:
            yield "met"


def _put(raw: dict[str, Any], name: str, value: Any) -> None:
    if value is not _ABSENT:
        raw[name] = value


def _members(raw: bytes | None, user_id: str) -> dict[str, Any] | None:
    """What a profile says; nothing where there is none, None where nothing can be made of it."""
    if raw is None:
        return {}
    try:
        said = json.loads(raw)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.get("user_id", user_id) == user_id else None


def _age(raw: Any, absent: int, *, unreadable: int) -> int:
    if raw is None or raw == "":
        return absent
    if isinstance(raw, bool | list | dict):
        return unreadable
    number = isinstance(raw, int | float) and raw == int(raw)
    return _AGES.get(str(int(raw)) if number else raw if isinstance(raw, str) else "", unreadable)


def _country(said: dict[str, Any]) -> frozenset[str]:
    name = said.get("country")
    return frozenset({name.upper()}) if isinstance(name, str) and len(name) == 2 and name.isalpha() else frozenset()


def _language(name: Any) -> str | None:
    if name is None or name == "":
        return None
    return name.lower().replace("_", "-").partition("-")[0] if isinstance(name, str) else NOBODYS


def _unwanted(said: Any) -> frozenset[str]:
    if said is None or said == "":
        return frozenset()
    if isinstance(said, str):
        return frozenset({said})
    return frozenset(said) if isinstance(said, list) and all(isinstance(n, str) for n in said) else EVERY_GENRE
