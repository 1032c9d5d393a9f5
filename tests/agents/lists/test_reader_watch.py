"""Marks of readers on a real Redis, a bounded page at a time."""

from typing import Any

from listed import redis_of

from agents.lists.reader_watch import DAY_S, OVERLAP_S, PAGE, TRIM_EVERY_S, ReaderWatch
from serving.keys import Keys
from serving.redis_writer import ListWriter

NOW_S = 1_800_000_000


async def test_readers_are_followed_from_now_on_and_older_ones_known_by_name(stack: Any, namespace: str) -> None:
    writer = ListWriter.connect(stack.redis_url, Keys(namespace, "v1"))
    key = writer.keys.readers(3)
    await redis_of(writer).zadd(key, {"long ago": NOW_S - 31 * DAY_S, "lately": NOW_S - DAY_S, "now": NOW_S})
    watch = ReaderWatch(writer.reader_marks(3), active_days=30)
    assert await watch.came(NOW_S) == ["now"]
    assert await redis_of(writer).zscore(key, "long ago") is None
    assert await watch.active(["long ago", "lately", "now", "never"], NOW_S) == {"lately", "now"}
    many = {f"r{number:05}": NOW_S + 20 + number // PAGE for number in range(2 * PAGE + 10)}
    await redis_of(writer).zadd(key, many)
    seen: set[str] = set()
    for _ in range(4):
        page = await watch.came(NOW_S + 30)
        assert len(page) <= PAGE
        seen.update(page)
    assert seen == {*many, "now"}
    await watch.came(NOW_S + 40 + OVERLAP_S)  # once more: marks may come late
    assert await watch.came(NOW_S + 40 + OVERLAP_S) == []
    await watch.forget(["now"], NOW_S + 40)
    assert await watch.active(["now"], NOW_S) == set()
    await watch.came(NOW_S + 31 * DAY_S + TRIM_EVERY_S)
    assert await redis_of(writer).zcard(key) == 0
    await writer.close()


async def test_readers_are_followed_after_a_clock_was_set_back(stack: Any, namespace: str) -> None:
    writer = ListWriter.connect(stack.redis_url, Keys(namespace, "v1"))
    watch = ReaderWatch(writer.reader_marks(3), active_days=30)
    assert await watch.came(NOW_S + DAY_S) == []
    await redis_of(writer).zadd(writer.keys.readers(3), {"now": NOW_S})
    assert await watch.came(NOW_S) == ["now"]
    await watch.forget(["now"], NOW_S)
    await writer.close()
