"""How long it takes from an acknowledged event to a list in Redis that reflects it, measured on a sample."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis.asyncio import Redis

from serving.keys import Keys
from serving.list_format import read_prefix
from serving.redis_clients import RedisNodes

POLL_S = 0.004
#: With many events open, rounds take a millisecond for each: looking is not to become a load of its own.
POLL_S_PER_OPEN = 0.001
MAX_OPEN = 8
OVERDUE_S = 30.0
# Fixed part, header and offset table of the longest list that settings allow; the items are not needed.
_START_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds."""

    p50: float
    p99: float
    most: float


@dataclass(frozen=True, slots=True)
class _Probe:
    user_id: str
    partition: int
    offset: int
    acknowledged_s: float


class FreshnessProbe:
    """Follows up to `max_open` events at a time and looks for each in its user's list every `POLL_S` seconds.

    The figure therefore includes up to one poll of our own. An event whose list does not come within `OVERDUE_S` is
    counted in `overdue` and in the percentiles at that duration, never left out. Events that are offered while there is
    no room are counted in `refused`.
    """

    def __init__(
        self,
        redis: RedisNodes,
        keys: Keys,
        max_open: int = MAX_OPEN,
        on_settled: Callable[[float], None] = lambda _: None,
    ) -> None:
        """`on_settled` hears of each event how many seconds it took."""
        self._redis = redis
        self._keys = keys
        self._max_open = max_open
        self._on_settled = on_settled
        self._open: list[_Probe] = []
        self._changed = asyncio.Event()
        self._samples_ms: list[float] = []
        self.first_list = asyncio.Event()
        self.overdue = 0
        self.refused = 0

    def offer(self, user_id: str, partition: int, offset: int, age_s: float = 0.0) -> None:
        """An event was acknowledged `age_s` seconds ago; it is followed when there is room."""
        if len(self._open) < self._max_open:
            self._open.append(_Probe(user_id, partition, offset, time.monotonic() - age_s))
            self._changed.set()
        else:
            self.refused += 1

    @property
    def percentiles(self) -> Percentiles | None:
        """Of all samples so far; None before the first."""
        if not self._samples_ms:
            return None
        ordered = sorted(self._samples_ms)
        return Percentiles(round(percentile(ordered, 50), 1), round(percentile(ordered, 99), 1), round(ordered[-1], 1))

    @property
    def samples(self) -> int:
        """How many events were followed to their list."""
        return len(self._samples_ms)

    @property
    def is_idle(self) -> bool:
        """Whether no event is being followed."""
        return not self._open

    async def run(self) -> None:
        """Looks until cancelled. Raises `redis.RedisError` when Redis cannot be asked."""
        while True:
            if not self._open:
                self._changed.clear()
                await self._changed.wait()
            await self._look()
            await asyncio.sleep(max(POLL_S, POLL_S_PER_OPEN * len(self._open)))

    async def _look(self) -> None:
        probes = list(self._open)
        keys = [self._keys.at(probe.partition, self._keys.user_list(probe.user_id)) for probe in probes]
        for places in await self._redis.split(keys):

            async def read(redis: Redis, places: list[int] = places) -> list[bytes]:
                async with redis.pipeline(transaction=False) as pipeline:
                    for place in places:
                        pipeline.getrange(keys[place], 0, _START_BYTES - 1)
                    return await pipeline.execute()

            values = await self._redis.ask(keys[places[0]], read)
            now_s = time.monotonic()
            for place, value in zip(places, values, strict=True):
                self._settle(probes[place], value, now_s)

    def _settle(self, probe: _Probe, value: bytes, now_s: float) -> None:
        age_s = now_s - probe.acknowledged_s
        if reflects(value, probe.partition, probe.offset):
            self.first_list.set()
        elif age_s < OVERDUE_S:
            return
        else:
            self.overdue += 1
        self._open.remove(probe)
        self._samples_ms.append(age_s * 1000)
        self._on_settled(age_s)


def reflects(start: bytes, partition: int, offset: int) -> bool:
    """Whether a list that starts with these bytes contains the event; False when there is no list."""
    if not start:
        return False
    prefix = read_prefix(start)
    return prefix.partition == partition and prefix.offset >= offset


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Nearest rank of a sorted, non-empty sequence; `percent` in (0, 100].

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50), percentile([1.0, 2.0, 3.0, 4.0], 99)
    (2.0, 4.0)
    """
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]
