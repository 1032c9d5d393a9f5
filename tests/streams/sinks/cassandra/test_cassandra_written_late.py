"""A sink stands still in the middle of a write for longer than its session; meanwhile another one erases the user."""

import secrets

import pytest
from harness.cassandra import CassandraWorld
from harness.commands import freshet
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.traffic import event_record
from proxy import Proxy

pytestmark = pytest.mark.stack

SESSION = {"FRESHET_SESSION_TIMEOUT_S": "6"}


async def test_views_that_it_writes_afterwards_go_again(world: CassandraWorld) -> None:
    """They are in the partitions of items, which an erasure does not delete as a whole."""
    gone = f"gone-{secrets.token_hex(4)}"
    async with Proxy(world.server.port) as proxy:
        environment = world.environment | SESSION | {"FRESHET_CASSANDRA_URL": f"cassandra://127.0.0.1:{proxy.port}"}
        late = WorkerProcess("late", [str(FRESHET), "sink", "cassandra"], environment, world.place.folder)
        world.sinks.add(late)
        await world.group.members_are(1)
        proxy.cut_at(gone.encode(), b"\x00")
        await world.cluster.publish([event_record(world.topics.interactions, gone, "a", event_type="view")])

        async def is_under_way() -> bool:
            return gone.encode() in proxy.held

        await eventually("a write is under way", is_under_way)
        late.freeze()
        world.start_sink("other")
        erased = await freshet("erase", gone, "--json", environment=world.environment, folder=world.place.folder)
        assert erased.returncode == 0, erased.stderr + erased.stdout

        def left() -> int:
            return len(world.rows(f"SELECT * FROM {{ks}}.content_views WHERE user_id = '{gone}'"))

        async def is_back() -> bool:
            return left() > 0

        async def is_gone() -> bool:
            return left() == 0

        erasures = [world.topics.erasure]
        await eventually("the other one has carried it out", lambda: world.progress.caught_up(erasures))
        assert left() == 0
        proxy.restore()
        await eventually("the late write arrives", is_back)
        late.thaw()
        await eventually("the user is gone again", is_gone)
