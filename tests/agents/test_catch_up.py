"""When a version is far behind the head of the log."""

from agents.catch_up import FAR_MS, NEAR_MS, QUIET_TICKS, CatchUp
from streams.events import EventType, Interaction
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_800_000_000_000


def batch(catch_up: CatchUp, append_ms: int, now_ms: int) -> None:
    """A batch of one new user's event."""
    plane = UserPlane(0, 1, {}, FoldLimits())
    plane.fold(Interaction("e", EventType.CLICK, "u", "item", append_ms), b"u", 0, append_ms)
    catch_up.batch(plane, ["u", "nobody"], now_ms)


def test_it_is_far_after_an_old_batch_until_a_young_one() -> None:
    catch_up = CatchUp(serves=lambda: False)
    batch(catch_up, NOW_MS - NEAR_MS, NOW_MS)
    batch(catch_up, NOW_MS - FAR_MS, NOW_MS)
    assert not catch_up.far
    batch(catch_up, NOW_MS - FAR_MS - 1, NOW_MS)
    assert catch_up.far
    batch(catch_up, NOW_MS - NEAR_MS - 1, NOW_MS)  # no going to and fro around one limit
    assert catch_up.far
    batch(catch_up, NOW_MS - NEAR_MS, NOW_MS)
    assert not catch_up.far


def tick(catch_up: CatchUp, times: int) -> None:
    for _ in range(times):
        catch_up.tick()


def test_the_end_of_a_quiet_log_is_its_head_however_old() -> None:
    catch_up = CatchUp(serves=lambda: False)
    tick(catch_up, QUIET_TICKS - 1)
    batch(catch_up, NOW_MS - 10 * FAR_MS, NOW_MS)
    tick(catch_up, QUIET_TICKS - 1)
    assert catch_up.far
    catch_up.tick()
    assert not catch_up.far


def test_a_version_that_is_read_is_never_far() -> None:
    serves = False
    catch_up = CatchUp(serves=lambda: serves)
    batch(catch_up, NOW_MS - 10 * FAR_MS, NOW_MS)
    assert catch_up.far
    serves = True
    assert not catch_up.far


def test_before_the_first_batch_nobody_knows_and_an_empty_log_is_at_its_head() -> None:
    catch_up = CatchUp(serves=lambda: False)
    assert catch_up.far
    tick(catch_up, QUIET_TICKS)
    assert not catch_up.far


def test_a_partition_that_waits_for_others_is_not_at_its_head() -> None:
    waits = True
    catch_up = CatchUp(serves=lambda: False, waits=lambda: waits)
    tick(catch_up, 2 * QUIET_TICKS)
    assert catch_up.far
    waits = False
    tick(catch_up, QUIET_TICKS)
    assert not catch_up.far
