"""Old rows are read by new code; newer rows are refused before anything of them is believed."""

import msgspec
import pytest

from tables.row_codec import RowCodec, RowVersionError
from tables.user_row import CODEC, UserRow


class OldRow(msgspec.Struct, array_like=True):
    version: int
    count: int


class NewRow(msgspec.Struct, array_like=True):
    version: int
    count: int
    title: str = "none"


def test_an_old_row_is_read_with_the_defaults_of_what_came_later() -> None:
    old = RowCodec(OldRow, current=1).encode(OldRow(1, 7))
    assert RowCodec(NewRow, current=2).decode(old) == NewRow(2, 7, "none")


def test_a_newer_row_is_refused() -> None:
    newer = RowCodec(NewRow, current=2).encode(NewRow(2, 7, "x"))
    with pytest.raises(RowVersionError, match="version 2"):
        RowCodec(OldRow, current=1).decode(newer)


@pytest.mark.parametrize("value", [b"", b"\x91", b"{}", b"\x81\x01\x01", b"\x92\x00\x01", b"\x92\xcc\x01"])
def test_what_is_no_row_is_refused(value: bytes) -> None:
    with pytest.raises(RowVersionError):
        RowCodec(OldRow, current=1).decode(value)


def test_damage_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        RowCodec(OldRow, current=1).decode(b"\x92\x01\xa1x")


def test_a_row_type_must_carry_its_version_in_front() -> None:
    class Unversioned(msgspec.Struct, array_like=True):
        count: int

    with pytest.raises(ValueError, match="version"):
        RowCodec(Unversioned, current=1)


def test_the_user_row_of_today_is_readable() -> None:
    assert CODEC.decode(CODEC.encode(UserRow(folded=3))).folded == 3
