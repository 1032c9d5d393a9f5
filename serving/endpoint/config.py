"""What an endpoint process needs to know; `ops` fills it in from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streams.contract.catalog import DEFAULT_MATURITY, Maturity
from streams.contract.identities import PLAIN, Identities


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """How readers prove who they are: JWTs signed with a shared secret, a public key (PEM) or a key of a JWKS address.

    Exactly one of `secret`, `public_key` and `jwks_url` is set. Empty `audience` or `issuer` is not checked.
    Times in tokens may be off by `leeway_s`, as clocks are. Keys of a JWKS address are fetched again every
    `jwks_refresh_s`; while that fails they stay in use for `jwks_stale_s` since the last success.
    """

    secret: str = ""
    public_key: str = ""
    jwks_url: str = ""
    audience: str = ""
    issuer: str = ""
    leeway_s: int = 30
    jwks_refresh_s: float = 300.0
    jwks_stale_s: float = 3600.0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.secret, self.public_key, self.jwks_url))) != 1:
            raise ValueError("set exactly one of the JWT secret, the JWT public key and the JWKS address")


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """Times in the unit of the name. `model_version` serves everyone until a live pointer says otherwise.

    `tokens` None: anybody reads anything. `rate_per_minute` 0: no limit. `kafka_bootstrap` empty: nothing is published.
    Shares are from 0 to 1. `metrics_dir` is shared by all workers of one endpoint; None: one process only.
    `identities` says under which ids the workers store users, `default_maturity` up to which rating items are shown to
    those of whom nothing is known. `card_bytes` bounds the item cards that a process holds of each version.
    """

    redis_url: str
    namespace: str = ""
    model_version: str = "v1"
    redis_deadline_ms: int = 25
    refresh_ms: int = 1000
    max_age_s: int = 1
    cors_origins: tuple[str, ...] = ()
    tokens: TokenConfig | None = None
    rate_per_minute: int = 0
    audit: bool = False
    access_log_share: float = 0.0
    metrics_dir: Path | None = None
    kafka_bootstrap: str = ""
    partitions: int = 4
    publish_share: float = 1.0
    identities: Identities = PLAIN
    default_maturity: Maturity = DEFAULT_MATURITY
    card_bytes: int = 128 << 20
