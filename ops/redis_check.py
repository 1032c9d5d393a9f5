"""What must be true of the Redis at the address, if it answers already."""

import ssl

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError, RedisError, ResponseError
from redis.retry import Retry

from ops.configuration.settings import Settings, variable
from ops.exit_codes import CommandFailed, ExitCode
from serving.redis_cluster import TIMEOUT_S, is_cluster_node


class RedisRefused(CommandFailed):
    """This Redis cannot be used, or not with this URL."""

    code = ExitCode.USAGE


def require_usable_redis(settings: Settings) -> None:
    """Raises RedisRefused when the Redis at the address says no (password, database, certificate), or is a node of a
    Redis Cluster; a Redis that is away is no mistake."""
    _refuse_refusal(settings.redis_url)
    if is_cluster_node(settings.redis_url):
        raise RedisRefused(
            f"{variable('redis_url')} is a node of a Redis Cluster, and nothing here follows MOVED to other nodes: "
            "give the address of a cluster proxy (Envoy, or your cloud's single endpoint) or of a Redis that is no "
            "cluster. docs/scaling.md says more."
        )


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


def _refuse_refusal(redis_url: str) -> None:
    client = Redis.from_url(
        redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
    try:
        client.ping()
    except RedisError as failure:
        if is_refusal(failure):
            raise RedisRefused(refusal_of(failure)) from None
    finally:
        client.close()
