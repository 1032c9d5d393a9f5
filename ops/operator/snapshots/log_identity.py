"""Which log it is: a topic that was deleted and made again has the same name and other offsets."""

import asyncio

from kafka.admin import KafkaAdminClient

_TIMEOUT_MS = 30_000


async def topic_id(bootstrap: str, topic: str) -> str:
    """Kafka's own id of a topic, as text."""
    return await asyncio.to_thread(_topic_id, bootstrap, topic)


def _topic_id(bootstrap: str, topic: str) -> str:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap.split(","), request_timeout_ms=_TIMEOUT_MS)
    try:
        (found,) = admin.describe_topics([topic])
        return str(found["topic_id"])
    finally:
        admin.close()
