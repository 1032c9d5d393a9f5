"""What `freshet publish` sends is what a worker accepts, under the key a worker expects."""

import pytest

from streams.contract.events import InvalidEvent, Reason
from streams.kafka.outgoing import ToRecord, interaction_record, item_record, profile_record

NOW_MS = 1_700_000_000_000


def test_an_event_goes_as_it_is_under_its_user() -> None:
    value = b'{"event_type":"click","user_id":7,"item_id":"i","timestamp":1700000000000,"extra":1}'
    record = interaction_record("t", value, NOW_MS)
    assert (record.topic, record.key, record.value, record.partition) == ("t", b"7", value, None)


def test_items_and_profiles_go_under_their_ids() -> None:
    assert item_record("t", b'{"item_id":5}', NOW_MS).key == b"5"
    assert profile_record("t", b'{"user_id":"\xc3\xa4"}', NOW_MS).key == "ä".encode()


@pytest.mark.parametrize(
    ("to_record", "value", "reason"),
    [
        (interaction_record, b"{", Reason.NOT_JSON),
        (
            interaction_record,
            b'{"event_type":"search","user_id":7,"timestamp":1800000000000}',
            Reason.TIMESTAMP_IN_FUTURE,
        ),
        (item_record, b"{}", Reason.MISSING_FIELD),
        (item_record, b'{"item_id":5,"year":"old"}', Reason.WRONG_TYPE),
        (item_record, b'{"item_id":"a\\u0000"}', Reason.OUT_OF_RANGE),
        (profile_record, b"null", Reason.WRONG_TYPE),
        (profile_record, b'{"user_id":5,"country":"Germany"}', Reason.OUT_OF_RANGE),
    ],
)
def test_what_a_worker_would_refuse_is_not_sent(to_record: ToRecord, value: bytes, reason: Reason) -> None:
    with pytest.raises(InvalidEvent) as caught:
        to_record("t", value, NOW_MS)
    assert caught.value.reason is reason
