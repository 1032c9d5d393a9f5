"""The lists that a process wrote for one partition's users, and when."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice, takewhile
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agents.lists.list_basis import ListBasis
from serving.experiments import UNTREATED, Treatment
from serving.write_order import Order
from tables.operator_rules import NO_RULES, NOWHERE, Place, Signature

#: A list made longer ago is no measure of what the model knows now.
YOUNG_LIST_MS = 5 * 60_000


class WrittenList(NamedTuple):
    """Item indices of a list that this process made, best first, with what follows it; the user's last offset in it,
    when it was made, with what, how many keys were written, under which variants and rules of operators, and the
    `place` that rules go by: an event or a profile that changes it makes the list anew."""

    items: NDArray[np.int32]
    offset: int
    made_ms: int
    basis: ListBasis
    keys: int
    treatment: Treatment = UNTREATED
    rules: Signature = NO_RULES
    place: Place = NOWHERE


class _Written(NamedTuple):
    """When a list was written, by the wall clock and among the writes of its partition."""

    at_ms: int
    order: Order


class ShownLists:
    """By user. A list that was made is shown at once, and is written as soon as Redis took it."""

    def __init__(self) -> None:
        self._shown: dict[str, WrittenList] = {}
        self._written: OrderedDict[str, _Written] = OrderedDict()  # the last write of each user, oldest first

    @property
    def all(self) -> Mapping[str, WrittenList]:
        """All that are shown; not to be changed."""
        return self._shown

    @property
    def kept(self) -> int:
        """How many lists are kept right."""
        return len(self._written)

    def is_written(self, user_id: str) -> bool:
        """Whether this process wrote the list that the user has."""
        return user_id in self._written

    def items_of(self, user_id: str) -> NDArray[np.int32] | None:
        """Item indices of the list that the user has, best first; None when this process made none."""
        shown = self._shown.get(user_id)
        return None if shown is None else shown.items

    def current(self, user_id: str, offset: int, now_ms: int) -> NDArray[np.int32] | None:
        """The same, if the list was made in the last minutes, reflects the offset, and is ranked as everybody's, by no
        rule of an operator."""
        shown = self._shown.get(user_id)
        if shown is not None and (shown.treatment.ranks_differently or shown.rules.order):
            return None
        is_young = shown is not None and 0 <= now_ms - shown.made_ms <= YOUNG_LIST_MS
        return shown.items if shown is not None and is_young and shown.offset == offset else None

    def made(self, user_id: str, shown: WrittenList) -> None:
        """A list is about to be written."""
        self._shown[user_id] = shown

    def wrote(self, users: Iterable[str], at_ms: int, order: Order) -> None:
        """Lists of these users were written just now."""
        for user_id in users:
            self._written[user_id] = _Written(at_ms, order)
            self._written.move_to_end(user_id)

    def drop(self, users: Iterable[str]) -> None:
        """Lists of these users are not there, or are those of somebody else."""
        for user_id in users:
            self._written.pop(user_id, None)
            self._shown.pop(user_id, None)

    def hide(self, user_id: str) -> None:
        """The user's list is not looked after any more; it stays until it ends."""
        self._shown.pop(user_id, None)

    def written_after(self, order: Order) -> list[str]:
        """Whose lists were written later, longest ago first: if Redis knows nothing of that, they may be gone."""
        later = takewhile(lambda of: of[1].order > order, reversed(self._written.items()))
        return [user_id for user_id, _ in later][::-1]

    def take_old(self, now_ms: int, renew_ms: int) -> Iterator[str]:
        """Users whose lists are so old that they are to be written again, or dated by a clock that was set back since.
        Each counts as not written from then on."""
        while self._written:
            user_id, written = next(iter(self._written.items()))
            if 0 <= now_ms - written.at_ms < renew_ms:
                return
            del self._written[user_id]
            yield user_id

    def in_parts(self, count: int) -> Iterator[list[tuple[str, WrittenList]]]:
        """All that are shown at the time of the call, so many at a time."""
        left = iter(list(self._shown.items()))
        return iter(lambda: list(islice(left, count)), [])


def showing(lists: Sequence[NDArray[np.int32]], items: NDArray[np.int32]) -> NDArray[np.bool_]:
    """bool[lists]: whether each of `lists`, int32[any] item indices or ROOM, has one of `items`.

    One look-up in a table serves all lists: what it costs grows with what they show, however many the items are.
    """
    shown = np.concatenate([np.zeros(0, np.int32), *lists])
    is_asked = np.zeros(int(shown.max(initial=-1)) + 2, np.bool_)  # the last place is that of ROOM, which is -1
    is_asked[items[items < len(is_asked) - 1]] = True
    (hits,) = is_asked[shown].nonzero()
    ends = np.cumsum([len(indices) for indices in lists])
    found = np.zeros(len(lists), np.bool_)
    found[np.searchsorted(ends, hits, side="right")] = True
    return found
