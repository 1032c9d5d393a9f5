"""How a row becomes bytes: msgpack arrays whose first element is the row's format version.

decode(old row)    -> a row of today: fields added since take their defaults
decode(newer row)  -> RowVersionError, because guessing at a newer format would write damaged state
"""

from typing import Annotated, Generic, TypeVar

import msgspec

_FIXARRAY = 0x90
_MAX_FIELDS = 15
_MAX_VERSION = 127

#: Numbers of rows. What no arithmetic of ours comes to is refused, so that none of it fails: msgpack has integers that
#: do not fit an int64 twice over, NaN and infinity. Sums of ours are never negative.
MOST = 2**60
Whole = Annotated[int, msgspec.Meta(ge=-MOST, le=MOST)]
Real = Annotated[float, msgspec.Meta(ge=0, le=1e300)]


class RowVersionError(ValueError):
    """A row was written by newer code (or is no row at all); this process must not touch it."""


Row = TypeVar("Row", bound=msgspec.Struct)


class RowCodec(Generic[Row]):
    """Encodes and decodes one row type: an array-like msgspec struct whose first field is `version: int`.

    `current` is the version this code writes (1..127); a row type has at most 15 fields, so that the version always
    is the second byte and can be checked before the rest is believed.
    """

    def __init__(self, row_type: type[Row], current: int) -> None:
        if not 1 <= current <= _MAX_VERSION:
            raise ValueError(f"row version {current} is not within 1..{_MAX_VERSION}")
        if len(row_type.__struct_fields__) > _MAX_FIELDS:
            raise ValueError(f"{row_type.__name__} has more than {_MAX_FIELDS} fields")
        if row_type.__struct_fields__[0] != "version" or not row_type.__struct_config__.array_like:
            raise ValueError(f"{row_type.__name__} is not array-like with `version` in front")
        self._name = row_type.__name__
        self._current = current
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(row_type)

    def encode(self, row: Row) -> bytes:
        """The bytes of `row`; equal rows give equal bytes."""
        return self._encoder.encode(row)

    def decode(self, value: bytes) -> Row:
        """The row in `value`. Raises RowVersionError on a newer version, msgspec.ValidationError on damage."""
        if len(value) < 2 or not _FIXARRAY < value[0] <= _FIXARRAY + _MAX_FIELDS:
            raise RowVersionError(f"{self._name}: not a versioned row")
        if not 1 <= value[1] <= self._current:
            raise RowVersionError(f"{self._name} has format version {value[1]}, this code knows 1..{self._current}")
        row = self._decoder.decode(value)
        if value[1] != self._current:
            msgspec.structs.force_setattr(row, "version", self._current)
        return row
