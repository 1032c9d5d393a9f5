"""Workers join and leave again and again, politely and not, while the others are still rebalancing."""

from chaos_cluster import ChaosCluster

ROUNDS = 2


async def begin(cluster: ChaosCluster) -> None:
    for number in range(ROUNDS):
        polite, rude = (cluster.start_worker(f"{kind}-{number}") for kind in ("polite", "rude"))
        await cluster.group.members_are(4)
        rude.kill()
        await polite.terminate()


async def heal(cluster: ChaosCluster) -> None:
    """Nothing to do: the storm is over."""
