"""Reads what a version wrote down and looks for leaks in it."""

from dataclasses import asdict, dataclass

from aiokafka.structs import ConsumerRecord

from agents.followers.model_watermark import reached_in
from agents.followers.refusals import read_usable
from offline.replay.leaks import cross_partition_skew, labels_in_features, read_past_the_watermark
from ranking import examples, outcomes
from ranking.examples import Example
from ranking.outcomes import Outcomes
from streams.kafka.topics import Topics


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
    evaluated: list[Outcomes] = []

    def apply(record: ConsumerRecord) -> None:
        if record.topic == topics.deltas:
            steps.setdefault(record.partition, []).append((int(record.key), reached_in(record.headers)))
        elif record.topic == topics.ranker_examples:
            if len((example := examples.decode(record.value)).features):
                taught.append(example)
        else:
            evaluated.append(outcomes.without_rejected(outcomes.decode(record.value)))

    await read_usable(bootstrap, [topics.deltas, topics.ranker_examples, topics.judged_events], apply)
    leaks = read_past_the_watermark(evaluated)
    for of_partition in steps.values():
        leaks += cross_partition_skew(of_partition, max_skew_ms)
    leaks += labels_in_features(taught)
    return Audit(sum(map(len, evaluated)), sum(map(len, steps.values())), len(taught), leaks)
