"""SIGSTOP of a worker inside a transaction until its session is over and its next owner works; then it wakes up, and
ends."""

from chaos_cluster import ChaosCluster
from harness.zombies import freeze_in_a_transaction

from agents.delivery.process_exit import EXIT_FENCED


async def begin(cluster: ChaosCluster) -> None:
    await freeze_in_a_transaction(cluster, cluster.first)
    await cluster.group.members_are(1)
    await cluster.group.all_partitions_move()


async def heal(cluster: ChaosCluster) -> None:
    cluster.first.thaw()
    await cluster.ends(cluster.first)
    assert cluster.first.exits[-1] == EXIT_FENCED, f"the sleeper ended with {cluster.first.exits}"
