"""What sinks need of the settings, and which there are."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings
from ops.exit_codes import CommandFailed, ExitCode
from streams.kafka.topics import Topics
from streams.sinks.cassandra.address import CassandraAddress, ConsistencyLevels
from streams.sinks.cassandra.item_ratings import ItemRatings, ItemRatingsSource
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.config import SinkConfig
from streams.sinks.schema_report import SchemaReport
from streams.sinks.sink import Sink
from tables import item_rows

CASSANDRA = "cassandra"
CLICKHOUSE = "clickhouse"
_CASSANDRA_CLIENT = "cassandra"
_CLICKHOUSE_CLIENT = "clickhouse_driver"


def sink_config(settings: Settings) -> SinkConfig:
    """What any sink process needs."""
    return SinkConfig(
        bootstrap=settings.kafka,
        topics=Topics(settings.namespace, settings.model_version),
        identities=identities_of(settings),
        block_records=settings.sink_block_records,
        flush_s=settings.sink_flush_s,
        attribution_window_ms=settings.attribution_window_s * 1000,
        session_timeout_s=settings.session_timeout_s,
    )


def clickhouse_address(settings: Settings) -> ClickHouseAddress:
    """Where ClickHouse is."""
    secret = settings.clickhouse_password
    password = secret.get_secret_value() if secret is not None else ""
    return ClickHouseAddress.from_url(settings.clickhouse_url, settings.namespace, password)


class ClientMissing(CommandFailed):
    """The client of a store is not installed."""

    code = ExitCode.USAGE


def _require(module: str) -> None:
    if find_spec(module) is None:
        raise ClientMissing(f"{module} is not installed: pip install 'freshet[sinks]'")


def _clickhouse(settings: Settings) -> Sink:
    _require(_CLICKHOUSE_CLIENT)
    from streams.sinks.clickhouse.server import Server
    from streams.sinks.clickhouse.sink import ClickHouseSink

    return ClickHouseSink(Server(clickhouse_address(settings)))


def _clickhouse_schema(settings: Settings) -> SchemaReport:
    _require(_CLICKHOUSE_CLIENT)
    from streams.sinks.clickhouse.schema import apply
    from streams.sinks.clickhouse.server import Server

    server = Server(clickhouse_address(settings))
    try:
        return apply(server, settings.clickhouse_ttl_days)
    finally:
        server.close()


def cassandra_address(settings: Settings) -> CassandraAddress:
    """Where Cassandra is."""
    secret = settings.cassandra_password
    password = secret.get_secret_value() if secret is not None else ""
    return CassandraAddress.from_url(settings.cassandra_url, settings.namespace, password)


def ratings_in(key: bytes, value: bytes | None) -> tuple[str, ItemRatings] | None:
    """The item and its ratings that a record of `item.model` tells of; None = of none. Raises what a row of a newer
    release raises."""
    if key[:1] != item_rows.COUNTS or value is None:
        return None
    row = item_rows.COUNTS_CODEC.decode(value)
    if not row.ratings:
        return None
    by_half_star = {(number + 1) / 2: count for number, count in enumerate(row.half_stars) if count}
    return key[1:].decode(), ItemRatings(row.ratings, row.rating_sum / 100, by_half_star)


def _cassandra(settings: Settings) -> Sink:
    _require(_CASSANDRA_CLIENT)
    from streams.sinks.cassandra.sink import CassandraSink

    levels = ConsistencyLevels(settings.cassandra_write_consistency, settings.cassandra_read_consistency)
    topics = Topics(settings.namespace, settings.model_version)
    ratings = ItemRatingsSource(settings.kafka, topics.item_model, settings.model_version, ratings_in)
    return CassandraSink(cassandra_address(settings), levels, ratings)


def _cassandra_schema(settings: Settings) -> SchemaReport:
    _require(_CASSANDRA_CLIENT)
    from streams.sinks.cassandra.client import CassandraClient
    from streams.sinks.cassandra.schema import apply

    server = CassandraClient(cassandra_address(settings))
    try:
        return apply(server, settings.cassandra_replication)
    finally:
        server.close()


#: How the tables of each store are made.
SCHEMAS: Mapping[str, Callable[[Settings], SchemaReport]] = {
    CASSANDRA: _cassandra_schema,
    CLICKHOUSE: _clickhouse_schema,
}
#: How each sink is made of the settings; its client is imported then.
SINKS: Mapping[str, Callable[[Settings], Sink]] = {CASSANDRA: _cassandra, CLICKHOUSE: _clickhouse}
