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
from ranking.examples import Example, decode
from ranking.next_item import NOT_LISTED, is_use
from serving.keys import Keys
from streams.kafka.bulk_read import bulk_consumer, partitions_of, read_to_end
from tables import item_rows
from tables.spectral import DIMENSIONS

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]


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

    user = f"tasteful-{secrets.token_hex(4)}"
    key = Keys(reference.topics.namespace, reference.topics.version).user_embedding(user)

    async def embedding() -> bytes | None:
        await publish_event(reference, user, "i1", event_type="like")
        value = reference.redis.get(key)
        return value if isinstance(value, bytes) else None

    async def near() -> tuple[set[int], np.ndarray] | None:
        """Sizes of the items' vectors, and the user's; not from before and after a fit, whose axes are others."""
        vectors, value = await fitted(), await embedding()
        if not vectors or not value:
            return None
        mine, theirs = np.frombuffer(value, "<f4"), np.frombuffer(vectors[b"i1"], "<f2").astype(np.float32)
        assert mine.shape == (DIMENSIONS,)
        return ({len(vector) for vector in vectors.values()}, mine) if mine @ theirs > 0.5 else None

    sizes, mine = await eventually("somebody who used one item is near it", near)
    assert sizes == {2 * DIMENSIONS}
    assert np.linalg.norm(mine) == pytest.approx(1, abs=1e-3)


async def test_a_share_of_events_becomes_examples(reference: Cluster) -> None:
    async def learned() -> list[Example] | None:
        """A few, of one event in 64 that are new to their users; how many those are depends on chance."""
        await reference.publish_traffic(500)
        await reference.wait_until_caught_up()
        found = [decode(value) for value in (await read(reference, reference.topics.ranker_examples)).values()]
        return found if len(found) > 5 else None

    examples = await eventually("some events have become examples", learned)
    assert all(len(example.features) > 1 and example.bucket > 0 for example in examples)
    assert all(np.isfinite(example.features).all() for example in examples)


async def test_a_share_of_events_is_evaluated(reference: Cluster) -> None:
    async def evaluated() -> bool:
        """Whether the sample (one event in 50, of those that are new to their users) holds a few, listed and not, and
        records that nobody can use, of which the traffic has some."""
        await reference.publish_traffic(500)
        await reference.wait_until_caught_up()
        judged = await read(reference, reference.topics.judged_events)
        if not judged:
            return False
        rows = np.concatenate([outcomes.decode(value) for value in judged.values()])
        rejected = rows["place"] == outcomes.REJECTED
        places = rows["place"][~rejected]
        return bool(rejected.any() and len(places) > 5 and places.max() >= 0 and places.min() == NOT_LISTED)

    await eventually("events of every kind are evaluated", evaluated)
    audited = await read(reference, reference.topics.predictions)
    assert all(key.split(b"\0")[0].decode() == orjson.loads(value)["user_id"] for key, value in audited.items())


async def test_the_log_itself_can_be_evaluated(reference: Cluster) -> None:
    await reference.wait_until_caught_up()
    log = await read_evaluation_log(reference.place.bootstrap, reference.topics, limit=500)
    assert len(log.events) == 500
    assert all(map(is_use, log.events))
    assert len({(event.user_id, event.item_id) for event in log.events}) == 500
    assert log.catalog["i1"].title
