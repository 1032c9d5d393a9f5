"""Records of commands: read back as they were written, and nothing else is taken for one."""

import pytest

from streams.contract.audit import AuditRecord, CommandBegun, CommandEnded, decode, encode
from streams.contract.reasons import InvalidEvent

BEGUN = CommandBegun("c1", "erase", {"user_id": "********"}, "ana@desk", "ana", "v1", "0.2.0")


@pytest.mark.parametrize("record", [BEGUN, CommandEnded("c1", "refused", 2, "there is no such partition")])
def test_records_are_read_back(record: AuditRecord) -> None:
    key, value = encode(record)
    assert key == b"c1"
    assert decode(value) == record


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"{}", b'{"event":"begun"}', b'{"event":"ended","command_id":1}', b"[]"]
)
def test_what_is_no_record(value: bytes | None) -> None:
    with pytest.raises(InvalidEvent, match="no record of a command"):
        decode(value)
