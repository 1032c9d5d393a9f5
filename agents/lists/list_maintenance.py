"""Finds lists that are to be made again though nothing happened to their users: those made before items knew what they
know now, and those of which Redis lost a key.

Both are found by walks over the lists that the process wrote, a bounded number a second, whatever the number of its
partitions. A walk over 200,000 lists takes two minutes for the first, seven for the second; whoever reads is not left
waiting for it (`agents.lists.reader_watch`).
"""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, Self

from agents.lists.list_maker import ListMaker
from agents.lists.rate_budget import RateBudget
from agents.lists.refresh_pace import LEAST_PER_S, LISTS_A_STEP, RefreshPace
from agents.lists.shown_lists import WrittenList

#: Lists that a process compares with what items know, a second: 7 µs each, 1.4 % of a core.
COMPARED_PER_S = 2_000
#: Users whose keys a process looks for, a second.
AUDITED_PER_S = 500


class Audited(Protocol):
    """What `serving.redis_writer.ListWriter` offers."""

    async def incomplete(self, keys_of: Mapping[str, int]) -> list[str]:
        """Users of whom Redis holds fewer keys than were written."""


@dataclass(frozen=True)
class MaintenanceBudgets:
    """What a process spends on maintenance; all its partitions share it. Without a pace, lists are made again at a
    constant one."""

    remade: RateBudget = field(default_factory=lambda: RateBudget(LEAST_PER_S))
    compared: RateBudget = field(default_factory=lambda: RateBudget(COMPARED_PER_S))
    audited: RateBudget = field(default_factory=lambda: RateBudget(AUDITED_PER_S))
    sweep_limits: RefreshPace | None = None

    @classmethod
    def of_process(cls, cpu_share: float) -> Self:
        """Lists are made again as fast as leaves this process busy for less than a share of a core."""
        remade = RateBudget(LEAST_PER_S)
        return cls(remade, sweep_limits=RefreshPace(remade, lambda: time.process_time() * 1_000, cpu_share))


class ListMaintenance:
    """Two walks over the lists of one partition. `remade` counts lists that were found outdated, `lost` those found
    incomplete."""

    def __init__(self, partition: int, budgets: MaintenanceBudgets) -> None:
        self.remade = 0
        self.lost = 0
        self._who = f"{partition}"
        self._budgets = budgets
        self._compared: Iterator[str] = iter(())
        self._audited: Iterator[str] = iter(())

    def outdated(self, shown: Mapping[str, WrittenList], maker: ListMaker, now_ms: int) -> list[str]:
        """Users whose lists are to be made again; at most as many as may be made now."""
        compared, remade = self._budgets.compared, self._budgets.remade
        if self._budgets.sweep_limits is not None:
            self._budgets.sweep_limits.adapt(now_ms)
        may_look, may_make = compared.left(self._who, now_ms), min(remade.left(self._who, now_ms), LISTS_A_STEP)
        if not may_look or not may_make:
            return []
        looked, self._compared = _next(self._compared, shown, may_look)
        compared.spend(self._who, len(looked))
        lists = [(shown[user_id].basis, now_ms - shown[user_id].made_ms) for user_id in looked]
        found = [user_id for user_id, outdated in zip(looked, maker.outdated(lists), strict=True) if outdated]
        if len(found) > may_make:  # the others are met again in the next round, which begins with them
            self._compared = iter([*found[may_make:], *self._compared])
            found = found[:may_make]
        remade.spend(self._who, len(found))
        self.remade += len(found)
        return found

    async def incomplete(self, shown: Mapping[str, WrittenList], writer: Audited, now_ms: int) -> list[str]:
        """Users of whom Redis lost a key. Raises RedisUnavailable."""
        audited = self._budgets.audited
        looked, self._audited = _next(self._audited, shown, audited.left(self._who, now_ms))
        if not looked:
            return []
        audited.spend(self._who, len(looked))
        found = await writer.incomplete({user_id: shown[user_id].keys for user_id in looked})
        self.lost += len(found)
        return found


def _next(walk: Iterator[str], shown: Mapping[str, WrittenList], count: int) -> tuple[list[str], Iterator[str]]:
    """The next users of a walk that still have a list, at most so many, and the rest of it: at its end a new one."""
    if not count:
        return [], walk
    passed = list(islice(walk, count))
    if len(passed) < count:
        walk = iter(list(shown))
        passed += islice(walk, min(count - len(passed), max(0, len(shown) - len(passed))))
    return list(dict.fromkeys(user_id for user_id in passed if user_id in shown)), walk
