"""Records that could not be read are archived as such, and read back as such."""

from pathlib import Path

from agents.retention.record_files import ArchivedRecord, RecordWriter, plain_record, read_records
from streams.contract.reasons import Reason
from streams.kafka.damaged_record import DamagedRecord

PLACE = ("t", 0, 3, 5, 1)


def test_a_replay_meets_what_the_live_version_met(tmp_path: Path) -> None:
    records = [
        plain_record("t", 0, 1, 5, b"k", b"v", [("name", b"x")]),
        DamagedRecord(*PLACE, None, None, None, -1, -1, (), Reason.TOO_LARGE, "why"),
        DamagedRecord(*PLACE, b"k", b"v", None, -1, -1, (), Reason.BAD_HEADER, "name", True),
        DamagedRecord(*PLACE, b"k", b"beginning", None, -1, -1, (), Reason.TOO_LARGE, "", False, 10**7),
    ]
    with RecordWriter(tmp_path / "file") as writer:
        for record in records:
            writer.add(ArchivedRecord(record, ["k"]))
    ((first, *damaged),) = read_records(tmp_path / "file", "t", 0)
    assert [kept.record for kept in (first, *damaged)] == records
    assert [type(kept.record) for kept in damaged] == [DamagedRecord] * 3
    assert damaged[0].users == ["k"]
