"""Sequences of used items as numbers: what sequence models are trained and tuned on."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import numpy as np
from numpy.typing import NDArray

from streams.contract.events import Interaction

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Sequences:
    """`items` are the ids of what was learned; `histories` by user, oldest first, are places among them. Of users with
    a target that was learned of others, `asked` int64[targets] is whose it is and `targets` int32[targets] which."""

    items: list[str]
    histories: list[Ints]
    asked: NDArray[np.int64]
    targets: Ints

    @classmethod
    def of(cls, learned: Sequence[Interaction], targets: Sequence[Interaction]) -> Self:
        """Those of a log, in its order."""
        number: dict[str, int] = {}
        histories: dict[str, list[int]] = {}
        for event in learned:
            histories.setdefault(event.user_id, []).append(number.setdefault(event.item_id, len(number)))
        place = {user: at for at, user in enumerate(histories)}
        known = [event for event in targets if event.item_id in number and event.user_id in place]
        return cls(
            list(number),
            [np.array(own, np.int32) for own in histories.values()],
            np.array([place[event.user_id] for event in known], np.int64),
            np.array([number[event.item_id] for event in known], np.int32),
        )

    def digest(self) -> str:
        """SHA-256 of all of it, hexadecimal: other histories, items or targets have another one."""
        hashed = sha256()
        lengths = np.array([len(history) for history in self.histories], "<i8")
        for array in (lengths, *self.histories, self.asked, self.targets):
            hashed.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
        for item in self.items:
            named = item.encode()
            hashed.update(len(named).to_bytes(8, "little") + named)
        return hashed.hexdigest()
