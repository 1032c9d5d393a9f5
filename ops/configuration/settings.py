"""Every setting of Freshet in one typed place, read from FRESHET_* variables and an optional `.env` file."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from serving.redis_address import RedisAddress
from streams.topics import check_namespace

PREFIX = "FRESHET_"
_DAY_S = 24 * 60 * 60


def _checked_namespace(namespace: str) -> str:
    check_namespace(namespace)
    return namespace


def _checked_redis_url(url: str) -> str:
    RedisAddress.from_url(url)
    return url


def _absolute(path: Path | None) -> Path | None:
    return path.expanduser().absolute() if path is not None else None


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _state_home() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "freshet"


class Settings(BaseSettings):
    """Values that change what Freshet does; the unit is the end of the name. Immutable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    namespace: Annotated[str, AfterValidator(_checked_namespace)] = Field(
        "",
        pattern=r"^[a-z0-9-]{0,40}$",
        description="Prefix of every topic, group and key, so that demos, tests and tenants never meet; empty = none.",
    )
    model_version: str = Field(
        "v1", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="The model version that workers build and write."
    )
    kafka_bootstrap: str = Field(
        "127.0.0.1:29092",
        pattern=r"^[A-Za-z0-9_.-]+:\d{1,5}(,[A-Za-z0-9_.-]+:\d{1,5})*$",
        description="Kafka brokers to ask first, as host:port with commas between.",
    )
    redis_url: Annotated[str, AfterValidator(_checked_redis_url)] = Field(
        "redis://127.0.0.1:26379/0",
        description="Redis or Valkey that holds the lists, no node of a cluster. rediss:// is TLS and checks the "
        "certificate, with ?ssl_ca_certs=FILE by your own authority. User and password are never shown.",
        repr=False,
        json_schema_extra={
            "allowed": "redis[s]://[user[:password]@]host[:port][/db][?ssl_ca_certs=F&ssl_certfile=F&ssl_keyfile=F]"
        },
    )
    partitions: int = Field(
        4,
        ge=1,
        le=10_000,
        description="Partitions of every keyed topic; fixed for the life of a log (100 in production).",
    )
    replication: int = Field(1, ge=1, le=7, description="Copies of every partition (3 in production).")
    batch_max_records: int = Field(
        500, ge=1, le=10_000, description="Most records a worker folds and commits in one transaction."
    )
    list_size: int = Field(100, ge=1, le=500, description="Items in a finished list.")
    list_ttl_s: int = Field(
        7 * _DAY_S, ge=60, le=90 * _DAY_S, description="A list that nobody replaces disappears after this long."
    )
    list_expires_s: int = Field(
        _DAY_S,
        ge=30,
        le=90 * _DAY_S,
        description="A list older than this is rewritten, and labelled stale until it is.",
    )
    rerank_mmr_lambda: float = Field(
        0.85,
        gt=0.0,
        le=1.0,
        description="Relevance against likeness in the first 20 items of a list; 1 = relevance only.",
    )
    rerank_min_genres: int = Field(3, ge=0, le=20, description="Different genres in the first 20 items of a list.")
    rerank_category_max: int = Field(
        0, ge=0, le=10, description="Most items of one category (first genre) in the first 10; 0 = any number."
    )
    rerank_genre_share_max: float = Field(
        1.0, gt=0.0, le=1.0, description="Largest share of one category in the first 20 items; 1 = any share."
    )
    rerank_boost_7d: float = Field(
        1.3, ge=1.0, le=10.0, description="Scores of items released within 7 days are multiplied by this."
    )
    rerank_boost_30d: float = Field(
        1.1, ge=1.0, le=10.0, description="Scores of items released within 30 days are multiplied by this."
    )
    rerank_new_item_share: float = Field(
        0.05, ge=0.0, le=0.5, description="Share of a list's slots for items released within 30 days."
    )
    rerank_explore_items: int = Field(
        3, ge=0, le=10, description="How many of the slots 11-20 try something else; 0 = no exploration."
    )
    judged_share: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        description="Share of the events by which versions are judged; those of a smaller share are among them.",
    )
    quality_margin: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="Share of the live version's quality that a promoted one may lose, at the end of the interval.",
    )
    allowed_lateness_s: int = Field(
        300, ge=0, le=_DAY_S, description="How far behind its partition's watermark an event still counts in windows."
    )
    retention_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="Events this far behind their partition's watermark become dead letters; idle users are purged.",
    )
    user_id_secret: SecretStr | None = Field(
        None,
        min_length=32,
        max_length=1024,
        description="Hashes user ids in everything derived from events; the same for workers, endpoint and commands.",
    )
    user_id_secret_file: Path | None = Field(
        None,
        description="File that holds that secret, instead.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    item_model_interval_s: float = Field(
        2.0, ge=0.1, le=60.0, description="How often the item plane publishes what changed."
    )
    item_model_budget_bytes_per_s: int = Field(
        250_000, ge=10_000, le=1_000_000_000, description="Most bytes a second that one item partition publishes."
    )
    active_days: int = Field(
        30, ge=1, le=365, description="Users with an event or a read in this time have their lists kept right."
    )
    session_timeout_s: float = Field(
        6.0, ge=6.0, le=300.0, description="A worker that is silent for this long loses its partitions."
    )
    replay_max_skew_s: int = Field(
        7 * _DAY_S,
        ge=1,
        le=365 * _DAY_S,
        description="How far a replay reads one partition ahead of the others, in event time.",
    )
    replay_refit_growth: float = Field(
        4.0,
        ge=1.1,
        le=1000.0,
        description="A replay fits vectors each time items have learned this many times what they had before.",
    )
    state_store: Literal["memory", "rocksdb"] = Field(
        "memory", description="Where workers keep rows; rocksdb keeps them on disk when they outgrow memory."
    )
    worker_instance_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Fixed name of this worker; with one, a restart within the session timeout moves no partition.",
    )
    endpoint_host: str = Field(
        "127.0.0.1", min_length=1, max_length=253, description="Address the endpoint listens on."
    )
    endpoint_port: int = Field(8080, ge=1, le=65_535, description="Port the endpoint listens on.")
    endpoint_workers: int = Field(1, ge=1, le=64, description="Endpoint processes that share the port.")
    endpoint_max_connections: int = Field(
        2048, ge=16, le=65536, description="Connections of one endpoint process; further ones wait to be accepted."
    )
    endpoint_security: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Tokens, rate limit, audit and security headers; auto = off on a loopback address, else on.",
    )
    endpoint_jwt_key_file: Path | None = Field(
        None,
        description="File with what tokens are checked against: a secret (HS256) or a public key (RS256, ES256).",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    endpoint_jwks_url: str = Field(
        "", pattern=r"^(https?://.+)?$", description="Address of the issuer's keys (JWKS), instead of a key file."
    )
    endpoint_jwt_audience: str = Field("", max_length=200, min_length=0, description="Audience that tokens must name.")
    endpoint_jwt_issuer: str = Field("", max_length=200, min_length=0, description="Issuer that tokens must name.")
    endpoint_rate_per_minute: int = Field(
        1000, ge=0, le=1_000_000, description="Requests a minute of one reader while security is on; 0 = no limit."
    )
    endpoint_cors_origins: str = Field(
        "",
        pattern=r"^(\*|https?://[^ ,]+(,https?://[^ ,]+)*)?$",
        description="Origins whose pages may read answers, with commas between; * = all; empty = none.",
    )
    endpoint_max_age_s: int = Field(1, ge=0, le=3600, description="How long a browser may show an answer again.")
    endpoint_access_log_share: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of the requests in the access log; failures always are."
    )
    endpoint_publish_share: float = Field(
        1.0, ge=0.0, le=1.0, description="Share of the answers published to the requests and served topics; 0 = none."
    )
    endpoint_metrics_dir: Path | None = Field(
        None,
        description="Folder in which workers of one endpoint share their counts; `freshet serve` makes one.",
        json_schema_extra={"shown_default": "none"},
    )
    state_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        default_factory=_state_home,
        description="Folder for what this machine keeps: local servers, logs, caches.",
        json_schema_extra={"shown_default": "~/.local/state/freshet, or $XDG_STATE_HOME/freshet"},
    )
    data_dir: Annotated[Path | None, AfterValidator(_absolute)] = Field(
        None,
        description="Folder that holds the data sets ml-100k/, ml-1m/ and online-retail/; benches need it.",
        json_schema_extra={"shown_default": "none"},
    )
    storage_url: str = Field(
        "",
        pattern=r"^[^\x00-\x20]*$",
        description="Folder or bucket (s3://...) of snapshots and archives; the same for workers and commands.",
        json_schema_extra={
            "shown_default": "`storage` in FRESHET_STATE_DIR",
            "allowed": "a path or an address",
        },
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="Least serious log line that is written."
    )

    @property
    def storage(self) -> str:
        """Where snapshots and archives are: a path or an address."""
        if "://" in self.storage_url:
            return self.storage_url
        return str(Path(self.storage_url).expanduser().absolute() if self.storage_url else self.state_dir / "storage")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        _ordered(self, "list_expires_s", "list_ttl_s")
        _ordered(self, "active_days", "retention_days")
        if self.user_id_secret is not None and self.user_id_secret_file is not None:
            raise ValueError(f"set either {variable('user_id_secret')} or {variable('user_id_secret_file')}, not both")
        return self


def variable(field: str) -> str:
    """The environment variable of a field: `list_size` -> `FRESHET_LIST_SIZE`."""
    return PREFIX + field.upper()


def _ordered(settings: Settings, smaller: str, larger: str) -> None:
    low, high = getattr(settings, smaller), getattr(settings, larger)
    if low > high:
        raise ValueError(f"{variable(smaller)}={low} must not be more than {variable(larger)}={high}")
