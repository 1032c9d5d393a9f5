"""A sink stands still in the middle of a write for longer than its session; meanwhile another one erases the user."""

import secrets

import pytest
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.sinks import SinkWorld, shown_record
from harness.traffic import event_record
from proxy import Proxy

pytestmark = pytest.mark.stack

SESSION = {"FRESHET_SESSION_TIMEOUT_S": "6"}
#: Whoever carried an erasure out looks at it again after a minute.
LOOKED_AT_AGAIN_S = 90


def left_of(world: SinkWorld, user: str) -> int:
    return int(str(world.ask(f"SELECT count() FROM {{db}}.recommendation_events WHERE user_id = '{user}'")))


@pytest.mark.parametrize("ends", ["thawed", pytest.param("killed", marks=pytest.mark.slow)])
async def test_what_it_writes_afterwards_goes_again(world: SinkWorld, ends: str) -> None:
    """Whether it lives on and finds out by itself, or dies with the write: then the other one does."""
    gone, stays = f"gone-{secrets.token_hex(4)}", f"stays-{secrets.token_hex(4)}"
    topic = world.topics.interactions
    async with Proxy(int(world.server.address.rpartition(":")[2])) as proxy:
        environment = world.environment | SESSION | {"FRESHET_CLICKHOUSE_URL": f"clickhouse://127.0.0.1:{proxy.port}"}
        late = WorkerProcess("late", [str(FRESHET), "sink", "clickhouse"], environment, world.place.folder)
        world.workers.add(late)
        await world.group.members_are(1)
        proxy.cut_at(gone.encode())
        await world.producer.publish_all(
            [
                shown_record(world.topics.served, gone, ["a"], recommendation_id="r"),
                *(event_record(topic, user, "a", event_type="like") for user in (gone, stays)),
            ]
        )
        await eventually("a write is under way", lambda: holds(proxy))
        late.freeze()
        world.start_sink("other")
        erased = await world.freshet_beside("erase", gone, "--json")
        assert erased.returncode == 0, erased.stderr + erased.stdout
        await eventually("the other one has carried it out", lambda: world.progress.caught_up([world.topics.erasure]))
        assert left_of(world, gone) == 0
        proxy.restore()

        async def is_back() -> bool:
            return left_of(world, gone) > 0

        await eventually("the late write arrives", is_back)
        if ends == "killed":
            late.kill()
        late.thaw()

        async def is_gone() -> bool:
            return left_of(world, gone) == 0

        await eventually("the user is gone again", is_gone, LOOKED_AT_AGAIN_S)
        await world.caught_up()
        likes = "SELECT sum(likes) FROM {db}.content_metrics_hourly FINAL"

        async def are_made_again() -> bool:
            return world.ask(likes) == 1

        await eventually("sums are those without the user", are_made_again)
        assert not world.rows(f"SELECT * FROM {{db}}.user_metrics_daily WHERE user_id = '{gone}'")


async def holds(proxy: Proxy) -> bool:
    return bool(proxy.held)
