"""Records of `users.links`: a guest, somebody who used the service under an anonymous id, turned out to be a user.

Keyed by the guest's id, in a topic of one partition: of two links of a guest the first one holds, whoever reads them. A
null value withdraws the link. What links mean is worked out in `agents.followers.links`.
"""

from typing import Final

import msgspec

from streams.contract.catalog import key_id, require_key
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import WireId, WireMoment, decode, id_of, moment_of, refuse_unreadable


class GuestLink(msgspec.Struct, frozen=True):
    """What was done under `guest_id` was done by `user_id`; `linked_at_ms` is when that was known, ms since the epoch,
    None = not said."""

    guest_id: str
    user_id: str
    linked_at_ms: int | None = None


class WireLink(msgspec.Struct):
    """A link as producers write it: null and "" mean absent, unknown fields are skipped."""

    guest_id: WireId | None = None
    user_id: WireId | None = None
    linked_at: WireMoment | None = None


_DECODER: Final = msgspec.json.Decoder(WireLink)


def parse_link(key: bytes | None, value: bytes | None) -> GuestLink | None:
    """The link in a record of `users.links`, or None when the record withdraws the link of the guest its key names.

    Raises `InvalidEvent`: `key_mismatch` when the key is not the guest's id, `self_link` when both ids are the same.

    >>> parse_link(b"g1", b'{"guest_id": "g1", "user_id": 17}').user_id
    '17'
    """
    guest_id = key_id(key)
    if value is None:
        return None
    wire = decode(_DECODER, value)
    require_key(guest_id, wire.guest_id, "guest_id")
    if wire.user_id is None or wire.user_id == "":
        raise InvalidEvent(Reason.MISSING_FIELD, "user_id")
    user_id = id_of(wire.user_id, "user_id")
    refuse_unreadable(user_id, "user_id")
    if user_id == guest_id:
        raise InvalidEvent(Reason.SELF_LINK, "guest_id and user_id are the same")
    said = wire.linked_at
    return GuestLink(guest_id, user_id, None if said is None or said == "" else moment_of(said, "linked_at"))
