"""What brokers are: their version, their clocks, their disks."""

from collections.abc import Iterator

from ops.operator.doctor.disk import disk_finding
from ops.operator.doctor.finding import MAX_CLOCK_SKEW_S, HealthFinding
from ops.operator.doctor.kafka_facts import KafkaFacts

#: The level of Kafka 3.3, the first whose KRaft is for production.
LEAST_METADATA_VERSION = 7


def server_findings(facts: KafkaFacts) -> Iterator[HealthFinding]:
    """Version, clock, disks; of what is not told, nothing but that."""
    yield _version(facts.metadata_version)
    yield _clock(facts.newest_ms, facts.asked_ms)
    if facts.disks is None:
        advice = "grant what `freshet acls --role operator` prints"
        yield HealthFinding("kafka disk", "warning", "is not told to this user", advice)
    for disk in facts.disks or ():
        if disk.usable_bytes is not None and disk.total_bytes:
            where = f"broker {disk.broker}: {disk.folder}"
            advice = f"give the broker room, or shorten retention: a full disk of {where} ends it"
            yield disk_finding("kafka disk", where, disk.usable_bytes, disk.total_bytes, advice)


def _version(level: int | None) -> HealthFinding:
    if level is None:
        found, advice = "of brokers without KRaft, or not told", "Kafka 3.3 or newer with KRaft is what is tested"
        return HealthFinding("kafka version", "warning", found, advice)
    if level < LEAST_METADATA_VERSION:
        advice = "upgrade to 3.3 or newer, and finalize it with kafka-features.sh"
        return HealthFinding("kafka version", "warning", f"metadata.version {level}, before Kafka 3.3", advice)
    return HealthFinding("kafka version", "good", f"metadata.version {level}")


def _clock(newest_ms: int | None, asked_ms: int) -> HealthFinding:
    """Brokers tell no time, so their newest event does: it cannot be of the future."""
    if newest_ms is None:
        return HealthFinding("kafka clock", "good", "no event says what time it is there")
    ahead_s = (newest_ms - asked_ms) / 1000
    if ahead_s > MAX_CLOCK_SKEW_S:
        found = f"the newest event was appended {ahead_s:.0f} s from now"
        advice = "keep all machines on NTP: events are dated by the brokers, and lateness counts from them"
        return HealthFinding("kafka clock", "warning", found, advice)
    return HealthFinding(
        "kafka clock", "good", f"the newest event is {max(0.0, -ahead_s):.0f} s old by the brokers' clock"
    )
