"""A dead letter carries the original bytes and says where they came from and why they were refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.dead_letters import MAX_KEY_BYTES, MAX_VALUE_BYTES, DeadLetter
from streams.contract.events import Reason
from streams.kafka.topics import DEAD_LETTER_MAX_BYTES


def dead_letter(value: bytes | None = b"{", key: bytes | None = b"u", detail: str = "why") -> DeadLetter:
    return DeadLetter(key, value, Reason.NOT_JSON, detail, "user.interactions", 3, 41, 1_700_000_000_000)


def test_headers_and_partition() -> None:
    record = dead_letter().to_record()
    assert (record.key, record.value, record.partition) == (b"user.interactions:3:41", b"{", 3)
    assert record.headers == [
        ("freshet.reason", b"not_json"),
        ("freshet.detail", b"why"),
        ("freshet.topic", b"user.interactions"),
        ("freshet.partition", b"3"),
        ("freshet.offset", b"41"),
        ("freshet.append_time_ms", b"1700000000000"),
        ("freshet.key", b"u"),
    ]


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    reason=st.sampled_from(Reason),
    detail=st.text(st.characters(exclude_categories=["Cs"]), max_size=500),
    redriven=st.sampled_from(["", "0:17"]),
    numbers=st.tuples(st.integers(0, 999), st.integers(0, 2**63), st.integers(-1, 2**62)),
)
def test_what_is_written_can_be_read(
    key: bytes | None, value: bytes | None, reason: Reason, detail: str, redriven: str, numbers: tuple[int, int, int]
) -> None:
    written = DeadLetter(key, value, reason, detail, "ns.user.interactions", *numbers, redriven=redriven)
    record = written.to_record()
    foreign = [("traceparent", b"\xff"), *record.headers]
    assert DeadLetter.from_record(record.key, record.value, foreign) == written


def test_a_detail_that_has_no_utf8_form_and_a_long_one() -> None:
    headers = dict(dead_letter(detail="\ud800" + "x" * 1000).to_record().headers)
    assert headers["freshet.detail"].startswith(rb"\ud800xxx")
    assert len(headers["freshet.detail"]) < 600


def test_no_record_is_too_large_for_the_topic() -> None:
    record = dead_letter(
        value=b"v" * (MAX_VALUE_BYTES + 1), key=b"k" * (MAX_KEY_BYTES + 1), detail="d" * 10_000
    ).to_record()
    size = len(record.value) + len(record.key) + sum(len(n) + len(v) for n, v in record.headers)
    assert size < DEAD_LETTER_MAX_BYTES // 2 + MAX_KEY_BYTES + 10_000 < DEAD_LETTER_MAX_BYTES
    cut = DeadLetter.from_record(record.key, record.value, record.headers)
    assert cut.original_bytes == MAX_VALUE_BYTES + 1
    assert cut.value == b"v" * MAX_VALUE_BYTES
    assert DeadLetter.from_record(*cut.to_record()[:2], cut.to_record().headers) == cut


def test_the_largest_value_that_is_kept_whole() -> None:
    record = dead_letter(value=b"v" * MAX_VALUE_BYTES).to_record()
    assert record.value == b"v" * MAX_VALUE_BYTES
    assert "freshet.original_bytes" not in dict(record.headers)


def test_coordinates_identify_redeliveries() -> None:
    assert dead_letter().coordinates == ("user.interactions", 3, 41)


def test_other_records_are_not_dead_letters() -> None:
    with pytest.raises(ValueError, match=r"freshet\.reason is missing"):
        DeadLetter.from_record(None, b"{}", [])
    headers = [(name, b"new" if name == "freshet.reason" else text) for name, text in dead_letter().to_record().headers]
    with pytest.raises(ValueError, match=r"user\.interactions:3:41"):
        DeadLetter.from_record(b"u", b"{", dead_letter().to_record().headers)
    with pytest.raises(ValueError, match="new"):
        DeadLetter.from_record(None, b"{}", headers)


def test_a_blank_dead_letter_still_counts_and_says_nothing() -> None:
    blank = dead_letter(value=b"of u", key=b"u", detail="about u").blank().to_record()
    assert (blank.key, blank.value) == (dead_letter().to_record().key, b"")
    assert b"u" not in [text for _, text in blank.headers]
    assert dict(blank.headers)["freshet.reason"] == b"erased"
    assert dict(blank.headers)["freshet.detail"] == b""
