"""What the workers say about themselves: their heartbeats in Redis."""

from collections.abc import Callable

import msgspec

from ops.processes.waiting import until
from serving.keys import Keys
from serving.redis_clients import RedisNodes
from streams.kafka.topics import Topics

READY_TIMEOUT_S = 90.0


class WorkerHeartbeat(msgspec.Struct, frozen=True):
    """One worker's heartbeat (see `agents.heartbeat`). `positions` maps topic:partition to the next offset."""

    instance: str
    pid: int
    at_ms: int
    positions: dict[str, int]
    lists_written: int
    lists_coalesced: int = 0


class Workers:
    """Reads the heartbeats of one namespace and remembers what ended workers had done."""

    def __init__(self, redis: RedisNodes, keys: Keys, topics: Topics, partitions: int) -> None:
        self._redis = redis
        self._pattern = f"{keys.prefix}worker:*"
        specs = (spec for spec in topics.specs(partitions, 1) if spec.name in topics.inputs)
        self._inputs = {f"{spec.name}:{number}" for spec in specs for number in range(spec.partitions)}
        self._lists_written: dict[str, int] = {}

    @property
    def lists_written(self) -> int:
        """Lists written by all workers so far, as far as their heartbeats tell: up to a second behind."""
        return sum(self._lists_written.values())

    async def read(self) -> list[WorkerHeartbeat]:
        """The heartbeats that are there now."""
        values = []
        for redis in await self._redis.all():
            pipeline = redis.pipeline(transaction=False)
            async for key in redis.scan_iter(match=self._pattern, count=1000):
                pipeline.get(key)
            values += await pipeline.execute()
        heartbeats = [msgspec.json.decode(value, type=WorkerHeartbeat) for value in values if value is not None]
        for heartbeat in heartbeats:
            # The count starts again when partitions move; never show less than was done.
            self._lists_written[heartbeat.instance] = max(
                heartbeat.lists_written, self._lists_written.get(heartbeat.instance, 0)
            )
        return heartbeats

    async def wait_until_ready(self, count: int) -> None:
        """Returns when `count` workers share all input partitions between them. Raises `ProcessFailed` on time-out."""
        heartbeats: list[WorkerHeartbeat] = []

        async def are_ready() -> bool:
            nonlocal heartbeats
            heartbeats = await self.read()
            return self._are_ready(heartbeats, count)

        def seen() -> str:
            owned = (
                "; ".join(f"pid {heartbeat.pid} owns {len(heartbeat.positions)}" for heartbeat in heartbeats)
                or "no heartbeat"
            )
            return f"the workers did not share the {len(self._inputs)} input partitions ({owned})"

        await until(are_ready, READY_TIMEOUT_S, seen)

    async def wait_for_reports_after(self, at_ms: int, pids: Callable[[], set[int]]) -> None:
        """Returns when each of the `pids` of that moment has reported after `at_ms`, so that its counts are final.

        Raises `ProcessFailed`.
        """

        async def have_reported() -> bool:
            return pids() <= {heartbeat.pid for heartbeat in await self.read() if heartbeat.at_ms > at_ms}

        await until(have_reported, READY_TIMEOUT_S, lambda: f"the workers {sorted(pids())} did not report")

    def _are_ready(self, heartbeats: list[WorkerHeartbeat], count: int) -> bool:
        owned = [name for heartbeat in heartbeats for name in heartbeat.positions]
        busy = sum(bool(heartbeat.positions) for heartbeat in heartbeats)
        return len(owned) == len(self._inputs) and set(owned) == self._inputs and busy == min(count, len(self._inputs))
