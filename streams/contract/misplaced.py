"""Records of `users.profiles.misplaced`: whose profile a producer put into another partition than their user's.

Whoever owns a user reads the profiles of one partition and sees nothing of what lies elsewhere. Whoever does read it
there says so here, in the partition of the user: until a later profile lies where it belongs, the user is shown what
the strictest profile allows (`agents.followers.misplaced`). Keyed by the user's stored id and the partition in which
the profile lies; null = it was removed there.
"""

from typing import Final, NamedTuple

from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.user_records import record_key, user_of

_MOST_DIGITS: Final = 19


class MisplacedProfile(NamedTuple):
    """A user by their stored id, the partition in which their profile lies, and the time of its record, ms since the
    epoch; None = it was removed from there."""

    user_id: str
    found_in: int
    said_ms: int | None

    def record(self) -> tuple[bytes, bytes | None]:
        """Key and value.

        >>> MisplacedProfile("u1", 3, 1_700_000_000_000).record()
        (b'u1\\x003', b'1700000000000')
        """
        said = None if self.said_ms is None else b"%d" % max(0, self.said_ms)
        return record_key(self.user_id, str(self.found_in)), said


def parse_misplaced(key: bytes | None, value: bytes | None) -> MisplacedProfile:
    """What one record says. Raises `InvalidEvent` for one that no worker wrote.

    >>> parse_misplaced(b"u1\\x003", None)
    MisplacedProfile(user_id='u1', found_in=3, said_ms=None)
    """
    user_id = user_of(key or b"")
    found_in = (key or b"")[len(user_id) + 1 :]
    try:
        return MisplacedProfile(user_id.decode(), _number(found_in), None if value is None else _number(value))
    except ValueError as error:
        raise InvalidEvent(Reason.FOLD_FAILED, f"nothing that says where a profile lies: {error}") from None


def _number(text: bytes) -> int:
    if not text.isdigit() or len(text) > _MOST_DIGITS:
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)
