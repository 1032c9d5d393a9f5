"""With a secret no row, signal or outcome knows who a user is; everything else is as without."""

import pytest

from streams.contract.events import EventType, Interaction, InvalidEvent
from streams.contract.identities import PLAIN, Identities
from streams.contract.partitioning import partition_of
from tables.user_plane import FoldKind, FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
HASHED = Identities(b"0123456789abcdef0123456789abcdef")
USER = "somebody-known"
PARTITIONS = 7


def folded(identities: Identities, erased: dict[str, int] | None = None) -> tuple[UserPlane, dict[bytes, bytes]]:
    store: dict[bytes, bytes] = {}
    mine = partition_of(USER.encode(), PARTITIONS)
    plane = UserPlane(mine, PARTITIONS, store, FoldLimits(), erased or {}, identities)
    for number in range(200):
        kind = EventType.SEARCH if number % 9 == 0 else EventType.VIEW
        event = Interaction(f"{USER}:{number % 190}", kind, USER, f"i{number}", NOW_MS + number, query="q")
        plane.fold(event, USER.encode(), number, NOW_MS)
    plane.changes()
    return plane, store


def test_no_row_holds_the_id() -> None:
    _, store = folded(HASHED)
    assert not [key for key, value in store.items() if USER.encode() in key + value]
    _, plain = folded(PLAIN)
    assert [key for key in plain if USER.encode() in key]
    assert len(store) == len(plain)


def test_ids_of_events_cannot_be_tried_out() -> None:
    """Rows keep 8 bytes of each event's id; without the secret nobody may find out whose ids they are."""
    plane, _ = folded(HASHED)
    plain, _ = folded(PLAIN)
    mine, theirs = plane.view(HASHED.of(USER)), plain.view(USER)
    assert mine is not None
    assert theirs is not None
    assert len(mine.dedupe.known) == len(theirs.dedupe.known) == 190
    assert mine.dedupe.known.isdisjoint(theirs.dedupe.known)


def test_the_key_stays_the_producers_and_decides_the_partition() -> None:
    mine = partition_of(USER.encode(), PARTITIONS)
    other = UserPlane((mine + 1) % PARTITIONS, PARTITIONS, {}, FoldLimits(), {}, HASHED)
    plane, _ = folded(HASHED)
    event = Interaction("e", EventType.VIEW, USER, "i", NOW_MS)
    for owner, key in ((other, USER), (plane, HASHED.of(USER))):
        with pytest.raises(InvalidEvent, match="wrong_partition"):
            owner.fold(event, key.encode(), 500, NOW_MS)


def test_counts_are_the_same_and_erasures_name_stored_ids() -> None:
    assert folded(HASHED)[0].totals() == folded(PLAIN)[0].totals() == (190, 10)
    plane, _ = folded(HASHED, {HASHED.of(USER): 200})
    event = Interaction("e", EventType.VIEW, USER, "i", NOW_MS)
    assert plane.fold(event, USER.encode(), 199, NOW_MS).kind is FoldKind.ERASED
    assert (plane.totals(), plane.erased) == ((0, 0), 200)
