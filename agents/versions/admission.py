"""What must be true before a worker joins its version's group: the partitions match, and so does the fingerprint."""

import logging
import time

import msgspec
from aiokafka.errors import TopicAuthorizationFailedError

from agents.delivery.topic_rules import missing_topics, wrong_partitions, wrong_timestamps
from agents.versions.fingerprint import Fingerprint, of_worker
from agents.versions.registry import change_registry, read_registry
from agents.worker_config import WorkerConfig
from serving.live_pointer import BUCKETS
from serving.registry import FINGERPRINT, Registry, Switch, VersionRecord
from streams.kafka.bulk_read import TO_MAKE_TOPICS, TopicMissing, bulk_consumer
from streams.kafka.exclusive_change import Change
from streams.kafka.log_state import read_timestamp_type, read_topics_facts, retried

logger = logging.getLogger(__name__)

FIRST_WORKER = "first worker"


class NotAdmitted(RuntimeError):
    """This worker must not join: it would write what its version cannot explain. The message says what differs."""


async def admit(config: WorkerConfig) -> None:
    """Returns when this worker may join; the first worker of a version records its fingerprint, and the first one of
    the namespace that its version serves everybody.

    Raises:
        NotAdmitted: the topics have other partition counts, or interactions carry the times of their producers, or the
            version was started with other folds or settings, or it was retired, or its tables are not filled yet.
        streams.kafka.bulk_read.TopicMissing: the topics were not created.
    """
    await _check_topics(config)
    mine, version = of_worker(config), config.topics.version
    registry = await read_registry(config.bootstrap, config.topics)
    record = registry.records.get(version)
    if record is not None and not record.filled:
        raise NotAdmitted(
            f"version {version} is being filled from the snapshot {record.snapshot}; if nobody is doing so any more, "
            f"run `freshet replay {version} --snapshot {record.snapshot}` again"
        )
    if _fingerprint(registry, version) is None or registry.current is None:
        registry = await change_registry(config.bootstrap, config.topics, lambda found: _claim(found, version, mine))
    if registry.is_retired(version):
        raise NotAdmitted(f"version {version} was retired; start this worker under a new FRESHET_MODEL_VERSION")
    recorded = _fingerprint(registry, version)
    differences = [] if recorded is None else recorded.differences(mine)
    if differences:
        raise NotAdmitted(
            f"version {version} was started with other folds or settings: {'; '.join(differences)}. "
            "Start this worker under a new FRESHET_MODEL_VERSION, let it catch up, and switch."
        )


def _fingerprint(registry: Registry, version: str) -> Fingerprint | None:
    """What the version's workers were started with; None when it is not recorded, or not readably so: then the next
    worker records its own."""
    value = registry.fingerprints.get(version)
    try:
        return None if value is None else Fingerprint.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        logger.error("the fingerprint of version %s cannot be read and is recorded anew: %s", version, error)
        return None


async def _check_topics(config: WorkerConfig) -> None:
    topics = config.topics
    async with bulk_consumer(config.bootstrap) as consumer:
        names = [spec.name for spec in topics.specs(config.partitions, 1)]
        facts = await retried(lambda: read_topics_facts(consumer._client, names))
        if missing := missing_topics(topics, facts):
            raise TopicMissing(f"topic {', '.join(missing)} does not exist: {TO_MAKE_TOPICS}")
        for what in wrong_partitions(topics, config.partitions, facts):
            raise NotAdmitted(what)
        try:
            found = await retried(lambda: read_timestamp_type(consumer._client, topics.interactions))
        except TopicAuthorizationFailedError:
            logger.warning("whose time %s carries is not known: its settings may not be read", topics.interactions)
            return
        if what := wrong_timestamps(topics.interactions, found):
            raise NotAdmitted(what)


def _claim(registry: Registry, version: str, mine: Fingerprint) -> list[Change]:
    """What the first worker of a version records."""
    if registry.is_retired(version):
        return []
    now_ms = time.time_ns() // 1_000_000
    changes: list[Change] = []
    if _fingerprint(registry, version) is None:
        changes.append((f"{FINGERPRINT}:{version}".encode(), mine.encode()))
    if version not in registry.records:
        changes.append(VersionRecord(now_ms, FIRST_WORKER).record(version))
    if registry.current is None:
        changes.append(Switch(1, "first", {version: BUCKETS}, FIRST_WORKER, now_ms).record())
    return changes
