"""Signs of life of workers that all are process 1 of their container: each counts for itself."""

from types import SimpleNamespace
from typing import Any

import pytest
import redis

from agents.heartbeat import TTL_S, Heartbeat
from ops.operator.inspect.lag import Lag, read_workers
from ops.operator.versions.figures import events_per_cpu_s
from serving.instance import new_instance
from serving.keys import Keys
from serving.redis_writer import ListWriter
from serving.supervisor import LoopSupervisor


@pytest.fixture
def keys(stack: Any) -> Any:
    keys = Keys(new_instance("t").replace(".", "-").lower(), "v1")
    yield keys
    with redis.Redis.from_url(stack.redis_url) as client:
        for key in client.scan_iter(match=f"{keys.prefix}*"):
            client.delete(key)


@pytest.mark.stack
async def test_workers_of_one_process_id_are_all_counted(stack: Any, keys: Keys) -> None:
    writer = ListWriter.connect(stack.redis_url, keys)
    counters = {"events_folded": 100, "cpu_ms": 1000, "next_items_judged": 10, "next_items_in_top_10": 5}
    supervisor = LoopSupervisor()
    for _ in range(3):
        ownership: Any = SimpleNamespace(tasks={})
        beat = Heartbeat(writer, keys, new_instance("host"), ownership, lambda: counters, "code", supervisor)
        await writer.write_plain(beat._key, beat._state(), TTL_S)
    workers = read_workers(stack.redis_url, keys)
    assert workers is not None
    assert len({worker["pid"] for worker in workers}) == 1
    assert len(workers) == 3
    assert Lag("group", [], workers).hit_rate_at_10() == (0.5, 30)
    assert events_per_cpu_s(workers) == 100.0
    await writer.close()


def test_what_fails_in_a_worker_is_named() -> None:
    workers = [{"instance": "host.1", "failing": {"shared lists": "ValueError: x"}}, {"pid": 7}]
    assert Lag("group", [], workers).failing() == {"host.1 shared lists": "ValueError: x"}
