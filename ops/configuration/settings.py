"""Every setting of Freshet in one typed place, read from FRESHET_* variables and an optional `.env` file."""

import os
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from ops.bootstrap import read_bootstrap
from serving.keys import check_names
from serving.redis_address import RedisUrl
from streams.contract.catalog import DEFAULT_MATURITY, Maturity
from streams.kafka.address import KafkaAddress, KafkaSecurity, Mechanism, Protocol
from streams.kafka.oauth import OAuthClient, TokenSource
from streams.kafka.topics import check_namespace
from streams.sinks.cassandra.address import CassandraAddress, Consistency
from streams.sinks.clickhouse.address import ClickHouseAddress

PREFIX = "FRESHET_"
_DAY_S = 24 * 60 * 60
#: The state folder of a user without a home: nothing is there and nothing can be made there, so that only what needs
#: the folder ends.
NO_HOME = Path("/dev/null/freshet")
NO_HOME_PROBLEM = f"{PREFIX}STATE_DIR is not set, and this user has no home folder to use instead"


def _checked_namespace(namespace: str) -> str:
    check_namespace(namespace)
    check_names(namespace, "v1")
    return namespace


def _checked_version(version: str) -> str:
    check_names("", version)
    return version


def _checked_redis_url(url: str) -> str:
    try:
        RedisUrl.parse(url)
    except OSError as problem:  # of the files of certificates that it names
        raise ValueError(f"{problem.strerror or problem} ({problem.filename or 'a certificate'})") from None
    return url


def _checked_clickhouse_url(url: str) -> str:
    try:
        ClickHouseAddress.from_url(url)
    except OSError as problem:
        raise ValueError(f"{problem.strerror or problem} ({problem.filename or 'a certificate'})") from None
    return url


def _checked_cassandra_url(url: str) -> str:
    try:
        CassandraAddress.from_url(url)
    except OSError as problem:
        raise ValueError(f"{problem.strerror or problem} ({problem.filename or 'a certificate'})") from None
    return url


def _absolute(path: Path | None) -> Path | None:
    try:
        return path.expanduser().absolute() if path is not None else None
    except RuntimeError:
        raise ValueError("nobody has that home folder") from None


def _absolute_unless_address(text: str) -> str:
    return text if not text or "://" in text else str(_absolute(Path(text)))


def _upper(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _state_home() -> Path:
    base = os.environ.get("XDG_STATE_HOME")
    if base:
        return Path(base) / "freshet"
    try:
        return Path.home() / ".local" / "state" / "freshet"
    except RuntimeError:
        return NO_HOME


class Settings(BaseSettings):
    """Values that change what Freshet does; the unit is the end of the name. Immutable."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    namespace: Annotated[str, AfterValidator(_checked_namespace)] = Field(
        "",
        pattern=r"^[a-z0-9-]{0,40}$",
        description="Prefix of every topic, group and key, so that demos, tests and tenants never meet; empty = none.",
    )
    model_version: Annotated[str, AfterValidator(_checked_version)] = Field(
        "v1", pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$", description="The model version that workers build and write."
    )
    operator: str = Field(
        "",
        min_length=0,
        max_length=200,
        description="Who gives commands, for `freshet audit-log`; empty = the user of this machine, as user@host.",
    )
    kafka_bootstrap: Annotated[str, AfterValidator(read_bootstrap)] = Field(
        "127.0.0.1:29092",
        description="Kafka brokers to ask first, as host:port with commas between.",
        json_schema_extra={"allowed": "host:port[,host:port...], ports 1 to 65535, IPv6 in brackets"},
    )
    kafka_security_protocol: Annotated[Protocol, BeforeValidator(_upper)] = Field(
        "PLAINTEXT", description="How Kafka is spoken to: SSL is TLS, SASL_ signs in."
    )
    kafka_sasl_mechanism: Annotated[Mechanism, BeforeValidator(_upper)] = Field(
        "SCRAM-SHA-512", description="How clients sign in to Kafka, with SASL_PLAINTEXT and SASL_SSL."
    )
    kafka_sasl_username: str = Field(
        "", min_length=0, max_length=1024, description="User of Kafka, for PLAIN and SCRAM."
    )
    kafka_sasl_password: SecretStr | None = Field(
        None, min_length=1, max_length=1024, description="Password of that user."
    )
    kafka_tls_ca_file: Path | None = Field(
        None,
        description="Certificates (PEM) of the authorities of Kafka's brokers, instead of this machine's; of the token "
        "endpoint too, beside those.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    kafka_tls_cert_file: Path | None = Field(
        None,
        description="Certificate (PEM) of this client, for brokers that want one.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    kafka_tls_key_file: Path | None = Field(
        None,
        description="Private key (PEM, without a password) of that certificate, when it is in another file.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    kafka_oauth_token_url: str = Field(
        "",
        pattern=r"^(https?://[^ ]+)?$",
        description="Where tokens for OAUTHBEARER are asked for (client credentials grant).",
    )
    kafka_oauth_client_id: str = Field("", min_length=0, max_length=1024, description="Who asks there.")
    kafka_oauth_client_secret: SecretStr | None = Field(
        None, min_length=1, max_length=4096, description="Secret of who asks there."
    )
    kafka_oauth_scope: str = Field("", min_length=0, max_length=1024, description="Scope of the tokens, if any.")
    redis_url: Annotated[str, AfterValidator(_checked_redis_url)] = Field(
        "redis://127.0.0.1:26379/0",
        description="Redis or Valkey that holds the lists: one server, some nodes of a cluster (redis+cluster://), or "
        "sentinels and what they call the primary (redis+sentinel://). rediss is TLS and checks the certificate, "
        "with ?ssl_ca_certs=FILE by your own authority. User and password are never shown.",
        repr=False,
        json_schema_extra={
            "allowed": "redis[s][+cluster|+sentinel]://[user[:password]@]host[:port][,host[:port]...][/primary][/db]"
            "[?ssl_ca_certs=F&ssl_certfile=F&ssl_keyfile=F&sentinel_username=U&sentinel_password=P]"
        },
    )
    partitions: int = Field(
        4,
        ge=1,
        le=10_000,
        description="Number of partitions of every keyed topic; fixed for the life of a log (100 in production).",
    )
    replication: int = Field(1, ge=1, le=7, description="Number of replicas of every partition (3 in production).")
    batch_max_records: int = Field(
        500,
        ge=1,
        le=10_000,
        description="Maximum number of records that a worker folds before anything else has its turn.",
    )
    commit_interval_s: float = Field(
        1.0,
        ge=0.0,
        le=10.0,
        description="Shortest time between two transactions of a busy partition; lists do not wait for them.",
    )
    commit_max_records: int = Field(
        2_000,
        ge=1,
        le=100_000,
        description="Number of folded records of a partition from which on it commits before that time.",
    )
    overload_after_s: float = Field(
        5.0,
        ge=0.0,
        le=3_600.0,
        description="Age of a backlog from which on users take turns for lists and what can wait does (0 = never).",
    )
    max_batch_bytes: int = Field(
        64 * 1024 * 1024,
        ge=1024 * 1024,
        le=1024 * 1024 * 1024,
        description="Most bytes that a compressed batch of records may unpack to; its records become dead letters.",
    )
    list_size: int = Field(100, ge=1, le=500, description="Number of items in a finished list.")
    list_ttl_s: int = Field(7 * _DAY_S, ge=60, le=90 * _DAY_S, description="Time to live of a list in Redis.")
    list_expires_s: int = Field(
        _DAY_S,
        ge=30,
        le=90 * _DAY_S,
        description="Age at which a list is stale: it is labelled so, and rewritten.",
    )
    rerank_mmr_lambda: float = Field(
        0.85,
        gt=0.0,
        le=1.0,
        description="Lambda of maximal marginal relevance in the first 20 items of a list; 1 = relevance only.",
    )
    rerank_min_genres: int = Field(
        3, ge=0, le=20, description="Minimum number of genres in the first 20 items of a list."
    )
    rerank_category_max: int = Field(
        0,
        ge=0,
        le=10,
        description="Maximum number of items of one category (first genre) in the first 10; 0 = any number.",
    )
    rerank_genre_share_max: float = Field(
        1.0, gt=0.0, le=1.0, description="Maximum share of one category in the first 20 items; 1 = any share."
    )
    rerank_boost_7d: float = Field(
        1.3, ge=1.0, le=10.0, description="Factor on the scores of items released within 7 days."
    )
    rerank_boost_30d: float = Field(
        1.1, ge=1.0, le=10.0, description="Factor on the scores of items released within 30 days."
    )
    rerank_new_item_share: float = Field(
        0.05, ge=0.0, le=0.5, description="Share of a list's slots for items released within 30 days."
    )
    rerank_explore_items: int = Field(
        3, ge=0, le=10, description="Number of the slots 11-20 that explore; 0 = no exploration."
    )
    default_maturity: Maturity = Field(
        DEFAULT_MATURITY,
        description="Maturity rating up to which items are shown when no other limit is known: to users without "
        "`maturity_max`, unknown users, trends; the same for workers and endpoint.",
    )
    sequence_model: Annotated[str, AfterValidator(_absolute_unless_address)] = Field(
        "",
        pattern=r"^[^\x00-\x20]*$",
        description="File of the sequence model that lists are ranked with (`freshet train` makes one), a path or an "
        "address (s3://...); empty = none. Another file is another model version.",
        json_schema_extra={"allowed": "a path or an address"},
    )
    evaluation_sample_rate: float = Field(
        0.02,
        ge=0.0,
        le=1.0,
        description="Share of the events by which versions are evaluated (prequential evaluation); "
        "those of a smaller share are among them.",
    )
    quality_margin: float = Field(
        0.05,
        ge=0.0,
        le=1.0,
        description="Share of the live version's quality that a promoted one may lose, at the end of the interval.",
    )
    experiment_min_users: int = Field(
        10_000,
        ge=2,
        le=1_000_000_000,
        description="Users of each variant before the report of an experiment gives a verdict.",
    )
    allowed_lateness_s: int = Field(
        300,
        ge=0,
        le=_DAY_S,
        description="Allowed lateness: an event further behind its partition's watermark is in no trend of 24 hours "
        "or 7 days.",
    )
    retention_days: int = Field(
        90,
        ge=1,
        le=3650,
        description="Events this far behind their partition's watermark become dead letters; idle users are purged;"
        " topics that are made now keep events and dead letters this long.",
    )
    archive_days: int = Field(
        730,
        ge=0,
        le=36_500,
        description="Retention of the archive: `freshet archive` removes older files; 0 = keeps all for ever.",
    )
    user_id_secret: SecretStr | None = Field(
        None,
        min_length=32,
        max_length=1024,
        description="Secret of the HMAC of user ids in derived data; the same for workers, endpoint and commands.",
    )
    item_model_interval_s: float = Field(
        2.0, ge=0.1, le=60.0, description="Interval at which the item plane publishes what changed."
    )
    item_model_budget_bytes_per_s: int = Field(
        250_000,
        ge=10_000,
        le=1_000_000_000,
        description="Maximum number of bytes per second that one item partition publishes.",
    )
    item_model_max_staleness_s: float = Field(
        10.0,
        ge=0.1,
        le=3600.0,
        description="Longest wait of an item partition for that budget; then it publishes all the same.",
    )
    active_days: int = Field(
        30, ge=1, le=365, description="Users without an event or a read for this long get no refreshed lists."
    )
    refresh_cpu_share: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        description="Share of a core that a worker may be busy for while it makes lists again that are outdated though "
        "nothing happened to their users; 50 a second it makes in any case.",
    )
    session_timeout_s: float = Field(
        6.0,
        ge=6.0,
        le=300.0,
        description="Session timeout of the group: a worker that is silent for this long loses its partitions.",
    )
    replay_max_skew_s: int = Field(
        7 * _DAY_S,
        ge=1,
        le=365 * _DAY_S,
        description="Maximum skew of watermark alignment: how far a replay reads a partition ahead of others.",
    )
    replay_refit_growth: float = Field(
        4.0,
        ge=1.1,
        le=1000.0,
        description="Growth from one refit checkpoint of a replay to the next, in what items have learned.",
    )
    state_store: Literal["memory", "rocksdb"] = Field(
        "memory", description="Where workers keep rows; rocksdb keeps them on disk when they outgrow memory."
    )
    worker_instance_id: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Static member id of this worker; a restart within the session timeout then moves no partition.",
    )
    endpoint_host: str = Field(
        "127.0.0.1", min_length=1, max_length=253, description="Address the endpoint listens on."
    )
    endpoint_port: int = Field(8080, ge=1, le=65_535, description="Port the endpoint listens on.")
    endpoint_workers: int = Field(1, ge=1, le=64, description="Number of endpoint processes that share the port.")
    endpoint_max_connections: int = Field(
        2048,
        ge=16,
        le=65536,
        description="Maximum number of connections of one process of the endpoint or of `freshet collect`; further "
        "ones wait to be accepted.",
    )
    endpoint_tls_cert_file: Path | None = Field(
        None,
        description="Certificate (PEM, with what is between it and its authority) of the endpoint and of "
        "`freshet collect`, which then speak HTTPS only; SIGHUP reads it again.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    endpoint_tls_key_file: Path | None = Field(
        None,
        description="Private key (PEM, without a password) of that certificate, when it is in another file.",
        json_schema_extra={"shown_default": "none", "allowed": "path of a file"},
    )
    endpoint_security: Literal["auto", "on", "off"] = Field(
        "auto",
        description="Tokens, rate limit, audit and security headers, of `freshet collect` too; auto = off on a "
        "loopback address, else on.",
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
    endpoint_jwt_leeway_s: int = Field(
        30, ge=0, le=300, description="Leeway for the times in tokens (exp, nbf, iat), as clocks differ."
    )
    endpoint_jwks_refresh_s: int = Field(
        300, ge=5, le=86_400, description="How often the issuer's keys are read again; a withdrawn one is refused then."
    )
    endpoint_jwks_stale_s: int = Field(
        3600,
        ge=5,
        le=7 * _DAY_S,
        description="How long the issuer's keys stay in use while they cannot be read again.",
    )
    endpoint_rate_per_minute: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="Rate limit: requests per minute of one reader while security is on; 0 = no limit.",
    )
    endpoint_cors_origins: str = Field(
        "",
        pattern=r"^(\*|https?://[^ ,]+(,https?://[^ ,]+)*)?$",
        description="Origins whose pages may read answers, with commas between; * = all; empty = none.",
    )
    endpoint_max_age_s: int = Field(1, ge=0, le=3600, description="Cache-Control max-age of answers.")
    endpoint_cards_mb: int = Field(
        128,
        ge=1,
        le=65_536,
        description="MB of item cards that an endpoint process holds of each version (0.5 KB an item); of a larger"
        " catalogue it holds those that are shown.",
    )
    endpoint_access_log_share: float = Field(
        0.0, ge=0.0, le=1.0, description="Share of the requests that are in the access log; failures always are."
    )
    endpoint_publish_share: float = Field(
        1.0, ge=0.0, le=1.0, description="Share of the answers published to the requests and served topics; 0 = none."
    )
    endpoint_metrics_dir: Path | None = Field(
        None,
        description="Folder in which workers of one endpoint share their counts; `freshet serve` makes one.",
        json_schema_extra={"shown_default": "none"},
    )
    collect_host: str = Field(
        "127.0.0.1", min_length=1, max_length=253, description="Address that `freshet collect` takes events on."
    )
    collect_port: int = Field(8081, ge=1, le=65_535, description="Port that `freshet collect` takes events on.")
    collect_queue_mb: int = Field(
        32, ge=1, le=65_536, description="MB of events that wait for Kafka's acknowledgement; further ones get 503."
    )
    collect_wait_s: float = Field(
        5.0, ge=0.5, le=60.0, description="How long a request waits for Kafka's acknowledgement before it gets 503."
    )
    collect_rate_per_minute: int = Field(
        1000,
        ge=0,
        le=1_000_000,
        description="Rate limit: events per minute of one user through `freshet collect` while security is on; 0 = no "
        "limit.",
    )
    collect_cors_origins: str = Field(
        "",
        pattern=r"^(\*|https?://[^ ,]+(,https?://[^ ,]+)*)?$",
        description="Origins whose pages may send events, with commas between; * = all; empty = none: every Origin is "
        "refused, also the one that collect itself is reached at.",
    )
    clickhouse_url: Annotated[str, AfterValidator(_checked_clickhouse_url)] = Field(
        "clickhouse://127.0.0.1:29000",
        description="ClickHouse of `freshet sink clickhouse`, native protocol; without a database in it that is "
        "`freshet`, or `freshet_` and the namespace. clickhouses:// is TLS and checks the certificate, with "
        "?ca_certs=FILE by your own authority. User and password are never shown.",
        repr=False,
        json_schema_extra={"allowed": "clickhouse[s]://[user[:password]@]host[:port][/database][?ca_certs=F]"},
    )
    clickhouse_password: SecretStr | None = Field(
        None, min_length=1, max_length=1024, description="Password of ClickHouse, when its URL has none."
    )
    clickhouse_ttl_days: int = Field(
        400,
        ge=0,
        le=36_500,
        description="Days that ClickHouse keeps rows of tables that are made now, on servers with TTL; 0 = for ever.",
    )
    cassandra_url: Annotated[str, AfterValidator(_checked_cassandra_url)] = Field(
        "cassandra://127.0.0.1:29042",
        description="Cassandra of `freshet sink cassandra`; without a keyspace in it that is `freshet`, or "
        "`freshet_` and the namespace. cassandras:// is TLS and checks the certificate, with ?ca_certs=FILE by your "
        "own authority; ?datacenter=NAME is asked first. User and password are never shown.",
        repr=False,
        json_schema_extra={
            "allowed": "cassandra[s]://[user[:password]@]host[,host][:port][/keyspace][?ca_certs=F&datacenter=D]"
        },
    )
    cassandra_password: SecretStr | None = Field(
        None, min_length=1, max_length=1024, description="Password of Cassandra, when its URL has none."
    )
    cassandra_replication: int = Field(
        1,
        ge=1,
        le=32,
        description="Copies in each datacenter of a keyspace that `freshet schema apply cassandra` makes.",
    )
    cassandra_write_consistency: Consistency = Field(
        "QUORUM",
        description="Replicas of Cassandra that confirm what is written, and answer what must see it: "
        "what is continued, and whether somebody is erased.",
    )
    cassandra_read_consistency: Consistency = Field(
        "LOCAL_ONE", description="Replicas of Cassandra that answer what is verified afterwards."
    )
    sink_block_records: int = Field(
        10_000,
        ge=10,
        le=1_000_000,
        description="Number of offsets of a partition that a sink writes as one block.",
    )
    sink_flush_s: float = Field(
        5.0, ge=0.1, le=600.0, description="Age at which a sink writes what waits, though it is no whole block."
    )
    attribution_window_s: int = Field(
        _DAY_S,
        ge=60,
        le=7 * _DAY_S,
        description="Attribution window: how long after it was shown a list may be what an event belongs to.",
    )
    metrics_host: str = Field(
        "127.0.0.1", min_length=1, max_length=253, description="Address that metrics and probes are answered on."
    )
    metrics_port: int = Field(
        0,
        ge=0,
        le=65_535,
        description="Port of /metrics, /healthz and /readyz of a worker, a sink or a replay, one for each process; "
        "0 = none. The endpoint and `freshet collect` have their own.",
    )
    otlp_url: str = Field(
        "",
        pattern=r"^(https?://[^ @]+)?$",
        description="OpenTelemetry collector that traces are sent to by OTLP over HTTP, as http://host:4318; empty = "
        "no traces.",
    )
    trace_share: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        description="Share of requests to the endpoint without a valid traceparent that are traced; those with one, "
        "and records, are traced when it says so.",
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
    storage_url: Annotated[str, AfterValidator(_absolute_unless_address)] = Field(
        "",
        pattern=r"^[^\x00-\x20]*$",
        description="Folder or bucket (s3://...) of snapshots and archives; the same for workers and commands.",
        json_schema_extra={
            "shown_default": "`storage` in FRESHET_STATE_DIR",
            "allowed": "a path or an address",
        },
    )
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = Field(
        "INFO", description="Minimum level of log lines."
    )
    log_format: Annotated[Literal["text", "json"], BeforeValidator(_lower)] = Field(
        "text", description="Log lines of workers, endpoints, collect and sinks: for people, or a JSON object each."
    )

    @property
    def storage(self) -> str:
        """Where snapshots and archives are: a path or an address."""
        return self.storage_url or str(self.state_dir / "storage")

    @property
    def kafka(self) -> KafkaAddress:
        """Where Kafka is, and how to be let in: what every client of it is made of."""
        tokens = None
        if self.kafka_sasl_mechanism == "OAUTHBEARER":
            client = OAuthClient(
                self.kafka_oauth_token_url,
                self.kafka_oauth_client_id,
                _revealed(self.kafka_oauth_client_secret),
                self.kafka_oauth_scope,
                self.kafka_tls_ca_file,
            )
            tokens = TokenSource(client)
        security = KafkaSecurity(
            self.kafka_security_protocol,
            self.kafka_sasl_mechanism,
            self.kafka_sasl_username,
            _revealed(self.kafka_sasl_password),
            self.kafka_tls_ca_file,
            self.kafka_tls_cert_file,
            self.kafka_tls_key_file,
            tokens,
        )
        return KafkaAddress(self.kafka_bootstrap, security)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        _ordered(self, "list_expires_s", "list_ttl_s")
        _ordered(self, "active_days", "retention_days")
        _ordered(self, "endpoint_jwks_refresh_s", "endpoint_jwks_stale_s")
        return self


def variable(field: str) -> str:
    """The environment variable of a field: `list_size` -> `FRESHET_LIST_SIZE`."""
    return PREFIX + field.upper()


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _ordered(settings: Settings, smaller: str, larger: str) -> None:
    low, high = getattr(settings, smaller), getattr(settings, larger)
    if low > high:
        raise ValueError(f"{variable(smaller)}={low} must not be more than {variable(larger)}={high}")
