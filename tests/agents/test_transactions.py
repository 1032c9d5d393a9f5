"""What a real Kafka does with a transaction that stays open, and what the log says of a partition's owners."""

import secrets
from collections.abc import AsyncIterator, Iterable

import pytest
from aiokafka.errors import ProducerFenced
from aiokafka.structs import TopicPartition
from harness.polling import eventually

from agents.delivery import producer as module
from agents.delivery.outgoing import Outgoing
from agents.delivery.owner_term import last_term
from agents.delivery.producer import PartitionProducer, TransactionTimedOut
from agents.delivery.table import ChangelogTable
from ops.local_stack.stack import LocalStack
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

pytestmark = pytest.mark.stack


@pytest.fixture
async def table(stack: LocalStack) -> AsyncIterator[ChangelogTable]:
    topics = Topics(f"test-{secrets.token_hex(4)}", "v1")
    ensure_topics(stack.bootstrap, topics, 1, replication=1, timeout_s=60)
    yield ChangelogTable(topics.user_changelog, 0)
    delete_namespace(stack.bootstrap, topics.namespace)


class Zombie(PartitionProducer):
    """Sends, and then keeps its transaction open until Kafka has aborted it."""

    def __init__(self, bootstrap: str, name: str, table: ChangelogTable) -> None:
        super().__init__(bootstrap, name, "group")
        self._table = table

    async def _send_all(self, outgoing: Iterable[Outgoing]) -> None:
        await super()._send_all(outgoing)
        source = TopicPartition(self._table.topic, self._table.partition)
        async with bulk_consumer(self._bootstrap) as consumer:
            consumer.assign([source])
            stable = (await consumer.end_offsets([source]))[source]

            async def aborted() -> bool:
                return bool((await consumer.end_offsets([source]))[source] > stable)

            await eventually("Kafka aborts the transaction", aborted)


async def test_a_transaction_that_was_open_for_too_long_is_no_takeover(
    stack: LocalStack, table: ChangelogTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRANSACTION_TIMEOUT_MS", 1_000)
    producer = Zombie(stack.bootstrap, f"{table.topic}-id", table)
    await producer.fence()
    with pytest.raises(TransactionTimedOut, match="this process slept"):
        await producer.commit(table.claim(1), None, 0)
    assert await last_term(stack.bootstrap, table) == 0  # nothing of it is in the log
    await producer.close()


async def test_a_takeover_is_told_from_it_by_the_log(stack: LocalStack, table: ChangelogTable) -> None:
    former, owner = (PartitionProducer(stack.bootstrap, f"{table.topic}-id", "group") for _ in range(2))
    await former.fence()
    await former.commit(table.claim(1), None, 0)
    assert await former.last_term(table) == 1
    await owner.fence()
    await owner.commit(table.claim(2), None, 0)
    with pytest.raises(ProducerFenced) as fenced:
        await former.commit(table.claim(1), None, 0)
    assert not isinstance(fenced.value, TransactionTimedOut)
    with pytest.raises(ProducerFenced):  # whoever commits next is told the same
        await former.commit(table.claim(1), None, 0)
    assert await former.last_term(table) == 2
    await former.close()
    await owner.close()
