"""What a restore makes of a changelog that others wrote to, record by record; real brokers: test_hostile_records.py."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from golden_digests import user_steps

from agents.delivery import restore as module
from agents.delivery.outgoing import Outgoing
from agents.delivery.restore import RowsUnreadable, restore
from agents.delivery.table import ChangelogTable
from streams.contract.reasons import Reason
from streams.kafka.record_guard import DamagedRecord
from tables import user_keys
from tables.stored_rows import USER_ROWS

Sent = tuple[bytes | None, bytes | None]
TP = TopicPartition("user.rows.v1", 0)
NONSENSE = b"nonsense"


@pytest.fixture(scope="module")
def rows() -> dict[bytes, bytes]:
    """Rows of users, some with segments of their own."""
    return dict(next(iter(user_steps())).store)


def letter(record: ConsumerRecord, why: str) -> list[Outgoing]:
    return [Outgoing("letters", 0, b"%d" % record.offset, why.encode())]


async def restored(monkeypatch: pytest.MonkeyPatch, log: Iterable[Sent | DamagedRecord]) -> ChangelogTable:
    """The table that a log comes to."""
    records = [
        one if isinstance(one, DamagedRecord) else ConsumerRecord(*TP, offset, 0, 1, *one, None, 0, 0, ())
        for offset, one in enumerate(log)
    ]

    @asynccontextmanager
    async def nobody(_: str) -> AsyncIterator[None]:
        yield

    async def read_to_end(
        _: object, partitions: Iterable[TopicPartition], apply: Callable[[Any], None], damaged: Callable[[Any], None]
    ) -> int:
        assert list(partitions) == [TP]
        for record in records:
            damaged(record) if isinstance(record, DamagedRecord) else apply(record)
        return len(records)

    monkeypatch.setattr(module, "bulk_consumer", nobody)
    monkeypatch.setattr(module, "read_to_end", read_to_end)
    table = ChangelogTable(*TP, rules=USER_ROWS, dead_letters=letter)
    await restore("nowhere", [table])
    return table


def letters(table: ChangelogTable) -> list[int]:
    """Offsets of what becomes a dead letter."""
    return [int(made.key or b"") for made in table.claim(1) if made.topic == "letters"]


def written(table: ChangelogTable) -> dict[bytes | None, bytes | None]:
    """What is put right with the claim."""
    return {made.key: made.value for made in table.claim(1)[:-1] if made.topic == TP.topic}


async def test_a_log_of_our_own_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]) -> None:
    table = await restored(monkeypatch, rows.items())
    assert table.rows == rows
    assert len(table.claim(1)) == 1


async def test_the_owners_last_row_holds_and_is_written_again(
    monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]
) -> None:
    key = next(key for key in rows if key[:1] == user_keys.USER)
    log = [(key, NONSENSE), *rows.items(), (key, NONSENSE), (key, b"{}")]
    table = await restored(monkeypatch, log)
    assert table.rows == rows
    assert written(table) == {key: rows[key]}
    assert letters(table) == [len(log) - 1]
    table.claimed(1)
    assert len(table.claim(1)) == 1, "it is put right once"


async def test_an_owners_removal_holds_too(monkeypatch: pytest.MonkeyPatch) -> None:
    table = await restored(monkeypatch, [(b"p", NONSENSE), (b"p", None), (b"p", NONSENSE)])
    assert (table.rows, written(table), letters(table)) == ({}, {b"p": None}, [2])


async def test_a_removed_segment_that_a_row_names_comes_back(
    monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]
) -> None:
    key = next(key for key in rows if key[:1] == user_keys.DEDUPE)
    table = await restored(monkeypatch, [*rows.items(), (key, None)])
    assert (table.rows, written(table), letters(table)) == (rows, {key: rows[key]}, [len(rows)])


async def test_whose_rows_the_log_does_not_hold_any_more_begins_anew_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]
) -> None:
    """A segment that is gone, and a row that somebody's record replaced."""
    segments = {user_keys.user_of(key) for key in rows if key[:1] == user_keys.DEDUPE}
    first, second = [user for user in segments if user is not None][:2]
    segment = next(key for key in rows if key[:1] == user_keys.DEDUPE and user_keys.user_of(key) == first)
    left = {key: value for key, value in rows.items() if key != segment}
    left[user_keys.USER + second] = NONSENSE
    table = await restored(monkeypatch, left.items())
    assert table.rows == {key: row for key, row in rows.items() if user_keys.user_of(key) not in (first, second)}
    assert all(value is None for value in written(table).values())
    assert {user_keys.user_of(key) for key in written(table)} == {first, second}
    assert len(letters(table)) == 1


async def test_a_record_that_cannot_be_read_is_no_row(
    monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]
) -> None:
    key = next(key for key in rows if key[:1] == user_keys.USER)
    place = (*TP, len(rows), 0, 1)
    damaged = [
        DamagedRecord(*place, key, b"x", None, 0, 0, (), Reason.BAD_HEADER, "", is_whole=True),
        DamagedRecord(*place, None, None, None, 0, 0, (), Reason.TOO_LARGE, ""),
    ]
    table = await restored(monkeypatch, [*rows.items(), *damaged])
    assert (table.rows, written(table)) == (rows, {key: rows[key]})
    assert len(letters(table)) == 2


async def test_a_table_that_is_not_what_this_release_reads_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [(b"r%d" % number, NONSENSE) for number in range(module.MOST_FORGOTTEN + 1)]
    with pytest.raises(RowsUnreadable, match=f"{module.MOST_FORGOTTEN + 1} rows are not what this release writes"):
        await restored(monkeypatch, log)


async def test_others_have_their_turn_while_many_rows_are_checked(
    monkeypatch: pytest.MonkeyPatch, rows: dict[bytes, bytes]
) -> None:
    """A million rows take longer than a session: heartbeats must not wait for all of them."""
    monkeypatch.setattr(module, "CHECKED_A_TURN", 4)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(others())
    await restored(monkeypatch, rows.items())
    beside.cancel()
    assert turns >= 2 * (len(rows) // 4)
