"""Everything one endpoint process owns, and its life: connect, keep fresh, count, end."""

from __future__ import annotations

import asyncio
import logging
import time

from serving.endpoint.config import EndpointConfig
from serving.endpoint.guard.rate_limit import LOAD, RateLimit
from serving.endpoint.guard.tokens import Tokens
from serving.endpoint.line_log import LineLog
from serving.endpoint.metrics import Metrics
from serving.endpoint.publisher import Publisher
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.store import Store
from serving.keys import Keys
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

log = logging.getLogger(__name__)


class Services:
    """Made within the event loop; what is off is None."""

    def __init__(self, config: EndpointConfig, address: RedisAddress) -> None:
        self.config = config
        link = RedisLink(
            address,
            deadline_s=config.redis_deadline_ms / 1000,
            on_connect=(LOAD,) if config.rate_per_minute else (),
        )
        keys = Keys(config.namespace, config.model_version)
        self.store = Store(config, link)
        self.reads = ReadNotes(link, keys, config.partitions, config.identities)
        self.metrics = Metrics(config.metrics_dir)
        self.lines = LineLog()
        self.tokens = Tokens(config.tokens) if config.tokens else None
        self.limit = RateLimit(link, keys.root, config.rate_per_minute) if config.rate_per_minute else None
        self.publisher = Publisher(config) if config.kafka_bootstrap else None
        self._refresher: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connects and loads the fallbacks; neither Redis, Kafka nor the JWKS address has to be there."""
        await self.store.link.start()
        if self.tokens is not None:
            await self.tokens.start()
        if self.publisher is not None:
            self.publisher.start()
        self.lines.start()
        await self._refresh()
        self._refresher = asyncio.create_task(self._keep_fresh())

    async def stop(self) -> None:
        """Ends everything; what is counted and logged is written first."""
        if self._refresher is not None:
            self._refresher.cancel()
            await asyncio.gather(self._refresher, return_exceptions=True)
        await self.reads.write(int(time.time()))
        if self.publisher is not None:
            await self.publisher.close()
        self.count()
        self.metrics.save()
        await self.lines.close()
        await self.store.link.close()

    def count(self) -> None:
        """Brings the metrics' totals up to date."""
        store, publisher = self.store, self.publisher
        self.metrics.totals = {
            "redis_trips": store.link.trips,
            "redis_connects": store.link.connects,
            "redis_unavailable": store.unavailable,
            "unreadable_lists": store.unreadable,
            "published": publisher.published if publisher else 0,
            "publish_dropped": publisher.dropped if publisher else 0,
            "log_dropped": self.lines.dropped,
        }

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self.config.refresh_ms / 1000)
            await self._refresh()
            await self.reads.write(int(time.time()))
            self.count()
            self.metrics.save()

    async def _refresh(self) -> None:
        try:
            await self.store.refresh()
        except RedisUnavailable as error:
            log.debug("not refreshed: %s", error)  # the link counts it; what we hold stays in use
