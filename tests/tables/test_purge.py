"""A user whose last event is out of the retention's reach is nobody's: unseen, dropped when it suits, new on return."""

from streams.contract.events import EventType, Interaction
from tables import partition_row, user_keys, user_row
from tables.partition_row import PartitionRow
from tables.user_plane import FoldKind, FoldLimits, UserPlane

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIMITS = FoldLimits(allowed_lateness_ms=0)
RETENTION_DAYS = 90


class World:
    """A partition of which u1 has 200 events on the first day."""

    def __init__(self) -> None:
        self.store: dict[bytes, bytes] = {}
        self.plane = UserPlane(0, 1, self.store, LIMITS)
        self.offset = 0
        for number in range(200):
            self.fold("u1", 0.0, f"e{number}")
        self.fold("u1", 0.0, "e0")

    def fold(self, user: str, day: float, event_id: str) -> FoldKind:
        at_ms = START_MS + int(day * DAY_MS)
        event = Interaction(event_id, EventType.VIEW, user, f"i{event_id}", at_ms)
        kind = self.plane.fold(event, user.encode(), self.offset, at_ms).kind
        self.offset += 1
        return kind

    def keys_of(self, user: str) -> list[bytes]:
        self.plane.changes()
        return [key for key in self.store if key.endswith(user.encode())]


def test_idle_is_beyond_the_retention_and_not_on_its_edge() -> None:
    world = World()
    world.fold("u2", RETENTION_DAYS, "x")
    assert world.plane.idle_since("u1") is None
    assert not world.plane.purge("u1")
    assert world.plane.view("u1") is not None
    world.fold("u2", RETENTION_DAYS + 0.001, "y")
    assert world.plane.idle_since("u1") == 200
    assert world.plane.view("u1") is None
    assert world.plane.idle_since("u3") is None


def test_a_purge_drops_every_row_and_keeps_the_sums() -> None:
    world = World()
    assert len(world.keys_of("u1")) > 3  # segments too
    world.fold("u2", 91, "x")
    before = world.plane.totals()
    assert world.plane.purge("u1")
    assert not world.plane.purge("u1")
    assert world.plane.totals() == before == (201, 1)
    changes = dict(world.plane.changes())
    assert changes[b"ru1"] is None
    assert world.keys_of("u1") == []
    assert len(world.plane) == 1
    row = partition_row.CODEC.decode(world.store[user_keys.PARTITION])
    assert (row.purged_folded, row.purged_duplicates) == (200, 1)


def test_whoever_comes_back_is_new_though_the_rows_are_still_there() -> None:
    world = World()
    world.keys_of("u1")
    world.fold("u2", 91, "x")
    assert world.fold("u1", 91, "e0") is FoldKind.FOLDED  # the same id once was a duplicate
    user = world.plane.view("u1")
    assert user is not None
    assert (user.row.folded, len(user.history), world.plane.totals()) == (1, 1, (202, 1))
    assert world.keys_of("u1") == [b"ru1"]


def test_an_event_of_a_purged_user_delivered_again_makes_no_dead_letter() -> None:
    world = World()
    world.fold("u2", 91, "x")
    world.plane.purge("u1")
    world.offset = 7
    assert world.fold("u1", 0.0, "e7") is FoldKind.REDELIVERED
    assert world.plane.view("u1") is None


def test_who_is_idle_is_seen_in_stored_rows_too() -> None:
    world = World()
    world.fold("u2", 91, "x")
    world.plane.changes()
    restarted = UserPlane(0, 1, world.store, LIMITS)
    assert {user: restarted.idle_since(user) for user in restarted.users()} == {"u1": 200, "u2": None}
    assert user_row.LAST_SEEN.decode(world.store[b"ru1"]).last_event_ms == START_MS


def test_a_partition_row_from_before_purges_is_read_as_one_of_today() -> None:
    old = PartitionRow(1, 5, 7, 1, 2, 3, 4)
    found = partition_row.CODEC.decode(b"\x97" + partition_row.CODEC.encode(old)[1:-2])
    assert found == PartitionRow(last_offset=5, highest_ms=7, late=1, too_old=2, erased=3, erasures_applied=4)
    assert found.version == partition_row.PARTITION_ROW_VERSION
