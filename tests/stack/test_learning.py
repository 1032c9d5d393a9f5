"""What is learned beside the rows: item vectors, the user's own in Redis, examples for the ranker, and outcomes."""

import secrets

import numpy as np
import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from harness.cluster import Cluster
from harness.polling import eventually
from harness.traffic import publish_event

from ops.operator.versions.evaluation_log import read_evaluation_log
from ranking import outcomes
from ranking.examples import decode
from ranking.next_item import NOT_LISTED, is_use
from serving.keys import Keys
from streams.kafka.bulk_read import bulk_consumer, partitions_of, read_to_end
from tables import item_rows
from tables.spectral import DIMENSIONS

pytestmark = pytest.mark.stack


async def read(cluster: Cluster, topic: str) -> dict[bytes, bytes]:
    """The newest value of each key; records without one are numbered."""
    found: dict[bytes, bytes] = {}

    def apply(record: AIOKafkaConsumer) -> None:
        found[record.key or b"%d:%d" % (record.partition, record.offset)] = record.value

    async with bulk_consumer(cluster.place.bootstrap) as consumer:
        await read_to_end(consumer, await partitions_of(consumer, [topic]), apply)
    return found


async def test_items_get_vectors_and_a_user_the_sum_of_theirs(reference: Cluster) -> None:
    await reference.wait_until_caught_up()

    async def fitted() -> dict[bytes, bytes] | None:
        rows = await read(reference, reference.topics.item_model)
        vectors = {key[1:]: value for key, value in rows.items() if key[:1] == item_rows.VECTOR}
        return vectors if len(vectors) > 100 else None

    vectors = await eventually("fitted vectors in item.model", fitted)
    assert {len(value) for value in vectors.values()} == {2 * DIMENSIONS}

    user = f"tasteful-{secrets.token_hex(4)}"
    key = Keys(reference.topics.namespace, reference.topics.version).user_embedding(user)

    async def embedding() -> bytes | None:
        await publish_event(reference, user, "i1", event_type="like")
        value = reference.redis.get(key)
        return value if isinstance(value, bytes) else None

    value = await eventually("the user's vector in Redis", embedding)
    mine = np.frombuffer(value, "<f4")
    theirs = np.frombuffer(vectors[b"i1"], "<f2").astype(np.float32)
    assert mine.shape == (DIMENSIONS,)
    assert np.linalg.norm(mine) == pytest.approx(1, abs=1e-3)
    assert mine @ theirs > 0.5, "somebody who used one item is near it"


async def test_a_share_of_events_becomes_examples(reference: Cluster) -> None:
    await reference.wait_until_caught_up()
    examples = [decode(value) for value in (await read(reference, reference.topics.ranker_examples)).values()]
    assert len(examples) > 5
    assert all(len(example.features) > 1 and example.bucket > 0 for example in examples)
    assert all(np.isfinite(example.features).all() for example in examples)


async def test_a_share_of_events_is_evaluated(reference: Cluster) -> None:
    await reference.publish_traffic(6_000)  # the sample is one event in 50, of those that are new to their users
    await reference.wait_until_caught_up()
    evaluated = [outcomes.decode(value) for value in (await read(reference, reference.topics.judged_events)).values()]
    rows = np.concatenate(evaluated)
    rejected = rows["place"] == outcomes.REJECTED
    assert rejected.any()  # the traffic holds records that nobody can use
    rows = rows[~rejected]
    assert len(rows) > 5
    assert rows["place"].max() >= 0
    assert rows["place"].min() == NOT_LISTED
    audited = await read(reference, reference.topics.predictions)
    assert all(key.split(b"\0")[0].decode() == orjson.loads(value)["user_id"] for key, value in audited.items())


async def test_the_log_itself_can_be_evaluated(reference: Cluster) -> None:
    await reference.wait_until_caught_up()
    log = await read_evaluation_log(reference.place.bootstrap, reference.topics, limit=500)
    assert len(log.events) == 500
    assert all(map(is_use, log.events))
    assert len({(event.user_id, event.item_id) for event in log.events}) == 500
    assert log.catalog["i1"].title
