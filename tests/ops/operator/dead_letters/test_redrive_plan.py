"""What is published again, as what, and what is not."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from ops.operator.dead_letters.records import StoredDeadLetter
from ops.operator.dead_letters.redrive_plan import plan
from streams.contract.dead_letters import DeadLetter
from streams.contract.reasons import Reason
from streams.contract.user_records import user_partition

NOW_MS = 1_700_000_000_000
TOPIC = "user.interactions"


def dead_letter(
    offset: int = 0,
    user: str = "u1",
    reason: Reason = Reason.WRONG_PARTITION,
    value: bytes | None = None,
    topic: str = TOPIC,
    original_bytes: int | None = None,
    redriven: str = "",
) -> StoredDeadLetter:
    event = orjson.dumps({"event_type": "view", "user_id": user, "item_id": "i", "timestamp": NOW_MS})
    made = DeadLetter(
        b"k", value or event, reason, "", topic, 1, offset, NOW_MS - 1000 + offset, original_bytes, redriven
    )
    return StoredDeadLetter(made, NOW_MS)


def refused(kept: StoredDeadLetter, erased: dict[str, int] | None = None, reason: Reason | None = None) -> str:
    made = plan([kept], TOPIC, 4, erased or {}, NOW_MS, reason)
    assert made.republish == []
    (refusal,) = made.refused
    return refusal.why


@given(st.lists(st.integers(0, 5), max_size=30))
def test_every_user_s_records_keep_their_order_and_go_to_their_partition(users: list[int]) -> None:
    dead_letters = [dead_letter(offset, f"u{user}") for offset, user in enumerate(users)]
    made = plan(dead_letters, TOPIC, 4, {}, NOW_MS, None)
    assert [item.kept.dead_letter.offset for item in made.republish] == list(range(len(users)))
    assert [item.partition for item in made.republish] == [user_partition(f"u{user}", 4) for user in users]


def test_the_value_decides_whose_it_is() -> None:
    (item,) = plan([dead_letter(user="whose")], TOPIC, 4, {}, NOW_MS, None).republish
    assert item.user_id == "whose"


def test_what_was_published_before_is_not_again() -> None:
    made = plan([dead_letter(redriven="0:7"), dead_letter(1)], TOPIC, 4, {}, NOW_MS, None)
    assert (made.done, len(made.republish)) == (1, 1)


def test_refusals() -> None:
    assert "not_json" in refused(dead_letter(value=b"{"))
    assert "beginning" in refused(dead_letter(original_bytes=2_000_000))
    assert "only events" in refused(dead_letter(topic="item.deltas.v1"))
    assert "erased" in refused(dead_letter(reason=Reason.ERASED))
    assert "erased" in refused(dead_letter(offset=5), {"u1": NOW_MS})


def test_a_user_who_came_back_after_the_erasure_is_as_any_other() -> None:
    assert len(plan([dead_letter(offset=5)], TOPIC, 4, {"u1": NOW_MS - 2000}, NOW_MS, None).republish) == 1


def test_some_reasons_must_be_named() -> None:
    for reason in (Reason.TOO_OLD, Reason.FOLD_FAILED):
        kept = dead_letter(reason=reason)
        assert plan([kept], TOPIC, 4, {}, NOW_MS, None).left == 1
        assert len(plan([kept], TOPIC, 4, {}, NOW_MS, reason).republish) == 1


def test_only_the_reason_that_was_asked_for() -> None:
    made = plan([dead_letter(), dead_letter(1, reason=Reason.NOT_JSON)], TOPIC, 4, {}, NOW_MS, Reason.WRONG_PARTITION)
    assert ([item.kept.dead_letter.offset for item in made.republish], made.left) == ([0], 1)
