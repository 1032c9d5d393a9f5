"""`freshet sink clickhouse` as a process: what events are tied to, what is refused, who is erased."""

import secrets
import time

import orjson
import pytest
from harness.polling import eventually
from harness.sinks import SinkWorld, shown_record
from harness.traffic import event_record

from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import read_topics

pytestmark = pytest.mark.stack


def now_ms() -> int:
    return time.time_ns() // 1_000_000


async def test_events_are_rows_of_the_lists_that_they_belong_to(world: SinkWorld) -> None:
    sink = world.start_sink("sink")
    at_ms = now_ms()
    served, interactions = world.topics.served, world.topics.interactions
    first = shown_record(
        served, "u", ["a", "b"], recommendation_id="r1", algorithm="sequential", variant="x", at_ms=at_ms - 2000
    )
    second = shown_record(
        served, "u", ["b"], recommendation_id="r2", variant="y", at_ms=at_ms - 1000, experiment_id="try", country="DE"
    )
    await world.producer.publish_all([first, second])
    await world.producer.publish_all(
        [
            event_record(interactions, "u", "b", event_type="click", recommendation_id="r1", referrer="mail"),
            event_record(interactions, "u", "b", event_type="play"),
            event_record(interactions, "u", "a", event_type="click", variant="own"),
            event_record(interactions, "u", "c", event_type="click"),
            event_record(interactions, "other", "b", event_type="click"),
        ]
    )

    await world.caught_up()

    rows = world.rows(
        "SELECT user_id, content_id, event_type, algorithm, position, variant, experiment_id, recommendation_id, "
        "attribution, referrer, country FROM {db}.recommendation_events FINAL WHERE event_type != 'served' "
        "ORDER BY source_partition, source_offset"
    )
    assert [row for row in rows if row[0] == "u"] == [
        ("u", "b", "click", "sequential", 1, "x", "", "r1", "recommendation_id", "mail", ""),
        ("u", "b", "play", "popular", 0, "y", "try", "r2", "window", "", "DE"),
        ("u", "a", "click", "sequential", 0, "own", "", "r1", "window", "", ""),
        ("u", "c", "click", "", -1, "", "", "", "", "", ""),
    ]
    assert [row[8] for row in rows if row[0] == "other"] == [""]
    metrics = world.rows(
        "SELECT algorithm, variant, served, clicks, watches FROM {db}.recommendation_metrics FINAL ORDER BY variant"
    )
    assert metrics == [("sequential", "own", 0, 1, 0), ("sequential", "x", 2, 1, 0), ("popular", "y", 1, 0, 1)]
    assert await sink.terminate() == 0, sink.log_text


async def test_what_the_store_refuses_is_a_dead_letter_and_all_else_is_stored(world: SinkWorld) -> None:
    sink = world.start_sink("sink")
    await world.group.members_are(1)
    world.rows("ALTER TABLE {db}.recommendation_events MODIFY COLUMN position Int8")
    topic, user = world.topics.interactions, f"u-{secrets.token_hex(4)}"
    places = [number if number != 7 else 300 for number in range(20)]
    await world.producer.publish_all(
        [event_record(topic, user, f"i{n}", position=place) for n, place in enumerate(places)]
    )

    await world.caught_up()

    stored = world.rows(f"SELECT content_id FROM {{db}}.recommendation_events FINAL WHERE user_id = '{user}'")
    assert {item for (item,) in stored} == {f"i{number}" for number in range(20)} - {"i7"}
    letters: list[DeadLetter] = []
    await read_topics(
        world.place.bootstrap,
        [world.topics.dead_letters],
        lambda record: letters.append(DeadLetter.from_record(record.key, record.value, record.headers)),
    )
    (letter,) = letters
    assert letter.reason is Reason.STORE_REFUSED
    assert letter.detail.startswith("clickhouse: ")
    assert orjson.loads(letter.value or b"")["position"] == 300
    assert await sink.terminate() == 0, sink.log_text


async def test_an_erased_user_goes_and_does_not_come_back(world: SinkWorld) -> None:
    topic, gone, stays = world.topics.interactions, f"gone-{secrets.token_hex(4)}", f"stays-{secrets.token_hex(4)}"
    likes = "SELECT sum(likes) FROM {db}.content_metrics_hourly FINAL"
    sink = world.start_sink("sink")
    await world.producer.publish_all(
        [
            shown_record(world.topics.served, gone, ["a"], recommendation_id="r"),
            event_record(topic, gone, "a", event_type="like"),
            event_record(topic, stays, "a", event_type="like"),
        ]
    )
    await world.caught_up()
    assert world.ask(likes) == 2

    erased = world.freshet("erase", gone, "--json")
    assert erased.returncode == 0, erased.stderr + erased.stdout
    assert orjson.loads(erased.stdout.splitlines()[-1])["stores"] == {"clickhouse": "sink"}

    async def made_again() -> bool:
        return world.ask(likes) == 1

    await eventually("sums are those without the user", made_again)
    await world.producer.publish_all([event_record(topic, gone, "b", event_type="click")])
    await world.caught_up()
    assert await sink.terminate() == 0, sink.log_text
    again = world.start_sink("again", "--from", "earliest")
    await world.group.members_are(1)
    await world.caught_up()

    rows = world.rows(f"SELECT content_id, event_type FROM {{db}}.recommendation_events FINAL WHERE user_id = '{gone}'")
    assert rows == [("b", "click")], "only what they did since they came back"
    assert world.ask(likes) == 1
    assert await again.terminate() == 0, again.log_text
