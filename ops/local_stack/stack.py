"""Kafka and Valkey together: what `freshet up`, the demo and the tests start."""

import time
from collections.abc import Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ops.local_stack.file_lock import file_lock
from ops.local_stack.kafka_cluster import KafkaCluster
from ops.local_stack.ports import free_port
from ops.local_stack.process import Ended
from ops.local_stack.redis_server import RedisServer
from ops.local_stack.server import LocalServer, ServerStatus, Started


@dataclass(frozen=True)
class Timings:
    """Seconds that the last starts took: fetching Kafka's files, and from there to answered requests."""

    download_s: float = 0.0
    start_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Rounded to milliseconds."""
        return {name: round(seconds, 3) for name, seconds in asdict(self).items()}


class LocalStack:
    """A Kafka and a Valkey on loopback ports with all state under `state_dir`.

    Kafka's `nodes` (1 or 3; None for as many as the folder remembers, which is 1 at first) listen on consecutive ports
    from `kafka_port` on and are called kafka-1, kafka-2 …, a single one just kafka.

    Stacks with different folders and ports live side by side. A server that answers at its port already is used and
    never stopped. Every change holds a file lock, so two processes that start the same stack do not race.
    """

    def __init__(self, state_dir: Path, kafka_port: int, redis_port: int, nodes: int | None = None) -> None:
        self._lock_path = state_dir / "stack.lock"
        self._kafka = KafkaCluster(state_dir, kafka_port, nodes)
        self._redis = RedisServer(state_dir, redis_port)
        self.timings = Timings()

    @classmethod
    def on_free_ports(cls, state_dir: Path, nodes: int = 1) -> Self:
        """A stack of one's own: for tests and benches."""
        return cls(state_dir, free_port(nodes), free_port(), nodes)

    @property
    def bootstrap(self) -> str:
        """Kafka's `host:port`, all nodes with commas between."""
        return self._kafka.bootstrap

    @property
    def kafka_addresses(self) -> dict[str, str]:
        """`host:port` of each node by server name."""
        return {server.name: server.address for server in self._kafka.servers}

    @property
    def redis_url(self) -> str:
        """`redis://host:port/0`."""
        return f"redis://{self._redis.address}/0"

    @property
    def logs(self) -> dict[str, Path]:
        """Log file by server name; a file is there once its server has been started."""
        return {server.name: server.log_path for server in self._servers}

    @property
    def nodes(self) -> int:
        """How many nodes Kafka has."""
        return len(self._kafka.servers)

    @property
    def kafka_pid(self) -> int | None:
        """The pid of our Kafka while it runs; of its first node when there are several."""
        return self.kafka_pids[1]

    @property
    def kafka_pids(self) -> dict[int, int | None]:
        """The pid of each of our nodes while it runs, by its number from 1."""
        return {server.number: server.pid() for server in self._kafka.servers}

    @property
    def redis_pid(self) -> int | None:
        """The pid of our Valkey while it runs."""
        return self._redis.pid()

    def start(self) -> dict[str, Started]:
        """Starts what is missing and returns when both answer. Raises `StackError`."""
        self.timings = Timings()
        return {"redis": self.start_redis(), **self.start_kafka_nodes()}

    def start_kafka(self, node: int | None = None) -> Started:
        """Starts Kafka, or only its node of that number, unless it answers already. Raises `StackError`.

        A node is ready when it answers a metadata request that shows it, and all of them when it shows all.
        """
        outcomes = set(self.start_kafka_nodes(node).values())
        return next(outcome for outcome in (Started.NOW, Started.BEFORE, Started.BY_OTHERS) if outcome in outcomes)

    def start_kafka_nodes(self, node: int | None = None) -> dict[str, Started]:
        """As `start_kafka`, by name of the node's server."""
        with self._measured(self._kafka.chosen(node)):
            return self._kafka.start(node)

    def start_redis(self) -> Started:
        """Starts Valkey unless it answers already. Raises `StackError`."""
        with self._measured([self._redis]):
            return self._redis.start()

    def stop(self, names: Container[str] | None = None) -> dict[str, Ended]:
        """Ends the servers that are ours, or only those with these names; how it went by name."""
        nodes = [server for server in self._kafka.servers if names is None or server.name in names]
        with file_lock(self._lock_path):
            ended = self._kafka.stop(nodes, kill=False)
        return ended | ({"redis": self.stop_redis()} if names is None or "redis" in names else {})

    def stop_kafka(self, node: int | None = None, kill: bool = False) -> Ended:
        """Ends our Kafka, or only its node of that number: gracefully, or with `kill` as a crash would. Data stays."""
        with file_lock(self._lock_path):
            outcomes = set(self._kafka.stop(self._kafka.chosen(node), kill).values())
        return next(outcome for outcome in (Ended.KILLED, Ended.STOPPED, Ended.NOT_RUNNING) if outcome in outcomes)

    def stop_redis(self, kill: bool = False) -> Ended:
        """Ends our Valkey; what was in it is gone."""
        with file_lock(self._lock_path):
            return self._redis.kill() if kill else self._redis.stop()

    def wipe(self) -> None:
        """Removes what the stopped servers stored. Raises `StackError` while one of ours runs."""
        with file_lock(self._lock_path):
            self._kafka.wipe()
            self._redis.wipe()

    def status(self) -> list[ServerStatus]:
        """All servers as they are now, Kafka's first."""
        return [server.status() for server in self._servers]

    @property
    def _servers(self) -> Sequence[LocalServer]:
        return (*self._kafka.servers, self._redis)

    @contextmanager
    def _measured(self, servers: Sequence[LocalServer]) -> Iterator[None]:
        with file_lock(self._lock_path):
            began = time.monotonic()
            yield
            passed_s = time.monotonic() - began
        download_s = sum(server.download_s for server in servers)
        self.timings = Timings(self.timings.download_s + download_s, self.timings.start_s + passed_s - download_s)
