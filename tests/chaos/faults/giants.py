"""Records over 64 KiB: as large as the broker takes, and, compressed, far larger than it takes otherwise."""

import os

from aiokafka import AIOKafkaProducer
from chaos_cluster import ChaosCluster

from streams.contract.reasons import Reason
from streams.kafka.producer import OutgoingRecord

KIB = 1024
#: Random bytes: no compression makes them smaller.
PLAIN_BYTES = (65 * KIB, 900 * KIB)
COMPRESSED_BYTES = (65 * KIB, 4 * KIB * KIB, 16 * KIB * KIB)


async def begin(cluster: ChaosCluster) -> None:
    topic = cluster.topics.interactions
    plain = [OutgoingRecord(topic, user, os.urandom(size)) for user in (b"u1", b"u2") for size in PLAIN_BYTES]
    await cluster.publish_unusable(plain, Reason.TOO_LARGE)
    async with AIOKafkaProducer(
        bootstrap_servers=cluster.place.bootstrap, compression_type="gzip", max_request_size=32 * KIB * KIB
    ) as producer:
        for size in COMPRESSED_BYTES:
            record = OutgoingRecord(topic, b"u3", b"x" * size)
            where = await producer.send_and_wait(topic, record.value, record.key)
            cluster.ledger.note(record, where, Reason.TOO_LARGE)


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the log keeps them."""
