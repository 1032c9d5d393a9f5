"""What the workers say about themselves: their signs of life in Redis."""

from collections.abc import Callable

import msgspec
from redis.asyncio import Redis

from ops.demo.waiting import until
from serving.keys import Keys
from streams.topics import Topics

READY_TIMEOUT_S = 90.0


class SignOfLife(msgspec.Struct, frozen=True):
    """One worker's heartbeat (see `agents.heartbeat`). `positions` maps topic:partition to the next offset."""

    pid: int
    at_ms: int
    positions: dict[str, int]
    lists_written: int


class Workers:
    """Reads the heartbeats of one namespace and remembers what ended workers had done."""

    def __init__(self, redis: Redis, keys: Keys, topics: Topics, partitions: int) -> None:
        self._redis = redis
        self._pattern = f"{keys.prefix}worker:*"
        specs = (spec for spec in topics.specs(partitions, 1) if spec.name in topics.inputs)
        self._inputs = {f"{spec.name}:{number}" for spec in specs for number in range(spec.partitions)}
        self._lists_written: dict[int, int] = {}

    @property
    def lists_written(self) -> int:
        """Lists written by all workers so far, as far as their heartbeats tell: up to a second behind."""
        return sum(self._lists_written.values())

    async def read(self) -> list[SignOfLife]:
        """The heartbeats that are there now."""
        keys = [key async for key in self._redis.scan_iter(match=self._pattern, count=1000)]
        values = await self._redis.mget(keys) if keys else []
        signs = [msgspec.json.decode(value, type=SignOfLife) for value in values if value is not None]
        for sign in signs:
            # The count starts again when partitions move; never show less than was done.
            self._lists_written[sign.pid] = max(sign.lists_written, self._lists_written.get(sign.pid, 0))
        return signs

    async def wait_until_ready(self, count: int) -> None:
        """Returns when `count` workers share all input partitions between them. Raises `DemoError` on time-out."""
        signs: list[SignOfLife] = []

        async def are_ready() -> bool:
            nonlocal signs
            signs = await self.read()
            return self._are_ready(signs, count)

        def seen() -> str:
            owned = "; ".join(f"pid {sign.pid} owns {len(sign.positions)}" for sign in signs) or "no sign of life"
            return f"the workers did not share the {len(self._inputs)} input partitions ({owned})"

        await until(are_ready, READY_TIMEOUT_S, seen)

    async def wait_for_reports_after(self, at_ms: int, pids: Callable[[], set[int]]) -> None:
        """Returns when each of the `pids` of that moment has reported after `at_ms`, so that its counts are final.

        Raises `DemoError`.
        """

        async def have_reported() -> bool:
            return pids() <= {sign.pid for sign in await self.read() if sign.at_ms > at_ms}

        await until(have_reported, READY_TIMEOUT_S, lambda: f"the workers {sorted(pids())} did not report")

    def _are_ready(self, signs: list[SignOfLife], count: int) -> bool:
        owned = [name for sign in signs for name in sign.positions]
        busy = sum(bool(sign.positions) for sign in signs)
        return len(owned) == len(self._inputs) and set(owned) == self._inputs and busy == min(count, len(self._inputs))
