"""The topics, groups and keys of one run: made at its beginning, removed at its end."""

import asyncio
import secrets
from dataclasses import dataclass

from ops.configuration.settings import Settings
from ops.demo.errors import DemoError
from serving.keys import Keys
from serving.redis_address import is_cluster
from serving.redis_writer import ListWriter
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

_TIMEOUT_S = 30.0
# Long enough for a killed worker to fall out of its group, and for a loaded machine to delete 60 partitions.
_REMOVAL_TIMEOUT_S = 60.0


def fresh_name() -> str:
    """A namespace that nobody has used."""
    return f"demo-{secrets.token_hex(3)}"


@dataclass(frozen=True)
class Namespace:
    """Where one run lives: the settings in force, with a namespace of their own."""

    settings: Settings

    @property
    def topics(self) -> Topics:
        """The run's topics."""
        return Topics(self.settings.namespace, self.settings.model_version)

    @property
    def keys(self) -> Keys:
        """The run's Redis keys."""
        return Keys(self.settings.namespace, self.settings.model_version, is_cluster(self.settings.redis_url))

    def create(self) -> None:
        """Creates all topics. Raises `KafkaError`, and `DemoError` when the namespace was not fresh."""
        settings = self.settings
        report = ensure_topics(
            settings.kafka,
            self.topics,
            settings.partitions,
            settings.replication,
            _TIMEOUT_S,
            settings.retention_days,
        )
        if report.unchanged or report.differs:
            raise DemoError(f"namespace {settings.namespace} has topics already; run the demo again")

    def remove(self) -> None:
        """Removes topics, groups and keys; call it when nothing works in the namespace any more.

        Raises `KafkaError` or `RedisUnavailable`.
        """
        try:
            delete_namespace(self.settings.kafka, self.settings.namespace, _REMOVAL_TIMEOUT_S)
        finally:
            asyncio.run(self._purge_keys())

    async def _purge_keys(self) -> None:
        writer = ListWriter.connect(self.settings.redis_url, self.keys)
        try:
            await writer.purge_namespace()
        finally:
            await writer.close()
