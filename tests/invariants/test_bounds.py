"""Nothing grows without a bound, and nothing within its bound is forgotten early."""

from invariant_logs import DAY_MS, HOUR_MS, PARTITIONS, START_MS, Folded, Log, as_logs, fold, item_integers

from streams.contract.events import parse_interaction
from tables import associations, item_rows, user_keys, user_row
from tables.item_deltas import item_partition
from tables.item_plane import ItemLimits, ItemPlane
from tables.segmented_log import SEGMENT_ENTRIES
from tables.user_plane import FoldLimits, User, UserPlane

# Written out: a bound that is changed by accident has to be seen.
MAX_HISTORY, MAX_WATCHING, MAX_IDS, KEPT_IDS = 100, 20, 10_000, 1_000
SHARDS, SHARD_NEIGHBOURS = 8, 40
USER = next(user for user in (f"u{n}" for n in range(9)) if as_logs([(0, user.encode(), b"")])[0])
RETENTION_DAYS = 90
LATENESS_MS = 300_000


def event(number: int, at_ms: int, item: str, kind: str = "view") -> tuple[int, bytes, bytes]:
    fields = f'"event_id":"e{number}","event_type":"{kind}","user_id":"{USER}","item_id":"{item}","timestamp":{at_ms}'
    return at_ms, USER.encode(), ("{" + fields + "}").encode()


def user_of(rows: dict[bytes, bytes]) -> User:
    user = UserPlane(0, PARTITIONS, rows, FoldLimits()).view(USER)
    assert user is not None
    return user


def folded(events: list[tuple[int, bytes, bytes]]) -> Folded:
    log = as_logs(events)[0]
    return fold(0, [log[start : start + 500] for start in range(0, len(log), 500)])


def check_bounds(rows: dict[bytes, bytes], user: User) -> None:
    stored = user_row.CODEC.decode(rows[user_keys.user_key(USER)])
    assert len(stored.history.items) == len(user.history) <= MAX_HISTORY
    assert len(user.watching) <= MAX_WATCHING
    assert len(user.dedupe.known) <= MAX_IDS
    for log in (user.dedupe.log, user.seen.log):
        assert all(len(segment.entries) <= SEGMENT_ENTRIES for segment in log.segments)
        assert all(segment.full for segment in log.segments[:-1])
    named = [key for key in rows if key[:1] in (user_keys.DEDUPE, user_keys.SEEN)]
    assert sorted(named) == sorted(key for key in user.row_keys() if key[:1] != user_keys.USER)


def test_a_flood_of_one_user_stays_within_every_bound() -> None:
    flood = [event(number, START_MS + number * 5_000, f"i{number}", "watch_start") for number in range(11_000)]
    rows = folded(flood).rows
    user = user_of(rows)
    check_bounds(rows, user)
    assert len(user.history) == MAX_HISTORY
    assert len(user.watching) == MAX_WATCHING
    assert len(user.dedupe.known) > MAX_IDS - SEGMENT_ENTRIES


def test_ids_are_known_for_a_day_and_at_least_a_thousand_of_them() -> None:
    slow = [event(number, START_MS + number * HOUR_MS, "i") for number in range(KEPT_IDS + 3 * SEGMENT_ENTRIES)]
    user = user_of(folded(slow).rows)
    assert KEPT_IDS <= len(user.dedupe.known) <= KEPT_IDS + 2 * SEGMENT_ENTRIES


def test_an_item_is_seen_for_the_whole_retention_and_forgotten_some_time_after() -> None:
    """Each item is met twice, six days apart: too soon for the second time to be logged."""
    plane = UserPlane(0, PARTITIONS, {}, FoldLimits())
    for day in range(3 * RETENTION_DAYS):
        for nth, item in enumerate((day, day - 6)):
            at_ms, key, value = event(2 * day + nth, START_MS + day * DAY_MS + nth, f"i{item}")
            plane.fold(parse_interaction(value, at_ms), key, 2 * day + nth, at_ms)
        user = plane.view(USER)
        assert user is not None
        within = {f"i{met}" for met in range(max(0, day - RETENTION_DAYS - 5), day + 1)}
        assert within <= set(user.seen.hours), day
    assert "i0" not in user.seen


def test_neighbours_stay_within_their_shards() -> None:
    hot = []
    for number in range(1_500):  # slower than the share of a day, so that each event teaches
        at_ms = START_MS + number * HOUR_MS
        hot += [event(2 * number, at_ms, "hot"), event(2 * number + 1, at_ms + 1, f"i{number}")]
    found = folded(hot)
    sizes = {}
    for target, values in found.deltas.items():
        store: dict[bytes, bytes] = {}
        plane = ItemPlane(target, store, ItemLimits())
        for value in values:
            plane.apply(value)
        plane.changes(whole=True)
        for key, row in store.items():
            if key[:1] == item_rows.ASSOCIATIONS:
                sizes[key[1:].decode()] = associations.decode(row).sizes[:SHARDS].tolist()
    assert max(max(of_shards) for of_shards in sizes.values()) == SHARD_NEIGHBOURS
    assert min(sizes["hot"]) > 0


def test_real_users_stay_within_every_bound(real_logs: list[Log]) -> None:
    for partition, log in enumerate(real_logs):
        rows = fold(partition, [log]).rows
        plane = UserPlane(partition, PARTITIONS, dict(rows), FoldLimits())
        for user_id in plane.users():
            user = plane.view(user_id)
            assert user is not None
            assert len(user.history) <= MAX_HISTORY
            assert user.row.folded == len(user.dedupe.known)


def test_buckets_are_gone_too_where_nothing_is_counted_any_more() -> None:
    quiet = next(item for item in (f"i{n}" for n in range(99)) if item_partition(item, PARTITIONS) == 1)
    busy = next(item for item in (f"i{n}" for n in range(99)) if item_partition(item, PARTITIONS) == 2)
    log = as_logs([event(0, START_MS, quiet), event(1, START_MS + 9 * DAY_MS, busy, "impression")])[0]
    for batches in ([log], [[one] for one in log]):
        told = fold(0, batches).deltas
        for target in range(PARTITIONS):  # a partition that owns neither item as well: it may have others
            rows = item_integers(target, told[target])
            assert not [key for key in rows if key[:1] == item_rows.BUCKET]
            watermark_ms = item_rows.PLANE_CODEC.decode(rows[item_rows.PLANE]).watermark_ms
            assert watermark_ms == (START_MS + 9 * DAY_MS - LATENESS_MS) // HOUR_MS * HOUR_MS


def test_time_is_told_once_an_hour_only() -> None:
    minutes = [event(number, START_MS + number * 60_000, f"i{number}", "impression") for number in range(600)]
    told = fold(0, [[one] for one in as_logs(minutes)[0]], restarts=True).deltas
    assert {len(values) for values in told.values()} == {11}  # the hour it starts in, and ten more


def test_buckets_are_gone_when_their_time_has_passed() -> None:
    found = folded([event(0, START_MS, "old"), event(1, START_MS + 9 * DAY_MS, "new")])
    for target, values in found.deltas.items():
        rows = item_integers(target, values, tick_ms=found.watermark_ms)
        assert not [key for key in rows if key[:1] == item_rows.BUCKET and item_rows.bucket_of(key)[1] == "old"]
