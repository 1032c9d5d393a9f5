"""Which log it is: a topic that was deleted and made again has the same name and other offsets."""

import asyncio

from streams.kafka.blocking_admin import blocking_admin

_TIMEOUT_S = 30.0


async def topic_id(bootstrap: str, topic: str) -> str:
    """Kafka's own id of a topic, as text."""
    return await asyncio.to_thread(_topic_id, bootstrap, topic)


def _topic_id(bootstrap: str, topic: str) -> str:
    admin = blocking_admin(bootstrap, _TIMEOUT_S)
    try:
        (found,) = admin.describe_topics([topic])
        return str(found["topic_id"])
    finally:
        admin.close()
