"""How users are named in everything that is made of their events: as they are, or hashed with a secret.

The log names users as their producers do: keys of `user.interactions`, `users.profiles` and `user.erasure`, and dead
letters, which keep the original bytes. Partitions are chosen by that name. Everything derived (rows, changelogs, Redis,
item deltas, served topics, logs) knows users by their *stored* id, which is decided here and nowhere else.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field

import msgspec

from streams.contract.events import Interaction

MIN_SECRET_BYTES = 32
# Ids hold no NUL, so what is hashed for another purpose never equals a hashed id.
_KEY_ID = b"\0key id"
_EVENT = b"\0event\0"


@dataclass(frozen=True, slots=True)
class Identities:
    """HMAC-SHA-256 with `secret`; with an empty one ids stay as they are. Raises ValueError when it is too short.

    >>> Identities().of("u17")
    'u17'
    >>> Identities(b"0123456789abcdef0123456789abcdef").of("u17")
    'O20IJnwdp6KT-mHIMHTo4NWeBXKvQfxuhpFvMhfjgxQ'
    """

    secret: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        if self.secret and len(self.secret) < MIN_SECRET_BYTES:
            raise ValueError(f"the secret has less than {MIN_SECRET_BYTES} bytes")

    @property
    def key_id(self) -> str:
        """Tells secrets apart without telling them; "" = ids stay as they are."""
        return self._digest(_KEY_ID)[:11] if self.secret else ""

    def of(self, user_id: str) -> str:
        """The stored id of a user: 43 characters of URL-safe base64 when hashed."""
        return self._digest(user_id.encode()) if self.secret else user_id

    def stored(self, event: Interaction) -> Interaction:
        """The event as tables may know it. Its id is hashed too: one that was derived from the user would let anybody
        who reads the rows try out names."""
        if not self.secret:
            return event
        event_id = self._digest(_EVENT + event.event_id.encode())
        return msgspec.structs.replace(event, user_id=self.of(event.user_id), event_id=event_id)

    def _digest(self, what: bytes) -> str:
        return urlsafe_b64encode(hmac.digest(self.secret, what, "sha256"))[:-1].decode()


#: Ids as producers write them.
PLAIN = Identities()
