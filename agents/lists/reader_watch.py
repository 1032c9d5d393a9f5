"""Who of a partition's users comes to read, and who found no list, looked up a bounded page at a time."""

from collections.abc import Collection, Sequence
from typing import Protocol

DAY_S = 86_400
PAGE = 1_000
OVERLAP_S = 15  # marks are written a second late, by endpoints whose clocks differ
TRIM_EVERY_S = 3_600


class ReadMarks(Protocol):
    """What `serving.reader_marks.ReaderMarks` offers."""

    async def noted_since(self, since_s: int, limit: int) -> list[tuple[str, int]]:
        """Users and seconds, earliest first."""

    async def who_read(self, users: Sequence[str], since_s: int) -> set[str]:
        """Those of `users` who have read since."""

    async def take_missed(self, limit: int) -> list[str]:
        """Users who found no list, forgotten with that."""

    async def remove(self, users: Collection[str], up_to_s: int) -> None:
        """Forgets users who have not read after a second."""

    async def remove_before(self, second: int) -> None:
        """Forgets reads."""


class ReaderWatch:
    """Follows the marks from now on; what was before is asked for by name. Raises RedisUnavailable."""

    def __init__(self, marks: ReadMarks, active_days: int) -> None:
        self._marks = marks
        self._active_s = active_days * DAY_S
        self._from_s = 0
        self._trim_at_s = 0

    async def came(self, now_s: int) -> list[str]:
        """Users who have read since the last call, some of them again; at most PAGE, the others with the next call."""
        if now_s >= self._trim_at_s:
            await self._marks.remove_before(now_s - self._active_s)
            self._trim_at_s = now_s + TRIM_EVERY_S
        if self._from_s > now_s:  # the clock was set back: whoever reads now is noted before then
            self._from_s, self._trim_at_s = 0, now_s + TRIM_EVERY_S
        since_s = self._from_s or now_s - OVERLAP_S
        page = await self._marks.noted_since(since_s, PAGE)
        if len(page) < PAGE:
            self._from_s = max(since_s, now_s - OVERLAP_S)
        else:  # a second with more readers than a page would hold us for ever: the rest of it is noted again
            self._from_s = max(since_s + 1, page[-1][1])
        return [user_id for user_id, _ in page]

    async def missed(self) -> list[str]:
        """Users whose read found no list of this version since the last call; at most PAGE."""
        return await self._marks.take_missed(PAGE)

    async def active(self, users: Sequence[str], now_s: int) -> set[str]:
        """Those of `users` who have read within the active days."""
        return await self._marks.who_read(users, now_s - self._active_s)

    async def forget(self, users: Collection[str], now_s: int) -> None:
        """Removes the marks of `users`, except what is noted after now."""
        await self._marks.remove(users, now_s + OVERLAP_S)
