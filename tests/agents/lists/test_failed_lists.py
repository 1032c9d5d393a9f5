"""What is told of lists that cannot be made."""

import asyncio
from types import SimpleNamespace

import orjson
import pytest
from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.failed_lists import RETRIES_A_TIME, RETRY_MS, FailedList, FailedLists
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_800_000_000_000
FAILED = FailedList("u", 0, NOW_MS, "KeyError: 'i'")


def test_one_of_a_user_and_reason_is_news() -> None:
    failed = FailedLists()
    assert failed.failed(FAILED, NOW_MS, (1,))
    assert not failed.failed(FAILED._replace(offset=7), NOW_MS, (1,))
    assert not failed.failed(FAILED._replace(why="KeyError: 'j'"), NOW_MS, (1,))  # the same with other numbers
    assert failed.failed(FAILED._replace(why="another"), NOW_MS, (1,))
    assert [found.why for found in failed.take_news()] == ["KeyError: 'i'", "another"]
    assert not failed.has_news


@pytest.mark.parametrize(
    ("later_ms", "made_of", "again"), [(RETRY_MS, (2,), True), (RETRY_MS, (1,), False), (9, (2,), False)]
)
def test_it_is_tried_again_a_while_later_when_something_changed(
    later_ms: int, made_of: tuple[int, ...], again: bool
) -> None:
    failed = FailedLists()
    failed.failed(FAILED, NOW_MS, (1,))
    assert failed.to_retry(NOW_MS + later_ms, made_of) == ["u"] * again


def test_a_few_are_tried_again_at_a_time_and_each_gets_its_turn() -> None:
    failed, everybody = FailedLists(), {f"u{number}" for number in range(3 * RETRIES_A_TIME)}
    for user_id in everybody:
        failed.failed(FAILED._replace(user_id=user_id), NOW_MS, (1,))
    tried: set[str] = set()
    for _ in range(3):
        again = failed.to_retry(NOW_MS + RETRY_MS, (2,))
        assert len(again) == RETRIES_A_TIME
        for user_id in again:
            failed.failed(FAILED._replace(user_id=user_id), NOW_MS + RETRY_MS, (2,))
        tried.update(again)
    assert tried == everybody


def test_the_next_transaction_writes_a_dead_letter_of_the_row_under_its_user() -> None:
    async def refresh(*_: object, at_once: bool = False) -> None: ...

    lists = SimpleNamespace(failed=FailedLists(), refresh=refresh)
    step = InteractionsStep(
        lambda: UserPlane(0, 1, {}, FoldLimits()),
        lists,  # type: ignore[arg-type]
        OutgoingDeltas("deltas", 0, 1),
        DeadLetters("dlq"),
        Erasures(),
        rows_topic="rows",
    )
    event = {"event_type": "view", "user_id": "u", "item_id": "i", "timestamp": NOW_MS, "event_id": "e"}
    step.fold(ConsumerRecord("t", 0, 0, NOW_MS, 1, b"u", orjson.dumps(event), None, 0, 0, ()))
    for found in (FAILED, FAILED._replace(user_id="gone")):
        lists.failed.failed(found, NOW_MS, (1,))
    assert step.pending()

    effects = asyncio.run(step.effects(1, force=True))

    assert effects is not None
    (letter,) = [record for record in effects.outgoing if record.topic == "dlq"]
    said = DeadLetter.from_record(letter.key or b"", letter.value or b"", letter.headers)
    assert (said.reason, said.key, said.name, said.detail) == (Reason.LIST_FAILED, b"u", "rows:0:0", "KeyError: 'i'")
    assert not step.pending()
