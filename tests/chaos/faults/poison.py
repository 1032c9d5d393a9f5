"""Records that cannot be read, between good ones of the same users."""

from chaos_cluster import ChaosCluster

from streams.contract.reasons import Reason
from streams.kafka.producer import OutgoingRecord

POISON: tuple[tuple[bytes | None, Reason], ...] = (
    (None, Reason.NOT_JSON),
    (b"", Reason.NOT_JSON),
    (b"\xff\xfe\x00", Reason.NOT_JSON),
    (b'{"event_type":"view"', Reason.NOT_JSON),
    (b"[]", Reason.WRONG_TYPE),
    (b'{"event_type":["view"]}', Reason.WRONG_TYPE),
    (b"{}", Reason.MISSING_FIELD),
    (b"[" * 20_000 + b"]" * 20_000, Reason.TOO_DEEP),
)
USERS = 10


async def begin(cluster: ChaosCluster) -> None:
    for value, reason in POISON:
        records = [OutgoingRecord(cluster.topics.interactions, b"u%d" % number, value) for number in range(USERS)]
        await cluster.publish_unusable(records, reason)


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the log keeps them."""
