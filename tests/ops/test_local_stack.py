"""The local stack with real servers."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import redis
from kafka.admin import KafkaAdminClient

from ops.local_stack.errors import StackError
from ops.local_stack.process import Ended
from ops.local_stack.server import ServerOwner, Started
from ops.local_stack.stack import LocalStack
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

pytestmark = pytest.mark.stack


def topic_names(stack: LocalStack) -> set[str]:
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap)
    try:
        return {name for name in admin.list_topics() if not name.startswith("__")}
    finally:
        admin.close()


def test_a_stack_starts_answers_survives_a_crash_stops_and_is_wiped(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    pids = (own_stack.kafka_pid, own_stack.redis_pid)
    assert all(status.answers and status.owner is ServerOwner.FRESHET for status in own_stack.status())
    assert redis.Redis.from_url(own_stack.redis_url).ping()
    created = ensure_topics(own_stack.bootstrap, Topics("a"), partitions=1, replication=1, timeout_s=30).created

    assert own_stack.stop_kafka(kill=True) is Ended.KILLED
    assert own_stack.kafka_pid is None
    own_stack.start()
    assert own_stack.redis_pid == pids[1], "a running server is left alone"
    assert topic_names(own_stack) == set(created), "what was stored is still there"

    assert own_stack.stop() == {"kafka": Ended.STOPPED, "redis": Ended.STOPPED}
    assert own_stack.stop() == {"kafka": Ended.NOT_RUNNING, "redis": Ended.NOT_RUNNING}
    assert not any(psutil.pid_exists(pid) for pid in pids if pid)
    own_stack.wipe()
    assert [path.name for path in (tmp_path / "state").rglob("*") if path.is_file()] == ["stack.lock"]


def test_servers_that_answer_already_are_used_and_never_stopped(stack: LocalStack, tmp_path: Path) -> None:
    second = LocalStack(tmp_path, *(int(status.address.rpartition(":")[2]) for status in stack.status()))

    started = second.start()

    assert started == {"redis": Started.BY_OTHERS, "kafka": Started.BY_OTHERS}
    assert [status.owner for status in second.status()] == [ServerOwner.OTHER, ServerOwner.OTHER]
    assert second.stop() == {"kafka": Ended.NOT_RUNNING, "redis": Ended.NOT_RUNNING}
    assert all(status.answers for status in stack.status())


def test_nothing_of_a_running_server_is_removed(own_stack: LocalStack) -> None:
    own_stack.start_redis()

    with pytest.raises(StackError, match="redis runs; stop it"):
        own_stack.wipe()


def test_two_processes_that_start_the_same_stack_share_one_server(own_stack: LocalStack, tmp_path: Path) -> None:
    port = own_stack.redis_url.rpartition(":")[2].partition("/")[0]
    start = (
        "import sys; from pathlib import Path; from ops.local_stack.stack import LocalStack;"
        "print(LocalStack(Path(sys.argv[1]), 1, int(sys.argv[2])).start_redis())"
    )
    command = [sys.executable, "-c", start, str(tmp_path / "state"), port]
    starters = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=os.getcwd()) for _ in range(3)]
    answers = [starter.communicate(timeout=60)[0].strip() for starter in starters]

    assert sorted(answers) == [Started.NOW, Started.BEFORE, Started.BEFORE]
    assert own_stack.redis_pid is not None
