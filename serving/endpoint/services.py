"""Everything one endpoint process owns, and its life: connect, keep fresh, count, end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from serving.endpoint.config import EndpointConfig
from serving.endpoint.guard.rate_limit import LOAD, RateLimit
from serving.endpoint.guard.tokens import Tokens
from serving.endpoint.line_log import LineLog
from serving.endpoint.marks import UserMarks
from serving.endpoint.metrics import Metrics
from serving.endpoint.missed_lists import WRITE_EVERY_S, MissedLists
from serving.endpoint.publisher import AnswerPublisher
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.search.item_search import ItemSearch
from serving.endpoint.shown import ShownAnswer
from serving.endpoint.store import Store
from serving.keys import Keys
from serving.redis_address import RedisKind, RedisUrl
from serving.redis_errors import RedisUnavailable
from serving.redis_links import link_to
from serving.supervisor import LoopSupervisor

log = logging.getLogger(__name__)

PING_S = 1.0
#: What brings the live pointer, the cards of items and the fallbacks up to date.
REFRESHER = "refresher"
#: So long a start waits for the search index, which a large catalogue takes longer to make: until then little is found.
INDEXED_WITHIN_S = 5.0


class Services:
    """Made within the event loop; what is off is None."""

    def __init__(self, config: EndpointConfig, redis: RedisUrl) -> None:
        self.config = config
        self.supervisor = LoopSupervisor()
        link = link_to(
            redis, config.redis_deadline_ms / 1000, (LOAD,) if config.rate_per_minute else (), self.supervisor
        )
        clustered = redis.kind is RedisKind.CLUSTER
        keys = Keys(config.namespace, config.model_version, clustered)
        user_marks = UserMarks(config.partitions, config.identities)
        self.missed = MissedLists(link, user_marks)
        self.store = Store(config, link, self.missed, clustered)
        self.search = ItemSearch(self.store.versions)
        self.reads = ReadNotes(link, keys, user_marks)
        self.metrics = Metrics(config.metrics_dir)
        self.lines = LineLog(supervisor=self.supervisor)
        self.tokens = Tokens(config.tokens) if config.tokens else None
        self.limit = RateLimit(link, keys.root, config.rate_per_minute) if config.rate_per_minute else None
        self.publisher = AnswerPublisher(config, self.supervisor) if config.kafka_bootstrap else None
        self.metrics.restarts = self.supervisor.restarts
        self._tried = asyncio.Event()
        self._indexed = asyncio.Event()

    async def start(self) -> None:
        """Connects and loads the fallbacks; neither Redis, Kafka nor the JWKS address has to be there."""
        await self.store.link.start()
        if self.tokens is not None:
            await self.tokens.start(self.supervisor)
        if self.publisher is not None:
            self.publisher.start()
        self.lines.start()
        # Each for itself: a disk that is full may keep figures from being shared, and nothing else.
        for name, loop in (
            (REFRESHER, self._keep_fresh),
            ("search index", self._keep_indexing),
            ("readers", self._keep_noting),
            ("missed lists", self._keep_telling),
            ("metrics", self._keep_saving),
            ("redis latency", self._keep_timing),
        ):
            self.supervisor.keep(name, loop)
        await self._tried.wait()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._indexed.wait(), INDEXED_WITHIN_S)

    async def stop(self) -> None:
        """Ends everything; what is counted and logged is written first, as far as it can be."""
        ends: list[tuple[str, Callable[[], Awaitable[None]]]] = [("readers", self._note_readers)]
        if self.publisher is not None:
            ends.append(("publisher", self.publisher.close))
        ends += [
            ("metrics", self._save),
            ("line log", self.lines.close),
            ("background tasks", self.supervisor.close),
            ("search", self.search.close),
            ("redis link", self.store.link.close),
        ]
        for name, end in ends:
            try:
                await end()
            except Exception:
                log.exception("%s did not end in good order", name)

    @property
    def unready(self) -> str:
        """Why readers should be sent elsewhere; "" when they need not. A Redis that is away is none, see `Ready`."""
        if why := self.supervisor.failing.get(REFRESHER):
            return f"what may be shown is not brought up to date: {why}"
        return self.tokens.unusable if self.tokens is not None else ""

    def tell(self, shown: ShownAnswer) -> None:
        """A reader was shown a list: it is counted, published, and the reader's lists are kept right."""
        self.metrics.tell(shown)
        if (user_id := shown.parameters.get("user_id")) is not None:
            self.reads.add(user_id)
        if self.publisher is not None:
            self.publisher.add(shown)

    def count(self) -> None:
        """Brings the metrics' totals up to date."""
        store, publisher = self.store, self.publisher
        self.metrics.is_connected = store.link.is_up
        self.metrics.totals = {
            "redis_trips": store.link.trips,
            "redis_connects": store.link.connects,
            "redis_unavailable": store.unavailable,
            "unreadable_lists": store.unreadable,
            "missing_cards": sum(version.cards.cards.missing for version in store.versions.all),
            "published": publisher.published if publisher else 0,
            "publish_dropped": publisher.dropped if publisher else 0,
            "log_dropped": self.lines.dropped,
            "searches_refused": self.search.refused,
        }

    async def _keep_fresh(self) -> None:
        while True:
            try:
                await self.store.refresh()
            except RedisUnavailable as error:
                log.debug("not refreshed: %s", error)  # the link counts it; what we hold stays in use
            finally:
                self._tried.set()
            await asyncio.sleep(self.config.refresh_ms / 1000)

    async def _keep_indexing(self) -> None:
        await self._tried.wait()
        while True:
            try:
                await self.search.follow()
            finally:
                self._indexed.set()
            await asyncio.sleep(self.config.refresh_ms / 1000)

    async def _keep_noting(self) -> None:
        while True:
            await asyncio.sleep(self.config.refresh_ms / 1000)
            await self._note_readers()

    async def _note_readers(self) -> None:
        await self.reads.write(int(time.time()))

    async def _keep_saving(self) -> None:
        while True:
            await asyncio.sleep(self.config.refresh_ms / 1000)
            await self._save()

    async def _save(self) -> None:
        self.count()
        self.metrics.save()

    async def _keep_timing(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            began_s = time.perf_counter()
            try:
                await self.store.link.ping()
            except RedisUnavailable:
                continue  # the circuit says so
            self.metrics.redis_s.observe(time.perf_counter() - began_s)

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(WRITE_EVERY_S)
            await self.missed.write(time.time())
