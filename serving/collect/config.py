"""What `freshet collect` needs to know; `ops` fills it in from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from serving.endpoint.config import TokenConfig
from streams.contract.identities import PLAIN, Identities


@dataclass(frozen=True, slots=True)
class CollectConfig:
    """Events go to `topic` of the Kafka at `kafka_bootstrap`.

    `queue_bytes` bounds what waits for an acknowledgement, `wait_s` how long a request does. `tokens` None: anybody
    sends anybody's events. `rate_per_minute` is in events of one user, 0: no limit; it is counted in the Redis at
    `redis_url`, under the names that `identities` give users.
    """

    kafka_bootstrap: str
    topic: str
    redis_url: str
    namespace: str = ""
    queue_bytes: int = 32 << 20
    wait_s: float = 5.0
    cors_origins: tuple[str, ...] = ()
    tokens: TokenConfig | None = None
    rate_per_minute: int = 0
    audit: bool = False
    access_log_share: float = 0.0
    identities: Identities = PLAIN
