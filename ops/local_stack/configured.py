"""The Kafka and Redis that the settings name: started here when they are local and missing, else only looked at."""

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import urlsplit

from ops.local_stack.errors import StackError
from ops.local_stack.kafka_server import broker_count
from ops.local_stack.ports import LOOPBACK
from ops.local_stack.process import Ended
from ops.local_stack.redis_server import redis_answers
from ops.local_stack.server import Owner, ServerStatus, Started
from ops.local_stack.stack import LocalStack, Timings
from ops.settings import Settings
from ops.settings_text import masked

_LOCAL_HOSTS = frozenset({LOOPBACK, "localhost"})
_REDIS_PORT = 6379


class ConfiguredServers:
    """Where the settings say Kafka and Redis are.

    Only a server on a plain loopback address is ever started here; any other address must answer by itself.
    """

    def __init__(self, settings: Settings) -> None:
        self._bootstrap, self._redis_url = settings.kafka_bootstrap, settings.redis_url
        kafka_host, _, kafka_port = settings.kafka_bootstrap.partition(",")[0].rpartition(":")
        redis = urlsplit(settings.redis_url)
        self._stack = LocalStack(settings.state_dir, int(kafka_port), redis.port or _REDIS_PORT)
        self._kafka_is_local = kafka_host in _LOCAL_HOSTS and "," not in settings.kafka_bootstrap
        self._redis_is_local = redis.hostname in _LOCAL_HOSTS and redis.scheme == "redis" and not redis.password

    @property
    def addresses(self) -> dict[str, str]:
        """Address by server name, fit to be shown."""
        return {"kafka": self._bootstrap, "redis": masked(self._redis_url)}

    @property
    def logs(self) -> dict[str, Path]:
        """Log file by server name; a file is there once `up` has started its server."""
        return self._stack.logs

    @property
    def timings(self) -> Timings:
        """What the last `up` took."""
        return self._stack.timings

    def up(self) -> dict[str, Started]:
        """Makes sure that both servers answer, by name. Raises `StackError`.

        When one of them fails, or on Ctrl-C, the other one is stopped again if this call started it.
        """
        started: dict[str, Started] = {}
        try:
            started["redis"] = self._start("redis", self._redis_is_local, self._stack.start_redis)
            started["kafka"] = self._start("kafka", self._kafka_is_local, self._stack.start_kafka)
        except BaseException:
            self.stop(name for name, outcome in started.items() if outcome is Started.NOW)
            raise
        return started

    def status(self) -> list[ServerStatus]:
        """Both servers as they are now."""
        local = {status.name: status for status in self._stack.status()}
        remote = {"kafka": self._kafka_is_local, "redis": self._redis_is_local}
        return [status if remote[name] else self._look(name) for name, status in local.items()]

    def stop(self, names: Iterable[str]) -> dict[str, Ended]:
        """Ends those of the named servers that are ours."""
        stops = {"kafka": self._stack.stop_kafka, "redis": self._stack.stop_redis}
        return {name: stops[name]() for name in names}

    def down(self, wipe: bool) -> dict[str, Ended]:
        """Ends our servers and, with `wipe`, removes what they stored. Raises `StackError`."""
        ended = self._stack.stop()
        if wipe:
            self._stack.wipe()
        return ended

    def _start(self, name: str, local: bool, start: Callable[[], Started]) -> Started:
        if local:
            return start()
        if not self._answers(name):
            raise StackError(f"no {name} answers at {self.addresses[name]}, and only a plain {LOOPBACK} one is started")
        return Started.BY_OTHERS

    def _look(self, name: str) -> ServerStatus:
        answers = self._answers(name)
        return ServerStatus(name, self.addresses[name], Owner.OTHER if answers else Owner.NOBODY, answers)

    def _answers(self, name: str) -> bool:
        return broker_count(self._bootstrap) > 0 if name == "kafka" else redis_answers(self._redis_url)
