"""When a version is far behind the head of the log."""

import pytest

from agents.catch_up import FAR_MS, CatchUp
from streams.events import EventType, Interaction
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_800_000_000_000


class World:
    """A partition of a version that serves nobody."""

    def __init__(self) -> None:
        self.serves = False
        self.arrivals = 0
        self.catch_up = CatchUp(lambda: self.serves, self._arrived)

    def _arrived(self) -> None:
        assert not self.catch_up.far
        self.arrivals += 1

    def batch(self, age_ms: int) -> None:
        """A batch of one new user's event."""
        plane, append_ms = UserPlane(0, 1, {}, FoldLimits()), NOW_MS - age_ms
        plane.fold(Interaction("e", EventType.CLICK, "u", "item", append_ms), b"u", 0, append_ms)
        self.catch_up.batch(plane, ["u", "nobody"], NOW_MS)


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("age_ms", [0, FAR_MS + 1])
def test_it_is_far_until_it_arrives_however_young_the_log_is(world: World, age_ms: int) -> None:
    assert world.catch_up.far
    world.batch(age_ms)
    assert world.catch_up.far
    world.catch_up.arrive()
    assert not world.catch_up.far
    world.catch_up.arrive()
    assert world.arrivals == 1


def test_who_arrived_is_far_again_after_an_old_batch_only(world: World) -> None:
    world.catch_up.arrive()
    world.batch(FAR_MS)
    world.catch_up.batch(UserPlane(0, 1, {}, FoldLimits()), ["nobody"], NOW_MS)
    assert not world.catch_up.far
    world.batch(FAR_MS + 1)
    assert world.catch_up.far
    world.catch_up.arrive()
    assert world.arrivals == 2


def test_a_version_that_is_read_is_never_far(world: World) -> None:
    world.serves = True
    world.batch(FAR_MS + 1)
    assert not world.catch_up.far
    world.serves = False
    assert world.catch_up.far
    world.serves = True
    world.batch(0)
    world.serves = False
    assert not world.catch_up.far, "it was at the head when it was read last"
