"""What must be true of the Redis at the address, if it answers already."""

from ops.exit_codes import CommandFailed, ExitCode
from ops.settings import Settings, variable
from serving.redis_cluster import is_cluster_node


class RedisRefused(CommandFailed):
    """This kind of Redis cannot be used."""

    code = ExitCode.USAGE


def refuse_cluster(settings: Settings) -> None:
    """Raises RedisRefused when the address is a node of a Redis Cluster; a Redis that is away is no mistake."""
    if is_cluster_node(settings.redis_url):
        raise RedisRefused(
            f"{variable('redis_url')} is a node of a Redis Cluster, and nothing here follows MOVED to other nodes: "
            "give the address of a cluster proxy (Envoy, or your cloud's single endpoint) or of a Redis that is no "
            "cluster. docs/scaling.md says more."
        )
