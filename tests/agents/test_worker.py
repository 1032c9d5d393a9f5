"""A worker that owns nothing yet."""

from pathlib import Path

import msgspec

from agents.interactions import NOTHING_COUNTED
from agents.worker import Worker
from ops.configuration.settings import Settings
from ops.demo.workers import WorkerHeartbeat
from ops.processes.worker_process import worker_config


async def test_every_figure_is_told_before_a_partition_is_owned(tmp_path: Path) -> None:
    counters = Worker(worker_config(Settings(state_dir=tmp_path)))._counters()
    assert counters.keys() > NOTHING_COUNTED.keys()
    assert [counters[name] for name in NOTHING_COUNTED] == [0] * len(NOTHING_COUNTED)
    heartbeat = {"at_ms": 0, "instance": "i", "pid": 1, "positions": {}, **counters}
    assert msgspec.convert(heartbeat, WorkerHeartbeat).lists_written == 0
