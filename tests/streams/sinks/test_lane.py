"""One partition on its way into a store: what becomes a row, what it is tied to, and when."""

from dataclasses import replace

import msgspec
import orjson
from aiokafka.structs import ConsumerRecord

from streams.contract.dead_letters import ORIGINAL_TIME_HEADER
from streams.contract.erasure import ErasureMarker
from streams.contract.identities import Identities
from streams.contract.partitioning import partition_of
from streams.contract.served import ServedItem, ServedList
from streams.contract.user_records import record_key
from streams.kafka.topics import Topics
from streams.sinks.attribution import AttributionLists
from streams.sinks.config import SinkConfig
from streams.sinks.lane import LEAD_MS, SLACK_MS, Lane

NOW = 1_700_000_000_000
PARTITIONS = 4
USER = next(name for name in (f"u{number}" for number in range(99)) if partition_of(name.encode(), PARTITIONS) == 0)
STRAY = next(name for name in (f"u{number}" for number in range(99)) if partition_of(name.encode(), PARTITIONS) == 1)
SECRET = Identities(b"0123456789abcdef0123456789abcdef")


def lane(identities: Identities | None = None, *, reads_served: bool = True) -> Lane:
    config = SinkConfig("", Topics(), identities or Identities(), block_records=100)
    return Lane(config, 0, PARTITIONS, AttributionLists(config.attribution_window_ms, 10**6), reads_served)


def record(topic: str, offset: int, key: bytes | None, value: bytes | None, at_ms: int = NOW) -> ConsumerRecord:
    return ConsumerRecord(topic, 0, offset, at_ms, 1, key, value, None, 0, 0, ())


def click(offset: int, user: str = USER, at_ms: int = NOW, item: str = "a") -> ConsumerRecord:
    event = {"event_id": f"e{offset}", "event_type": "click", "user_id": user, "item_id": item, "timestamp": at_ms}
    return record("user.interactions", offset, user.encode(), orjson.dumps(event), at_ms)


def republished(offset: int, original_ms: int) -> ConsumerRecord:
    return replace(click(offset), headers=((ORIGINAL_TIME_HEADER, b"%d" % original_ms),))


def shown(offset: int, at_ms: int = NOW - 1, user: str = USER) -> ConsumerRecord:
    listed = ServedList("r", "homepage", at_ms, (ServedItem("a", 0, 0.5, "popular"),), user_id=user)
    return record("recommendation.served", offset, record_key(user, f"p.{offset}"), msgspec.json.encode(listed), at_ms)


def erasure(offset: int, end_offset: int, user: str = USER) -> ConsumerRecord:
    return record("user.erasure", offset, user.encode(), ErasureMarker(user, NOW, end_offset).encode())


def test_an_event_waits_until_lists_that_it_may_belong_to_are_known() -> None:
    made = lane()
    made.add_events([click(0)], 0.0)
    made.served_is_at_end(NOW + SLACK_MS - 1)
    assert made.next_block(9.0, 1.0) is None
    made.add_lists([shown(0), shown(1, NOW + SLACK_MS)], 0.0)

    lists, events = made.next_block(9.0, 1.0), made.next_block(9.0, 1.0)

    assert lists is not None
    assert [one.record_id for one in lists.lists] == ["p.0", "p.1"]
    assert events is not None
    assert (events.first, events.end) == (0, 1)
    (event,) = events.events
    assert event.attribution is not None
    assert event.attribution.item.algorithm == "popular"
    assert made.next_block(9.0, 1.0) is None


def test_a_sink_that_wants_no_lists_waits_for_none() -> None:
    made = lane(reads_served=False)
    made.add_events([click(0)], 0.0)
    block = made.next_block(9.0, 1.0)
    assert block is not None
    assert [event.attribution for event in block.events] == [None]


def test_what_workers_refuse_is_no_row_and_counts_by_its_reason() -> None:
    made = lane(reads_served=False)
    records = [
        record("user.interactions", 0, b"u", b"{"),
        click(1, STRAY),
        click(2),
        record("user.interactions", 3, b"u", None),
    ]
    made.add_events(records, 0.0)
    block = made.next_block(9.0, 1.0)
    assert block is not None
    assert ([event.offset for event in block.events], block.end) == ([2], 4)
    assert made.counts.skipped == {"not_json": 2, "wrong_partition": 1}


def test_nothing_of_an_erased_user_is_made_a_row_from_the_moment_the_order_was_read() -> None:
    made = lane()
    made.add_events([click(4), click(5)], 0.0)
    made.add_lists([shown(0, NOW), shown(1, NOW + 1)], 0.0)
    made.add_erasures([erasure(7, end_offset=5)])
    made.served_is_at_end(NOW + 10 * SLACK_MS)

    lists, events = made.next_block(9.0, 1.0), made.next_block(9.0, 1.0)

    assert lists is not None
    assert [one.record_id for one in lists.lists] == ["p.1"]
    assert events is not None
    assert [event.offset for event in events.events] == [5]
    ((ordered, order),) = made.to_erase
    assert order is not None
    assert (ordered.offset, order.end_offset, order.user_ids) == (7, 5, (USER,))


def test_a_dead_letter_published_again_after_its_users_erasure_is_no_row() -> None:
    made = lane(reads_served=False)
    made.add_erasures([erasure(0, end_offset=5)])
    before, after = republished(7, NOW), republished(8, NOW + 1)
    made.add_events([before, after, click(9)], 0.0)
    block = made.next_block(9.0, 1.0)
    assert block is not None
    assert [event.offset for event in block.events] == [8, 9]
    assert [made.is_erased(one) for one in (before, after, click(4), click(9))] == [True, False, True, False]
    assert [made.is_erased(one) for one in (shown(0, NOW), shown(1, NOW + 1))] == [True, False]


def test_an_order_that_is_not_in_force_is_none_and_one_that_is_withdrawn_ends() -> None:
    made = lane(reads_served=False)
    made.add_erasures([erasure(0, 0), erasure(1, 9), record("user.erasure", 2, USER.encode(), None)])
    made.add_events([click(4)], 0.0)
    block = made.next_block(9.0, 1.0)
    assert block is not None
    assert len(block.events) == 1
    assert [order is None for _, order in made.to_erase] == [True, False, True]


def test_users_are_known_by_their_stored_ids_only() -> None:
    made = lane(SECRET)
    stored = SECRET.of(USER)
    made.add_events([click(0)], 0.0)
    made.add_lists([shown(0, user=stored)], 0.0)
    made.add_erasures([erasure(0, 0)])
    made.served_is_at_end(NOW + 10 * SLACK_MS)
    made.next_block(9.0, 1.0)
    block = made.next_block(9.0, 1.0)
    assert block is not None
    (event,) = block.events
    assert event.interaction.user_id == stored
    assert event.attribution is not None


def test_lists_are_not_read_far_ahead_of_events_that_wait() -> None:
    made = lane()
    made.add_lists([shown(0, NOW + 2 * LEAD_MS)], 0.0)
    assert not made.leads, "no event waits"
    made.add_events([click(0)], 0.0)
    assert made.leads
