"""What an owner makes of the group's offsets and its restored rows."""

import asyncio
from collections.abc import Collection, Sequence

import pytest
from aiokafka.structs import TopicPartition

from agents.delivery import ownership
from agents.delivery.crash_marks import CrashMarks
from agents.delivery.ownership import Ownership, StateBehindOffsets
from agents.delivery.table import POSITION_KEY, ChangelogTable

SOURCE = TopicPartition("input", 0)


class Task:
    """A partition task that does nothing."""

    def __init__(self, source: TopicPartition) -> None:
        self.source, self.producer = source, self
        self.table, self.marks = ChangelogTable("rows", 0), CrashMarks("marks", *source)
        self.is_closed = False

    async def fence(self) -> None: ...

    async def claim(self, *, moved: bool = False) -> None: ...

    def start(self, turn: asyncio.Lock) -> None: ...

    def resume(self, generation: int) -> None: ...

    def hand_counts_over(self) -> None: ...

    async def close(self) -> None:
        self.is_closed = True


class Group(Ownership):
    """An ownership whose group committed `offset`."""

    offset = 0

    async def _committed(self, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, self.offset)


@pytest.fixture
def group() -> Group:
    return Group("nowhere", "group", Task)  # type: ignore[arg-type]


def restored_up_to(group: Group, next_offset: int, *, meanwhile: int | None = None) -> object:
    """A restore during which a newer owner commits `meanwhile`."""

    async def restore(_: str, tables: Sequence[ChangelogTable]) -> int:
        tables[0].next_offset = next_offset
        group.offset = meanwhile or group.offset
        return 0

    return restore


async def test_rows_that_end_before_the_groups_offset_were_lost(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    group.offset = 9
    monkeypatch.setattr(ownership, "restore", restored_up_to(group, 5))
    with pytest.raises(StateBehindOffsets, match=r"committed offset 9.*what precedes 5"):
        await group.take_over([SOURCE], 1)
    assert group.tasks == {}


async def test_what_a_newer_owner_commits_during_the_restore_is_no_loss(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.offset = 5
    monkeypatch.setattr(ownership, "restore", restored_up_to(group, 5, meanwhile=9))
    await group.take_over([SOURCE], 1)
    assert set(group.tasks) == {SOURCE}


async def test_where_somebody_wrote_over_the_position_the_groups_offset_holds(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def restore(_: str, tables: Sequence[ChangelogTable]) -> int:
        tables[0].load(POSITION_KEY, b"somebody's")
        return 0

    monkeypatch.setattr(ownership, "restore", restore)
    group.offset = 9
    await group.take_over([SOURCE], 1)
    assert group.tasks[SOURCE].table.next_offset == 9


async def test_a_partition_is_kept_from_one_generation_to_the_very_next_only(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else may have owned it in a generation that this process missed."""

    async def restore(_: str, __: Sequence[ChangelogTable]) -> int:
        return 0

    monkeypatch.setattr(ownership, "restore", restore)
    await group.take_over([SOURCE], 1)
    first = group.tasks[SOURCE]
    await group.take_over([SOURCE], 2)
    assert group.tasks[SOURCE] is first
    await group.take_over([SOURCE], 4)
    assert group.tasks[SOURCE] is not first
    assert first.is_closed  # type: ignore[attr-defined]


async def test_counts_are_handed_over_before_anything_else_runs(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Counted(Task):
        def hand_counts_over(self) -> None:
            said.append("handed over")

        async def close(self) -> None:
            await asyncio.sleep(0)
            said.append("closed")

    async def nothing_restored(*_: object) -> int:
        return 0

    group._new_task = Counted  # type: ignore[assignment]
    monkeypatch.setattr(ownership, "restore", nothing_restored)
    await group.take_over([SOURCE], 1)
    await group.take_over([], 2)
    assert said == ["handed over", "closed"]


async def test_what_owners_have_to_know_is_known_before_anything_is_claimed_or_begun(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a task is made, which begins with whom there is; and again once the former owner is fenced, which may have
    told Redis of a profile a moment before."""
    said: list[object] = []

    class Told(Task):
        def __init__(self, source: TopicPartition) -> None:
            super().__init__(source)
            said.append("made")

        async def fence(self) -> None:
            said.append("fenced")

        async def claim(self, *, moved: bool = False) -> None:
            said.append("claimed")

        def start(self, turn: asyncio.Lock) -> None:
            said.append("started")

    async def informed(owned: Collection[TopicPartition]) -> None:
        await asyncio.sleep(0)
        said.append(set(owned))

    group._new_task, group._informed = Told, informed  # type: ignore[assignment]
    monkeypatch.setattr(ownership, "restore", restored_up_to(group, 0))
    other = TopicPartition("input", 1)
    await group.take_over([SOURCE], 1)
    assert said == [{SOURCE}, "made", "fenced", {SOURCE}, "claimed", "started"]
    said.clear()
    await group.take_over([SOURCE, other], 2)
    assert said == [{SOURCE, other}, "made", "fenced", {SOURCE, other}, "claimed", "started"]
    said.clear()
    monkeypatch.setattr(ownership, "restore", nothing_to_restore)
    await group.take_over([other], 3)
    assert said == [{other}] * 2, "what is lost need not be known any more"


async def nothing_to_restore(*_: object) -> int:
    return 0
