"""What `freshet status` says of the topics: what differs from what they should be, and what one copy risks."""

from typing import NamedTuple

from ops.configuration.settings import Settings
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ONE_COPY, inspect_topics

_TIMEOUT_S = 15.0


class TopicsStatus(NamedTuple):
    """`remarks` are whole sentences; `stops_workers` when a worker would refuse to work with the topics."""

    remarks: tuple[str, ...]
    stops_workers: bool


def topics_status(settings: Settings, bootstrap: str) -> TopicsStatus:
    """As of now, for the namespace and version of the settings. Raises `KafkaError`."""
    topics = Topics(settings.namespace, settings.model_version)
    found = inspect_topics(
        bootstrap, topics, settings.partitions, settings.replication, _TIMEOUT_S, settings.retention_days
    )
    remarks = [f"topic {difference}" for difference in found.differs]
    if found.missing:
        remarks.append(f"{len(found.missing)} topics are missing: `freshet topics create` makes them")
    if found.copies == 1:
        remarks.append(ONE_COPY)
    return TopicsStatus(tuple(remarks), found.stops_workers(topics))
