"""What must be true before a worker joins its version's group: the partitions match, and so does the fingerprint."""

import asyncio
import logging

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord

from agents.fingerprint import Fingerprint, of_worker
from agents.worker_config import WorkerConfig
from streams.bulk_read import bulk_consumer, partitions_of, read_topics

logger = logging.getLogger(__name__)

_ATTEMPTS = 6
_BACKOFF_S = 0.1


class NotAdmitted(RuntimeError):
    """This worker must not join: it would write what its version cannot explain. The message says what differs."""


async def admit(config: WorkerConfig) -> None:
    """Returns when this worker may join; the first worker of a version records its fingerprint.

    Raises:
        NotAdmitted: the topics have other partition counts, or the version was started with other code or settings.
        streams.bulk_read.TopicMissing: the topics were not created.
    """
    await _check_partitions(config)
    mine = of_worker(config)
    differences = (await _recorded(config, mine)).differences(mine)
    if differences:
        raise NotAdmitted(
            f"version {config.topics.version} was started with other code or settings: {'; '.join(differences)}. "
            "Start this worker under a new FRESHET_MODEL_VERSION, let it catch up, and switch."
        )


async def _check_partitions(config: WorkerConfig) -> None:
    topics = (config.topics.interactions, config.topics.deltas, config.topics.user_changelog, config.topics.item_model)
    async with bulk_consumer(config.bootstrap) as consumer:
        for topic in topics:
            found = len(await partitions_of(consumer, [topic]))
            if found != config.partitions:
                raise NotAdmitted(
                    f"topic {topic} has {found} partitions, FRESHET_PARTITIONS is {config.partitions}: users would be "
                    "looked for in the wrong partitions. Set it to what the topics have."
                )


async def _recorded(config: WorkerConfig, mine: Fingerprint) -> Fingerprint:
    for attempt in range(_ATTEMPTS):
        recorded = await _read_or_claim(config, mine)
        if recorded is not None:
            return recorded
        logger.info("another worker is recording the fingerprint of version %s", config.topics.version)
        await asyncio.sleep(_BACKOFF_S * 2**attempt)
    raise NotAdmitted(
        f"the fingerprint of version {config.topics.version} could not be recorded in {_ATTEMPTS} attempts"
    )


async def _read_or_claim(config: WorkerConfig, mine: Fingerprint) -> Fingerprint | None:
    """The version's fingerprint, recorded now as `mine` when there was none; None when another worker is at it.

    The transactional id makes reading and recording one step: whoever starts later fences whoever only read so far.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=config.bootstrap, transactional_id=f"{config.topics.consumer_group}.fingerprint"
    )
    await producer.start()
    try:
        recorded = await _read(config)
        if recorded is None:
            async with producer.transaction():
                await producer.send_and_wait(config.topics.versions, mine.encode(), key=_key(config))
            recorded = mine
    except KafkaError as error:
        # Fenced by a worker that started later. While the two race the broker also answers with other errors.
        logger.info("recording the fingerprint was interrupted: %s", error)
        return None
    finally:
        await producer.stop()
    return recorded


async def _read(config: WorkerConfig) -> Fingerprint | None:
    found: list[bytes | None] = [None]

    def apply(record: ConsumerRecord) -> None:
        if record.key == _key(config):
            found[0] = record.value

    await read_topics(config.bootstrap, [config.topics.versions], apply)
    return None if found[0] is None else Fingerprint.decode(found[0])


def _key(config: WorkerConfig) -> bytes:
    return f"fingerprint:{config.topics.version}".encode()
