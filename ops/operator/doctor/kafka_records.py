"""What lies in the log and is not as producers and operators meant it: found by reading two small topics, and said."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import guarded
from ops.operator.doctor.finding import HealthFinding, named
from streams.contract.misplaced import parse_misplaced
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics
from tables.rule_book import RuleBook


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """Of how many users a profile is in another partition than theirs, and which rules cannot be read as they were
    written."""

    misplaced: int
    rules: tuple[str, ...]


async def read_record_facts(bootstrap: str, topics: Topics) -> RecordFacts:
    """Raises `TopicMissing`, `KafkaUnreachable`."""
    misplaced, book, refused = set[tuple[str, int]](), RuleBook(), dict[str, None]()

    def apply_misplaced(record: ConsumerRecord) -> None:
        said = parse_misplaced(record.key, record.value)
        place = (said.user_id, said.found_in)
        misplaced.discard(place)
        if said.said_ms is not None:
            misplaced.add(place)

    def apply_rule(record: ConsumerRecord) -> None:
        refused.pop(_name(record), None)
        book.apply(record.key, record.value)

    def refuse_rule(record: ConsumerRecord, reason: Reason, detail: str) -> None:  # noqa: ARG001  as a `Report` is
        refused[_name(record)] = None

    await read_topics(
        bootstrap, [topics.misplaced_profiles], guarded(apply_misplaced, lambda *_: None), damaged=pass_over
    )
    await read_topics(bootstrap, [topics.rules], guarded(apply_rule, refuse_rule), damaged=pass_over)
    return RecordFacts(len({user_id for user_id, _ in misplaced}), tuple(refused))


def _name(record: ConsumerRecord) -> str:
    return (record.key or b"").decode(errors="replace")


def record_findings(facts: RecordFacts) -> Iterator[HealthFinding]:
    """Profiles, then rules."""
    if facts.misplaced:
        found = (
            f"of {facts.misplaced} users a profile is not in the partition of its user: those without a later one "
            "there see only what children may"
        )
        advice = (
            "let producers of profiles choose partitions like producers of events (murmur2 of the user id, "
            "docs/producing.md) and publish these again, then a null under the same key where they lie; "
            "`freshet dlq list --reason wrong_partition` says where"
        )
        yield HealthFinding("profiles", "wrong", found, advice)
    else:
        yield HealthFinding("profiles", "good", "none is in another partition than its user's")
    if facts.rules:
        found = f"cannot be read as written: {named(facts.rules)}"
        advice = "`freshet dlq list` says why; add or remove them again with `freshet rule`"
        yield HealthFinding("rules", "wrong", found, advice)
    else:
        yield HealthFinding("rules", "good", "all can be read")
