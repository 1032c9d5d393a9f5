"""Reads what a version wrote down and looks for leaks in it."""

from dataclasses import asdict, dataclass

from aiokafka.structs import ConsumerRecord

from agents.epochs import reached_in
from offline.replay.leaks import cross_partition_skew, labels_in_features, read_past_the_epoch
from ranking import examples, judgements
from ranking.examples import Example
from ranking.judgements import Outcomes
from streams.bulk_read import read_topics
from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class Audit:
    """How much was looked at, and one sentence for everything that must not be."""

    judged_events: int
    batches: int
    examples: int
    leaks: list[str]

    def as_dict(self) -> dict[str, object]:
        """Plain JSON values."""
        return asdict(self)


async def audit(bootstrap: str, topics: Topics, max_skew_ms: int) -> Audit:
    """Everything that is still kept: deltas and examples for 7 days. Raises `TopicMissing`."""
    steps: dict[int, list[tuple[int, int]]] = {}
    taught: list[Example] = []
    judged: list[Outcomes] = []

    def apply(record: ConsumerRecord) -> None:
        if record.topic == topics.deltas:
            steps.setdefault(record.partition, []).append((int(record.key), reached_in(record.headers)))
        elif record.topic == topics.ranker_examples:
            if len((example := examples.decode(record.value)).features):
                taught.append(example)
        else:
            judged.append(judgements.without_rejected(judgements.decode(record.value)))

    await read_topics(bootstrap, [topics.deltas, topics.ranker_examples, topics.judged_events], apply)
    leaks = read_past_the_epoch(judged)
    for of_partition in steps.values():
        leaks += cross_partition_skew(of_partition, max_skew_ms)
    leaks += labels_in_features(taught)
    return Audit(sum(map(len, judged)), sum(map(len, steps.values())), len(taught), leaks)
