import pytest

from agents.delivery.log_mark import LogMark
from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.delivery.version_guard import TESTED_VERSIONS, UntestedVersion, check_versions


def test_a_restore_of_what_was_written_gives_the_same_rows_and_position() -> None:
    written = ChangelogTable("rows", 1)
    records = written.outgoing([(b"a", b"1"), (b"b", b"2")], next_offset=7)
    records += written.outgoing([(b"a", None), (b"b", b"3")], next_offset=12)
    restored = ChangelogTable("rows", 1)
    for record in records:
        assert (record.topic, record.partition) == ("rows", 1)
        assert record.key is not None
        restored.load(record.key, record.value)
    assert restored.rows == {b"b": b"3"}
    assert restored.next_offset == 12


@pytest.mark.parametrize("foreign", [b"", b"nonsense", b"x" * 16, b"\xff" * 16, None])
def test_a_position_that_is_none_leaves_the_one_before_it(foreign: bytes | None) -> None:
    table = ChangelogTable("rows", 1, mark=LogMark(source="a"))
    written = table.outgoing([], next_offset=7)[-1]
    restored = ChangelogTable("rows", 1)
    restored.load(POSITION_KEY, written.value, written.headers)
    restored.load(POSITION_KEY, foreign)
    assert (restored.next_offset, restored.mark.source) == (7, "a")
    assert POSITION_KEY in restored.doubts
    restored.load(POSITION_KEY, written.value, written.headers)
    assert restored.doubts == {}


def test_the_tested_versions_are_the_installed_ones() -> None:
    check_versions()


@pytest.mark.parametrize("name", list(TESTED_VERSIONS))
def test_another_version_is_refused_by_name(name: str) -> None:
    with pytest.raises(UntestedVersion, match=f"{name} 9.9.9"):
        check_versions({**TESTED_VERSIONS, name: "9.9.9"})
