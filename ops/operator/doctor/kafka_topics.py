"""What an inspection of topics and brokers means."""

from collections.abc import Iterator

from ops.configuration.settings import Settings, variable
from ops.operator.doctor.finding import HealthFinding, named
from streams.kafka.topics import TIMESTAMP_TYPE
from streams.kafka.topics_admin import SettingDifference, TopicsInspection


def topic_findings(seen: TopicsInspection, settings: Settings) -> Iterator[HealthFinding]:
    """Brokers, then topics."""
    replication = variable("replication")
    if seen.brokers < settings.replication:
        found = f"{seen.brokers} brokers for {settings.replication} copies"
        yield HealthFinding("brokers", "wrong", found, f"start more brokers, or lower {replication}")
    elif settings.replication == 1 and seen.brokers > 1:
        found = f"one copy of everything on {seen.brokers} brokers"
        yield HealthFinding(
            "brokers", "warning", found, f"{replication}=3 survives the loss of one; topics keep theirs"
        )
    else:
        yield HealthFinding("brokers", "good", f"{seen.brokers} for {settings.replication} copies")
    if seen.missing:
        yield HealthFinding("topics", "wrong", f"missing: {named(seen.missing)}", "run `freshet topics create`")
    if seen.leaderless:
        yield HealthFinding(
            "topics", "wrong", f"without a leader: {named(seen.leaderless)}", "see whether brokers are away"
        )
    if seen.lagging_copies:
        found = f"with copies that lag behind: {named(seen.lagging_copies)}"
        yield HealthFinding("topics", "warning", found, "a broker is away or slow; writes stop with the next one")
    for difference in seen.differs:
        yield HealthFinding("topics", "wrong", str(difference), _advice_on(difference))
    if not (seen.missing or seen.leaderless or seen.lagging_copies or seen.differs):
        yield HealthFinding("topics", "good", "all there, with the settings that they should have")


def _advice_on(difference: SettingDifference) -> str:
    if difference.setting == "partitions":
        return f"mend {variable('partitions')}: partitions are fixed for the life of a log"
    if difference.setting == "replication":
        return f"move partitions with kafka-reassign-partitions.sh, or mend {variable('replication')}"
    altered = (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {difference.topic} "
        f"--add-config {difference.setting}={difference.wanted}"
    )
    if difference.setting == TIMESTAMP_TYPE:
        return f"{altered}: workers refuse a log that carries the times of producers' clocks"
    if difference.setting == "retention.ms":
        return f"{altered}, or mend {variable('retention_days')}"
    return altered
