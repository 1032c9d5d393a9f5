"""What must be true of the Redis at the address, if it answers already."""

import ssl

from redis import Redis
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError

from ops.configuration.settings import Settings, variable
from ops.exit_codes import CommandFailed, ExitCode
from serving.redis_address import RedisKind, RedisUrl
from serving.redis_clients import connect, connect_to

TIMEOUT_S = 2.0


class RedisRefused(CommandFailed):
    """This Redis cannot be used, or not with this URL."""

    code = ExitCode.USAGE


def require_usable_redis(settings: Settings) -> None:
    """Raises RedisRefused when the Redis at the address says no (password, database, certificate), or is a node of a
    cluster and the URL does not say so, or the other way round; a Redis that is away is no mistake."""
    url = RedisUrl.parse(settings.redis_url)
    is_cluster = url.kind is RedisKind.CLUSTER
    clients = (
        [connect_to(url, server, TIMEOUT_S) for server in url.servers]
        if is_cluster
        else [connect(settings.redis_url, TIMEOUT_S)]
    )
    for client in clients:
        is_node = _is_cluster_node(client)
        if is_node is None or is_node == is_cluster:
            continue
        name = variable("redis_url")
        if is_cluster:
            raise RedisRefused(f"{name} is no node of a Redis Cluster: leave out +cluster")
        raise RedisRefused(
            f"{name} is a node of a Redis Cluster, which answers for keys of other nodes with MOVED: begin it with "
            "redis+cluster://, or rediss+cluster:// for TLS. docs/deployment.md says more."
        )


def _is_cluster_node(client: Redis) -> bool | None:
    """None while it is away, and when a proxy or its ACL keeps it from saying. Raises RedisRefused."""
    try:
        with client:
            client.ping()
            return bool(client.info("cluster").get("cluster_enabled"))
    except RedisError as failure:
        if is_refusal(failure):
            raise RedisRefused(refusal_of(failure)) from None
        return None


def refusal_of(failure: Exception) -> str:
    """What Redis said, as a sentence that names the setting."""
    name = variable("redis_url")
    if not is_refusal(failure):
        return f"{name}: Redis does not answer: {failure}"
    needs_password = str(failure).startswith(("HELLO must be called", "NOAUTH", "Authentication required"))
    return f"{name} is refused: {'Authentication required.' if needs_password else failure}"


def is_refusal(failure: BaseException | None) -> bool:
    """Whether the server is there and says no, which no waiting mends."""
    if isinstance(failure, NoPermissionError):
        return False  # of one command: an ACL may keep us from asking
    if isinstance(failure, AuthenticationError | AuthorizationError | ResponseError | ssl.SSLError):
        return True
    return failure is not None and is_refusal(failure.__cause__ or failure.__context__)
