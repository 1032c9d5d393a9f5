"""Lists that cannot be made because the code raises: told once a user and reason, and tried again when there may be
another outcome, which a change of the user's row brings by itself, and of what items say a while later."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

#: How soon a list is tried again that could not be made, once the catalogue or what items learned has changed.
RETRY_MS: Final = 60_000
#: So many are tried again at a time: each is made alone.
RETRIES_A_TIME: Final = 20
_MOST_NEWS: Final = 1_000


class FailedList(NamedTuple):
    """What is told of one: the user, the place and append time of the last record that the list follows, and why."""

    user_id: str
    offset: int
    append_ms: int
    why: str


class _Failure(NamedTuple):
    why: str
    tried_ms: int
    made_of: tuple[int, ...]


class FailedLists:
    """Of one partition. `made_of` are numbers of which one changes with what lists are made of."""

    def __init__(self) -> None:
        self._failures: dict[str, _Failure] = {}
        self._news: list[FailedList] = []

    def __len__(self) -> int:
        return len(self._failures)

    def failed(self, found: FailedList, now_ms: int, made_of: tuple[int, ...]) -> bool:
        """A list could not be made; whether that is news."""
        before = self._failures.get(found.user_id)
        self._failures[found.user_id] = _Failure(found.why, now_ms, made_of)
        is_news = before is None or _kind(before.why) != _kind(found.why)
        if is_news and len(self._news) < _MOST_NEWS:
            self._news.append(found)
        return is_news

    def made(self, users: Iterable[str]) -> None:
        """They have lists again, or need none."""
        for user_id in users:
            self._failures.pop(user_id, None)

    @property
    def has_news(self) -> bool:
        """Whether something was not told yet."""
        return bool(self._news)

    def take_news(self) -> list[FailedList]:
        """What was not told yet."""
        news, self._news = self._news, []
        return news

    def to_retry(self, now_ms: int, made_of: tuple[int, ...]) -> list[str]:
        """Some of those who may have another outcome by now. A clock that was set back counts as time that passed."""
        due = (
            user_id
            for user_id, known in self._failures.items()
            if made_of != known.made_of and not 0 <= now_ms - known.tried_ms < RETRY_MS
        )
        return list(islice(due, RETRIES_A_TIME))


def _kind(why: str) -> str:
    """What raised, without what it says: sizes and indices in it are others each time."""
    return why.partition(":")[0]
