"""What sinks need of the settings, and which there are."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec

from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings
from ops.exit_codes import CommandFailed, ExitCode
from streams.kafka.topics import Topics
from streams.sinks.clickhouse.address import ClickHouseAddress
from streams.sinks.config import SinkConfig
from streams.sinks.schema_report import SchemaReport
from streams.sinks.sink import Sink

CLICKHOUSE = "clickhouse"
_CLICKHOUSE_CLIENT = "clickhouse_driver"


def sink_config(settings: Settings) -> SinkConfig:
    """What any sink process needs."""
    return SinkConfig(
        bootstrap=settings.kafka_bootstrap,
        topics=Topics(settings.namespace, settings.model_version),
        identities=identities_of(settings),
        block_records=settings.sink_block_records,
        flush_s=settings.sink_flush_s,
        attribution_window_ms=settings.attribution_window_s * 1000,
        session_timeout_s=settings.session_timeout_s,
        metrics_port=settings.sink_metrics_port,
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


#: How the tables of each store are made.
SCHEMAS: Mapping[str, Callable[[Settings], SchemaReport]] = {CLICKHOUSE: _clickhouse_schema}
#: How each sink is made of the settings; its client is imported then.
SINKS: Mapping[str, Callable[[Settings], Sink]] = {CLICKHOUSE: _clickhouse}
