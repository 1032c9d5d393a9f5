"""The log of one schedule and what an undisturbed fold makes of it: record after record, no batches, no faults."""

import random
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord, TopicPartition

from simulation.kafka import Headers
from simulation.steps import KILLER, POISON, content_of
from streams.contract.dead_letters import ORIGINAL_TIME_HEADER
from streams.contract.events import InvalidEvent, Reason, parse_interaction
from streams.contract.partitioning import partition_of
from tables import item_rows
from tables.item_deltas import encode, route
from tables.item_plane import ItemLimits, ItemPlane
from tables.signal import Signal
from tables.user_plane import FoldKind, FoldLimits, UserPlane

PARTITIONS = 2
ITEM_PARTITIONS = 1
START_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
USERS = [f"u{number}" for number in range(8)]
LAST_AFTER_S = 0.6
LIMITS = FoldLimits(history=5, cached_users=3)
TYPES = ("view", "click", "like", "watch_progress", "impression", "purchase", "hide", "rating")

Spot = tuple[int, int]  # (input partition, offset)


@dataclass(frozen=True, slots=True)
class Published:
    """One record and when it is published."""

    at_s: float
    partition: int
    key: bytes | None
    value: bytes
    append_ms: int
    headers: Headers = ()


#: Of records as producers send them: what says nothing to us, and what says what we never write.
HARMLESS_HEADERS: Headers = (("traceparent", b"00-1"), ("traceparent", None))
BAD_HEADERS: Headers = tuple((ORIGINAL_TIME_HEADER, text) for text in (None, b"", b"9" * 5_000, b"-1"))


def new_history(draw: random.Random, records: int, within_s: float, poison: bytes | None = None) -> list[Published]:
    """Events of a few users: duplicates, late ones, ones behind the retention, damaged ones, perhaps one poison."""
    published: list[Published] = []
    fatal = draw.randrange(records) if poison else -1
    for number in range(records):
        user = draw.choice(USERS)
        append_ms = START_MS + number * draw.choice((1_000, HOUR_MS))
        event = number if draw.random() > 0.12 else draw.randrange(number + 1)
        behind_ms = draw.choice((0, 0, 0, 0, 10_000, 20 * 60_000, 8 * DAY_MS, 91 * DAY_MS))
        value = (
            f'{{"event_id":"e{event}","event_type":"{draw.choice(TYPES)}","user_id":"{user}","rating":4,'
            f'"item_id":"i{draw.randrange(7)}","timestamp":{append_ms - behind_ms}}}'
        ).encode()
        key: bytes | None = user.encode()
        partition = partition_of(user.encode(), PARTITIONS)
        headers: Headers = ()
        oddity = draw.random()
        if number == fatal and poison:
            value = poison
        elif oddity < 0.04:
            value = value[:-3]
        elif oddity < 0.07:
            partition = 1 - partition
        elif oddity < 0.11:
            headers = (draw.choice(HARMLESS_HEADERS + BAD_HEADERS),)
        published.append(Published(number / records * within_s, partition, key, value, append_ms, headers))
    return published + [_last(partition, within_s + LAST_AFTER_S) for partition in range(PARTITIONS)]


def _last(partition: int, at_s: float) -> Published:
    """One more event, long after the others: records that were dropped are missed when the next ones come."""
    user = next(user for user in USERS if partition_of(user.encode(), PARTITIONS) == partition)
    append_ms = START_MS + 2 * DAY_MS
    value = f'{{"event_type":"view","user_id":"{user}","item_id":"i0","timestamp":{append_ms}}}'
    return Published(at_s, partition, user.encode(), value.encode(), append_ms)


@dataclass
class Expected:
    """What must be committed in the end, whatever happened."""

    rows: list[dict[bytes, bytes]] = field(default_factory=list)  # by input partition, `settled`, without tallies
    tallies: list[dict[bytes, tuple[int, int]]] = field(default_factory=list)
    dead_letters: dict[Spot, Reason] = field(default_factory=dict)
    contents: dict[tuple[str, int], bytes] = field(default_factory=dict)  # (user, offset) -> content of a list
    offsets: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # user -> offsets of the row
    last_event_ms: dict[tuple[str, int], int] = field(default_factory=dict)  # (user, offset) -> as the row has it
    watermarks_ms: list[list[int]] = field(default_factory=list)  # by input partition: after each record
    item_rows: dict[bytes, bytes] = field(default_factory=dict)
    visits: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    horizon_hour: int = 0
    #: (erased user, offset) -> contents of a list, by the first offset that is folded: how late an erasure is heard of
    #: decides which it is.
    after_erasure: dict[tuple[str, int], dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))

    def idle(self, user: str, offset: int, position: int) -> bool:
        """Whether the user, last heard of at `offset`, is idle where everything before `position` is folded."""
        watermark_ms = self.watermarks_ms[partition_of(user.encode(), PARTITIONS)][position - 1]
        return self.last_event_ms[user, offset] < watermark_ms - LIMITS.retention_ms


def note_erasures(expected: Expected, logs: Sequence[list[ConsumerRecord]], users: Collection[str]) -> None:
    """Notes what lists of erased users may say, whatever is folded of them."""
    for user in users:
        partition = partition_of(user.encode(), PARTITIONS)
        for first in expected.offsets[user]:
            plane = UserPlane(partition, PARTITIONS, {}, LIMITS, {user: first})
            for record in logs[partition]:
                _note_content(expected, plane, record, user, first)


def _note_content(expected: Expected, plane: UserPlane, record: ConsumerRecord, user: str, first: int) -> None:
    try:
        _refuse_bad_headers(record)
        event = parse_interaction(record.value, record.timestamp)
        fold = plane.fold(event, record.key, record.offset, record.timestamp)
    except InvalidEvent:
        return
    if fold.user_id == user and fold.kind is not FoldKind.ERASED:
        found = plane.view(user)
        assert found is not None
        expected.after_erasure[user, record.offset][first] = content_of(found)


def undisturbed(logs: Iterable[list[ConsumerRecord]], quarantined: Collection[Spot] = ()) -> Expected:
    """The fold of complete input logs, except for records that became dead letters because they end workers."""
    expected = Expected()
    items: dict[bytes, bytes] = {}
    item_plane = ItemPlane(0, items, ItemLimits())
    for partition, log in enumerate(logs):
        rows: dict[bytes, bytes] = {}
        plane = UserPlane(partition, PARTITIONS, rows, LIMITS)
        tally: dict[bytes, tuple[int, int]] = {}
        signals = []
        watermarks_ms: list[int] = []
        expected.watermarks_ms.append(watermarks_ms)
        for record in log:
            spot = partition, record.offset
            if spot in quarantined:
                expected.dead_letters[spot] = Reason.FOLD_FAILED
                watermarks_ms.append(plane.watermark_ms)
                continue
            if record.value in (POISON, KILLER):
                raise AssertionError(f"{spot} was never made a dead letter")
            count, offsets = tally.get(record.key, (0, 0))
            tally[record.key] = count + 1, offsets + record.offset
            signal = _fold(plane, record, spot, expected)
            watermarks_ms.append(plane.watermark_ms)
            if signal is not None:
                signals.append(signal)
        if signals:
            item_plane.apply(encode(route(signals, ITEM_PARTITIONS)[0], partition, plane.watermark_ms))
        expected.visits[b"%d" % partition] = len(signals), sum(signal.offset for signal in signals)
        plane.changes()
        expected.rows.append(settled(partition, rows))
        expected.tallies.append(tally)
        expected.horizon_hour = max(expected.horizon_hour, horizon_hour(plane.watermark_ms))
    item_plane.changes()
    expected.item_rows = integer_rows(items, expected.horizon_hour)
    return expected


def _fold(plane: UserPlane, record: ConsumerRecord, spot: Spot, expected: Expected) -> Signal | None:
    try:
        _refuse_bad_headers(record)
        event = parse_interaction(record.value, record.timestamp)
        fold = plane.fold(event, record.key, record.offset, record.timestamp)
    except InvalidEvent as refused:
        expected.dead_letters[spot] = refused.reason
        return None
    user = plane.view(fold.user_id)
    assert user is not None
    expected.contents[fold.user_id, record.offset] = content_of(user)
    expected.offsets[fold.user_id].append(record.offset)
    expected.last_event_ms[fold.user_id, record.offset] = user.row.last_event_ms
    return fold.signal


def _refuse_bad_headers(record: ConsumerRecord) -> None:
    if any(header in BAD_HEADERS for header in record.headers):
        raise InvalidEvent(Reason.BAD_HEADER, "")


def settled(partition: int, rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The rows without those of idle users: when these are dropped is not a matter of the log."""
    left = dict(rows)
    plane = UserPlane(partition, PARTITIONS, left, LIMITS)
    for user_id in list(plane.users()):
        plane.purge(user_id)
    plane.changes()
    return left


def horizon_hour(watermark_ms: int) -> int:
    """The oldest hour whose bucket is kept at a watermark."""
    return (watermark_ms - ItemLimits().bucket_retention_ms) // HOUR_MS


def integer_rows(rows: dict[bytes, bytes], oldest_hour: int) -> dict[bytes, bytes]:
    """The rows of the item plane that hold counts: neighbours are weights and depend on the order of arrival.

    Buckets before `oldest_hour` are left out: when they expire depends on the batch whose delta says so.
    """
    return {
        key: value
        for key, value in rows.items()
        if key[:1] == item_rows.COUNTS or (key[:1] == item_rows.BUCKET and item_rows.bucket_of(key)[0] >= oldest_hour)
    }


def input_log(logs: dict[TopicPartition, list[ConsumerRecord]], topic: str) -> list[list[ConsumerRecord]]:
    """The complete logs of the input partitions."""
    return [logs[TopicPartition(topic, partition)] for partition in range(PARTITIONS)]
