"""Profiles as they are followed: the last word counts, unreadable records change nothing."""

from types import SimpleNamespace
from typing import Any

import pytest

from agents.followers import misplaced
from agents.followers.misplaced import MisplacedProfiles
from agents.followers.profiles import Profiles
from agents.followers.recent_changes import REMEMBERED_CHANGES
from streams.contract.catalog import KIDS_MAX_AGE, UserProfile, viewer_age
from streams.contract.events import InvalidEvent
from streams.contract.identities import Identities
from streams.contract.misplaced import MisplacedProfile
from streams.contract.user_records import user_partition
from streams.kafka.producer import OutgoingRecord

PARTITIONS = 4
HASHED = Identities(b"0123456789abcdef0123456789abcdef")


class Owners:
    """Who owns the user and who reads what lies elsewhere, and what the one tells the other."""

    def __init__(self) -> None:
        self.mine = Profiles(PARTITIONS, HASHED)
        self.others = Profiles(PARTITIONS, HASHED, self._tell)

    def _tell(self, found: MisplacedProfile, partition: int) -> None:
        key, value = found.record()
        told = SimpleNamespace(key=key, value=value, partition=partition)
        self.mine.apply_misplaced(told)  # type: ignore[arg-type]

    def elsewhere(self, value: bytes | None, timestamp: int, places: int = 1) -> None:
        """A producer says it of u1 that many partitions beyond the right one."""
        said = record("u1", value, timestamp)
        said.partition = (said.partition + places) % PARTITIONS
        try:
            self.others.apply(said)
        except InvalidEvent:
            assert value is not None
        else:
            assert value is None

    @property
    def age(self) -> int:
        """Up to which u1 may see what the owner lists."""
        return viewer_age(self.mine.of(user_partition("u1", PARTITIONS)).get(HASHED.of("u1")), "18")


def test_a_profile_in_another_partition_restricts_its_user_most() -> None:
    owners = Owners()
    assert owners.age == 18
    owners.elsewhere(b'{"maturity_max":"16"}', 5)
    assert owners.age <= KIDS_MAX_AGE
    assert list(owners.mine.of(user_partition("u1", PARTITIONS)).users()) == [HASHED.of("u1")]
    owners.mine.apply(record("u1", b'{"maturity_max":"18"}', 5))
    assert owners.age <= KIDS_MAX_AGE, "of two that were said at once nobody knows the last word"
    owners.mine.apply(record("u1", b'{"maturity_max":"18"}', 6))
    assert owners.age == 18


def test_what_lies_elsewhere_restricts_until_it_is_removed_there_and_whatever_is_read_again() -> None:
    owners = Owners()
    owners.mine.apply(record("u1", b'{"maturity_max":"18"}', 6))
    owners.elsewhere(b"unreadable", 7)
    owners.elsewhere(b'{"kids":true}', 3, places=2)  # an owner who reads it again
    assert owners.age <= KIDS_MAX_AGE
    owners.mine.apply(record("u1", None, 9))
    assert owners.age <= KIDS_MAX_AGE, "to remove another profile lifts nothing"
    owners.elsewhere(None, 9)
    assert owners.age <= KIDS_MAX_AGE
    owners.elsewhere(None, 9, places=2)
    assert (owners.age, list(owners.mine.of(user_partition("u1", PARTITIONS)).users())) == (18, [])
    owners.elsewhere(None, 9, places=2)  # again, by whoever starts


def test_somebody_whose_profile_lies_elsewhere_was_seen_when_it_was_said() -> None:
    owners = Owners()
    mine = owners.mine.of(user_partition("u1", PARTITIONS))
    owners.elsewhere(b'{"kids":true}', 7)
    assert (mine.seen_ms(HASHED.of("u1")), mine.said_ms(HASHED.of("u1")), mine.elsewhere) == (7, 0, 1)
    owners.mine.apply(record("u1", b'{"maturity_max":"18"}', 9))
    assert (mine.seen_ms(HASHED.of("u1")), mine.elsewhere) == (9, 0), "what is behind a later one restricts nobody"


def test_what_is_said_again_is_no_change() -> None:
    owners = Owners()
    owners.elsewhere(b'{"kids":true}', 7)
    mine = owners.mine.of(user_partition("u1", PARTITIONS))
    before = mine.version
    owners.elsewhere(b'{"kids":true}', 7)
    owners.elsewhere(None, 7, places=2)
    assert mine.version == before
    owners.elsewhere(b'{"kids":true}', 8)
    assert mine.version == before + 1


async def test_nothing_is_told_while_partitions_are_read_nor_of_those_that_others_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[tuple[bytes, bytes | None, int | None]] = []

    class Written:
        def __init__(self, *_: object, **__: object) -> None: ...

        async def __aenter__(self) -> "Written":
            return self

        async def __aexit__(self, *_: object) -> None: ...

        async def publish_all(self, records: list[OutgoingRecord]) -> None:
            written.extend((one.key or b"", one.value, one.partition) for one in records)

    monkeypatch.setattr(misplaced, "Producer", Written)
    found = MisplacedProfiles("nowhere", "users.profiles.misplaced")
    found.hold()
    found.note(MisplacedProfile("u1", 3, 5), 1)
    found.note(MisplacedProfile("u2", 2, 5), 1)
    found.note(MisplacedProfile("u1", 3, 8), 1)
    await found._try()
    assert written == []
    found.drop(2)
    found.release()
    await found._try()
    await found._try()
    assert written == [(b"u1\x003", b"8", 1)]


@pytest.mark.parametrize(
    ("key", "value"), [(None, b"1"), (b"u1", b"1"), (b"u1\0x", b"1"), (b"\xff\x001", b"1"), (b"u\x001", b"")]
)
def test_what_says_nothing_about_a_place_is_refused(key: bytes | None, value: bytes | None) -> None:
    told: Any = SimpleNamespace(key=key, value=value, partition=0)
    with pytest.raises(InvalidEvent):
        Profiles(1).apply_misplaced(told)


def record(user_id: str, value: bytes | None, timestamp: int = 5) -> Any:
    return SimpleNamespace(
        key=user_id.encode(),
        value=value,
        timestamp=timestamp,
        topic="users.profiles",
        partition=user_partition(user_id, PARTITIONS),
        offset=0,
    )


def test_the_last_profile_counts_in_the_partition_of_its_user() -> None:
    profiles = Profiles(PARTITIONS)
    for country in ("NL", "DE"):
        profiles.apply(record("u1", b'{"country":"%s","kids":true}' % country.encode()))
    mine = profiles.of(user_partition("u1", PARTITIONS))
    found = mine.get("u1")
    assert found is not None
    assert (found.user_id, found.country, found.kids) == ("u1", "DE", True)
    assert (mine.said_ms("u1"), mine.version, list(mine.users())) == (5, 2, ["u1"])
    profiles.apply(record("u1", None))
    assert (mine.get("u1"), mine.said_ms("u1"), list(mine.users())) == (None, 0, [])


def test_an_unreadable_country_is_said_and_not_known() -> None:
    profiles = Profiles(PARTITIONS)
    profiles.apply(record("u1", b'{"country":"NL"}'))
    with pytest.raises(InvalidEvent):
        profiles.apply(record("u1", b'{"country":"Netherlands"}'))
    mine = profiles.of(user_partition("u1", PARTITIONS))
    assert mine.version == 2
    assert mine.get("u1") == UserProfile("u1")


@pytest.mark.parametrize(
    "value", [b'{"kids":"true"}', b'{"kids":1}', b'{"maturity_max":"R"}', b"garbage", b'{"user_id":"other"}']
)
def test_an_unreadable_restriction_restricts_most(value: bytes) -> None:
    profiles = Profiles(PARTITIONS, Identities(b"0123456789abcdef0123456789abcdef"))
    profiles.apply(record("u1", b'{"maturity_max":"18"}'))
    with pytest.raises(InvalidEvent):
        profiles.apply(record("u1", value))
    mine = profiles.of(user_partition("u1", PARTITIONS))
    (stored_id,) = mine.users()
    assert viewer_age(mine.get(stored_id), "18") <= KIDS_MAX_AGE


@pytest.mark.parametrize("ignored", ["1e999", "[[-1e999]]", '{"a":1e400}', "9" * 400])
def test_what_is_ignored_in_a_profile_is_ignored_under_a_stored_id_too(ignored: str) -> None:
    hashed = Identities(b"0123456789abcdef0123456789abcdef")
    profiles = Profiles(PARTITIONS, hashed)
    profiles.apply(record("u1", f'{{"kids":true,"favorite_genres":["Ä"],"ignored":{ignored}}}'.encode()))
    found = profiles.of(user_partition("u1", PARTITIONS)).get(hashed.of("u1"))
    assert found is not None
    assert (found.kids, found.favorite_genres) == (True, ("Ä",))


def test_changes_are_told_one_by_one_as_long_as_they_are_remembered() -> None:
    mine = Profiles(1).of(0)
    for number in range(3):
        mine.put(f"u{number}", None, 0)
    assert mine.changed_since(1) == ["u1", "u2"]
    assert mine.changed_since(3) == []
    for _ in range(REMEMBERED_CHANGES):
        mine.put("u", None, 0)
    assert mine.changed_since(2) is None


def test_with_a_secret_profiles_are_known_by_stored_ids_in_the_partition_of_the_raw_one() -> None:
    hashed = Identities(b"0123456789abcdef0123456789abcdef")
    profiles = Profiles(PARTITIONS, hashed)
    profiles.apply(record("u1", b'{"user_id":"u1","country":"NL"}'))
    mine = profiles.of(user_partition("u1", PARTITIONS))
    found = mine.get(hashed.of("u1"))
    assert found is not None
    assert (found.user_id, found.country) == (hashed.of("u1"), "NL")
    assert (mine.get("u1"), mine.changed_since(0)) == (None, [hashed.of("u1")])
    profiles.apply(record("u1", None))
    assert list(mine.users()) == []
