"""A producer whose clock jumps about: how far its events may be from now is for the broker's append time to say."""

from chaos_cluster import ChaosCluster
from views import view

from streams.contract.reasons import Reason

MINUTE_MS = 60_000
DAY_MS = 86_400_000
#: Steps to go on with: a little ahead, late, long ago.
ACCEPTED_MS = (4 * MINUTE_MS, 0, -2 * 60 * MINUTE_MS, -40 * DAY_MS, 0)
FUTURE_MS = (10 * MINUTE_MS, DAY_MS, 10_000 * DAY_MS)
USERS = 20


async def begin(cluster: ChaosCluster) -> None:
    topic = cluster.topics.interactions
    for user in (f"u{number}" for number in range(USERS)):
        ahead = [view(topic, user, step_ms) for step_ms in FUTURE_MS]
        await cluster.publish_unusable(ahead, Reason.TIMESTAMP_IN_FUTURE)
        await cluster.publish([view(topic, user, step_ms) for step_ms in ACCEPTED_MS])


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the clock is right again."""
