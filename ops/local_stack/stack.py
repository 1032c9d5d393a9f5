"""Kafka and Valkey together: what `freshet up`, the demo and the tests start."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from ops.local_stack.file_lock import file_lock
from ops.local_stack.kafka_server import KafkaServer
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
    """A Kafka and a Valkey on two loopback ports with all state under `state_dir`.

    Stacks with different folders and ports live side by side. A server that answers at its port already is used and
    never stopped. Every change holds a file lock, so two processes that start the same stack do not race.
    """

    def __init__(self, state_dir: Path, kafka_port: int, redis_port: int) -> None:
        self._lock_path = state_dir / "stack.lock"
        self._kafka = KafkaServer(state_dir, kafka_port)
        self._redis = RedisServer(state_dir, redis_port)
        self.timings = Timings()

    @classmethod
    def on_free_ports(cls, state_dir: Path) -> Self:
        """A stack of one's own: for tests and benches."""
        return cls(state_dir, free_port(), free_port())

    @property
    def bootstrap(self) -> str:
        """Kafka's `host:port`."""
        return self._kafka.address

    @property
    def redis_url(self) -> str:
        """`redis://host:port/0`."""
        return f"redis://{self._redis.address}/0"

    @property
    def logs(self) -> dict[str, Path]:
        """Log file by server name; a file is there once its server has been started."""
        return {server.name: server.log_path for server in self._servers}

    @property
    def kafka_pid(self) -> int | None:
        """The pid of our Kafka while it runs."""
        return self._kafka.pid()

    @property
    def redis_pid(self) -> int | None:
        """The pid of our Valkey while it runs."""
        return self._redis.pid()

    def start(self) -> dict[str, Started]:
        """Starts what is missing and returns when both answer. Raises `StackError`."""
        self.timings = Timings()
        return {"redis": self.start_redis(), "kafka": self.start_kafka()}

    def start_kafka(self) -> Started:
        """Starts Kafka unless it answers already. Raises `StackError`."""
        return self._start(self._kafka)

    def start_redis(self) -> Started:
        """Starts Valkey unless it answers already. Raises `StackError`."""
        return self._start(self._redis)

    def stop(self) -> dict[str, Ended]:
        """Ends the servers that are ours, by name."""
        return {"kafka": self.stop_kafka(), "redis": self.stop_redis()}

    def stop_kafka(self, kill: bool = False) -> Ended:
        """Ends our Kafka: gracefully, or with `kill` as a crash would. Its data stays."""
        return self._stop(self._kafka, kill)

    def stop_redis(self, kill: bool = False) -> Ended:
        """Ends our Valkey; what was in it is gone."""
        return self._stop(self._redis, kill)

    def wipe(self) -> None:
        """Removes what the stopped servers stored. Raises `StackError` while one of ours runs."""
        with file_lock(self._lock_path):
            for server in self._servers:
                server.wipe()

    def status(self) -> list[ServerStatus]:
        """Both servers as they are now."""
        return [server.status() for server in self._servers]

    @property
    def _servers(self) -> tuple[LocalServer, LocalServer]:
        return (self._kafka, self._redis)

    def _start(self, server: LocalServer) -> Started:
        with file_lock(self._lock_path):
            began = time.monotonic()
            started = server.start()
            passed_s = time.monotonic() - began
        self.timings = Timings(
            self.timings.download_s + server.download_s, self.timings.start_s + passed_s - server.download_s
        )
        return started

    def _stop(self, server: LocalServer, kill: bool) -> Ended:
        with file_lock(self._lock_path):
            return server.kill() if kill else server.stop()
