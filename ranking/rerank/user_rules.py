"""What operators' rules do to the lists of the users of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import country_of
from ranking.interests import Asked
from ranking.ragged import Ragged, owners
from tables.item_model import ItemModel
from tables.operator_rules import Place, RulesEffect


def place_of(asked: Asked) -> Place:
    """Where and on what a user was seen last, "" = not known: what rules ask of them."""
    user, _ = asked
    return country_of(asked) or "", (user.row.device_type if user is not None else "") or ""


@dataclass(frozen=True, slots=True)
class UserRules:
    """By user, `of` int64[users] is which of the `effects` is theirs; users of one country and device have the same."""

    effects: list[RulesEffect]
    of: NDArray[np.int64]

    @classmethod
    def of_users(cls, asked: Sequence[Asked], model: ItemModel) -> UserRules | None:
        """By where and on what users were seen last; None = no rule is in force."""
        if not model.rules.is_soft:
            return None
        effects: dict[int, int] = {}
        found: list[RulesEffect] = []
        of = np.empty(len(asked), np.int64)
        for number, one in enumerate(asked):
            effect = model.rules.effect(*place_of(one), "personal")
            place = effects.setdefault(id(effect), len(found))
            if place == len(found):
                found.append(effect)
            of[number] = place
        return cls(found, of)

    @property
    def has_factors(self) -> bool:
        """Whether scores of some of them are multiplied."""
        return any(effect.factors is not None for effect in self.effects)

    @property
    def has_pins(self) -> bool:
        """Whether some of them have pins."""
        return any(effect.pins for effect in self.effects)

    def factors(self, items: Ragged) -> NDArray[np.float32]:
        """float32[items]: what the score of each is multiplied with."""
        of, factors = self.of[owners(items.offsets)], np.ones(len(items.values), np.float32)
        for number, effect in enumerate(self.effects):
            if effect.factors is not None:
                own = of == number
                factors[own] = effect.factors[items.values[own]]
        return factors

    def pinned(self) -> Ragged:
        """The items that are pinned on each user's list, ascending, whether the user may see them or not."""
        rows = [np.array(sorted(pin.item for pin in effect.pins), np.int32) for effect in self.effects]
        return Ragged.of([rows[number] for number in self.of.tolist()])

    def is_pinned(self, items: Ragged) -> NDArray[np.bool_]:
        """bool[items]: whether each is pinned on its user's list."""
        of, pinned = self.of[owners(items.offsets)], np.zeros(len(items.values), np.bool_)
        for number, effect in enumerate(self.effects):
            if effect.pins:
                pinned |= (of == number) & np.isin(items.values, [pin.item for pin in effect.pins])
        return pinned
