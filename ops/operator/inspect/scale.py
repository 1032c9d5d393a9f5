"""Who works on what, and how many workers could."""

from dataclasses import asdict, dataclass
from typing import Any

from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

from ops.operator.inspect.finding import partition_count
from streams.kafka import clients
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.topics import Topics


@dataclass(frozen=True)
class Member:
    """One worker of the group and the input partitions it owns, "topic:partition"."""

    member_id: str
    host: str
    partitions: list[str]


@dataclass(frozen=True)
class Scale:
    """`input_partitions` = of interactions, deltas and examples together: each is one task, and a worker without a task
    is a spare. So that is the highest number of workers with work; `user_partitions` of them fold users."""

    group: str
    state: str
    members: list[Member]
    user_partitions: int
    input_partitions: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        idle = sum(not member.partitions for member in self.members)
        return {**asdict(self), "workers": len(self.members), "idle": idle, "useful_maximum": self.input_partitions}


async def read_scale(bootstrap: str, topics: Topics) -> Scale:
    """As the broker sees the group now. Raises `TopicMissing`."""
    async with bulk_consumer(bootstrap) as consumer:
        users, items, examples = [await partition_count(consumer, topic) for topic in topics.inputs]
    admin = clients.admin(bootstrap)
    await admin.start()
    try:
        answers = await admin.describe_consumer_groups([topics.consumer_group])
    finally:
        await admin.close()
    _, _, state, _, _, members, *_ = answers[0].groups[0]  # one group was asked for, one is described
    return Scale(
        topics.consumer_group, state, [_member(*member) for member in members], users, users + items + examples
    )


def _member(member_id: str, _client: str, host: str, _metadata: bytes, assignment: bytes, *_: Any) -> Member:
    decoded = ConsumerProtocolMemberAssignment.decode(assignment) if assignment else None
    partitions = [f"{tp.topic}:{tp.partition}" for tp in decoded.partitions()] if decoded else []
    return Member(member_id, host, sorted(partitions))
