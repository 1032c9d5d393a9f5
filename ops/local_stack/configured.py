"""The Kafka and Redis that the settings name: started here when they are local and missing, else only looked at."""

from collections.abc import Container, Iterable
from pathlib import Path

from ops.configuration.settings import Settings
from ops.configuration.settings_text import masked
from ops.local_stack.cassandra_server import CassandraServer
from ops.local_stack.clickhouse_server import ClickHouseServer
from ops.local_stack.errors import StackError
from ops.local_stack.file_lock import file_lock
from ops.local_stack.kafka_server import broker_ids
from ops.local_stack.ports import LOOPBACK
from ops.local_stack.process import Ended
from ops.local_stack.redis_server import redis_answers
from ops.local_stack.server import LocalServer, ServerOwner, ServerStatus, Started
from ops.local_stack.stack import LocalStack, Timings
from serving.redis_address import RedisKind, RedisUrl
from streams.sinks.cassandra.address import CassandraAddress
from streams.sinks.clickhouse.address import ClickHouseAddress

_LOCAL_HOSTS = frozenset({LOOPBACK, "localhost"})


class ConfiguredServers:
    """Where the settings say Kafka and Redis are.

    Only a server on a plain loopback address is ever started here; any other address must answer by itself. Several
    addresses of Kafka are ours to start when they are consecutive ports of this machine, as `nodes` of ours would be.
    `nodes` None means as many as the state folder remembers, at first 1. Raises `StackError` for an impossible number.
    """

    def __init__(self, settings: Settings, nodes: int | None = None) -> None:
        self._bootstrap: str = settings.kafka
        self._redis_url = settings.redis_url
        hosts, ports = _split(settings.kafka_bootstrap)
        redis = RedisUrl.parse(settings.redis_url)
        self._stack = LocalStack(settings.state_dir, ports[0], redis.servers[0].port, nodes)
        has_neighbours = ports == list(range(ports[0], ports[0] + len(ports)))
        self._kafka_is_local = hosts <= _LOCAL_HOSTS and has_neighbours and settings.kafka.security.is_none
        if self._kafka_is_local and self._stack.nodes > 1:
            self._bootstrap = self._stack.bootstrap
        self._stores = local_stores(settings)
        self._lock_path = settings.state_dir / "stack.lock"
        is_plain = redis.kind is RedisKind.SINGLE and redis.tls is None and not redis.password
        self._redis_is_local = redis.servers[0].host in _LOCAL_HOSTS and is_plain

    @property
    def addresses(self) -> dict[str, str]:
        """Address by server name, fit to be shown."""
        nodes = self._stack.kafka_addresses if self.nodes > 1 and self._kafka_is_local else {"kafka": self._bootstrap}
        stores = {name: store.address for name, store in self._stores.items()}
        return {**nodes, "redis": masked(self._redis_url), **stores}

    @property
    def bootstrap(self) -> str:
        """Kafka's addresses, of all nodes that there are."""
        return self._bootstrap

    @property
    def nodes(self) -> int:
        """How many nodes a Kafka of ours has."""
        return self._stack.nodes

    @property
    def logs(self) -> dict[str, Path]:
        """Log file by server name; a file is there once `up` has started its server."""
        return self._stack.logs | {name: store.log_path for name, store in self._used_stores.items()}

    @property
    def timings(self) -> Timings:
        """What the last `up` took."""
        return self._stack.timings

    def up(self, stores: Iterable[str] = ()) -> dict[str, Started]:
        """Makes sure that both servers answer, by name, each node of Kafka for itself, and the analytic `stores` named.
        Raises `StackError`.

        When one of them fails, or on Ctrl-C, the others are stopped again if this call started them.
        """
        absent = sorted(set(stores) - self._stores.keys())
        if absent:
            raise StackError(f"{absent[0]} is not started here; only {', '.join(self._stores)} on a plain {LOOPBACK}")
        started: dict[str, Started] = {}
        try:
            started["redis"] = self._stack.start_redis() if self._redis_is_local else self._use_remote("redis")
            if self._kafka_is_local:
                started |= self._stack.start_kafka_nodes()
            else:
                started["kafka"] = self._use_remote("kafka")
            for name in stores:
                with file_lock(self._lock_path):
                    started[name] = self._stores[name].start()
        except BaseException:
            self.stop(name for name, outcome in started.items() if outcome is Started.NOW)
            raise
        return started

    def status(self) -> list[ServerStatus]:
        """All servers as they are now, Kafka's first."""
        *kafka, redis = self._stack.status()
        return [
            *(kafka if self._kafka_is_local else [self._look("kafka")]),
            redis if self._redis_is_local else self._look("redis"),
            *[store.status() for store in self._used_stores.values()],
        ]

    def stop(self, names: Iterable[str]) -> dict[str, Ended]:
        """Ends those of the named servers that are ours."""
        named = set(names)
        return self._stack.stop(named) | self._stop_stores(named)

    def down(self, wipe: bool) -> dict[str, Ended]:
        """Ends our servers and, with `wipe`, removes what they stored. Raises `StackError`."""
        ended = self._stack.stop() | self._stop_stores(self._used_stores)
        if wipe:
            self._stack.wipe()
            for store in self._used_stores.values():
                store.wipe()
        return ended

    @property
    def _used_stores(self) -> dict[str, LocalServer]:
        """Those that were started here once and not wiped since."""
        return {name: store for name, store in self._stores.items() if store.folder.exists()}

    def _stop_stores(self, names: Container[str]) -> dict[str, Ended]:
        with file_lock(self._lock_path):
            return {name: store.stop() for name, store in self._used_stores.items() if name in names}

    def _use_remote(self, name: str) -> Started:
        if not self._answers(name):
            raise StackError(f"no {name} answers at {self.addresses[name]}, and only a plain {LOOPBACK} one is started")
        return Started.BY_OTHERS

    def _look(self, name: str) -> ServerStatus:
        answers = self._answers(name)
        return ServerStatus(name, self.addresses[name], ServerOwner.OTHER if answers else ServerOwner.NOBODY, answers)

    def _answers(self, name: str) -> bool:
        return bool(broker_ids(self._bootstrap)) if name == "kafka" else redis_answers(self._redis_url)


def local_stores(settings: Settings) -> dict[str, LocalServer]:
    """The analytic stores that can be started on this machine, by name: their addresses are plain loopback ones."""
    found: dict[str, LocalServer] = {}
    cassandra = CassandraAddress.from_url(settings.cassandra_url, settings.namespace)
    if {*cassandra.hosts} <= _LOCAL_HOSTS and not cassandra.secure and not cassandra.password:
        found["cassandra"] = CassandraServer(settings.state_dir, cassandra.port)
    clickhouse = ClickHouseAddress.from_url(settings.clickhouse_url, settings.namespace)
    if clickhouse.host in _LOCAL_HOSTS and not clickhouse.secure and not clickhouse.password:
        found["clickhouse"] = ClickHouseServer(settings.state_dir, clickhouse.port)
    return found


def _split(bootstrap: str) -> tuple[set[str], list[int]]:
    """The hosts and the ports of Kafka's addresses."""
    pairs = [address.rpartition(":") for address in bootstrap.split(",")]
    return {host for host, _, _ in pairs}, [int(port) for _, _, port in pairs]
