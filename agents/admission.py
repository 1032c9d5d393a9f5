"""What must be true before a worker joins its version's group: the partitions match, and so does the fingerprint."""

import time

from agents.fingerprint import Fingerprint, of_worker
from agents.registry import Change, change_registry, read_registry
from agents.worker_config import WorkerConfig
from serving.live_pointer import BUCKETS
from serving.registry import FINGERPRINT, Registry, Switch, VersionRecord
from streams.bulk_read import bulk_consumer, partitions_of

FIRST_WORKER = "first worker"


class NotAdmitted(RuntimeError):
    """This worker must not join: it would write what its version cannot explain. The message says what differs."""


async def admit(config: WorkerConfig) -> None:
    """Returns when this worker may join; the first worker of a version records its fingerprint, and the first one of
    the namespace that its version serves everybody.

    Raises:
        NotAdmitted: the topics have other partition counts, or the version was started with other code or settings,
            or it was retired, or its tables are not filled yet.
        streams.bulk_read.TopicMissing: the topics were not created.
    """
    await _check_partitions(config)
    mine, version = of_worker(config), config.topics.version
    registry = await read_registry(config.bootstrap, config.topics)
    record = registry.records.get(version)
    if record is not None and not record.filled:
        raise NotAdmitted(
            f"version {version} is being filled from the snapshot {record.snapshot}; if nobody is doing so any more, "
            f"run `freshet replay {version} --snapshot {record.snapshot}` again"
        )
    if version not in registry.fingerprints or registry.current is None:
        registry = await change_registry(config.bootstrap, config.topics, lambda found: _claim(found, version, mine))
    if registry.is_retired(version):
        raise NotAdmitted(f"version {version} was retired; start this worker under a new FRESHET_MODEL_VERSION")
    differences = Fingerprint.decode(registry.fingerprints[version]).differences(mine)
    if differences:
        raise NotAdmitted(
            f"version {version} was started with other code or settings: {'; '.join(differences)}. "
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


def _claim(registry: Registry, version: str, mine: Fingerprint) -> list[Change]:
    """What the first worker of a version records."""
    if registry.is_retired(version):
        return []
    now_ms = time.time_ns() // 1_000_000
    changes: list[Change] = []
    if version not in registry.fingerprints:
        changes.append((f"{FINGERPRINT}:{version}".encode(), mine.encode()))
    if version not in registry.records:
        changes.append(VersionRecord(now_ms, FIRST_WORKER).record(version))
    if registry.current is None:
        changes.append(Switch(1, "first", {version: BUCKETS}, FIRST_WORKER, now_ms).record())
    return changes
