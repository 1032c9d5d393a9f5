"""The operators' rules that are in force, and which items each is about.

What a block says is put into the catalogue (`ItemCatalog.block`), so that everything that knows the catalogue holds it:
filters, lists of everybody, cards and with them every route. The other rules are factors and slots, for re-ranking.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.contract.item_details import values_of
from streams.contract.rules import MAX_FACTOR, MAX_PINS, MIN_FACTOR, ItemMatch, ListKind, OperatorRule
from tables.columns import grown
from tables.item_catalog import Blocked, ItemCatalog
from tables.item_keys import ItemKeys
from tables.regions import REGION_OF

Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]
#: The country and the device of a user, "" = not known.
Place = tuple[str, str]
NOWHERE: Final[Place] = ("", "")

#: Values that are in the JSON of details letter by letter, whether texts, whole numbers or truths; in any case, while
#: the details are ASCII.
_IS_WRITTEN_AS_IT_IS: Final = re.compile(r"[A-Za-z0-9_ -]+\Z")


#: Effects that are kept, 4 bytes an item each where there are factors; they are made anew in some milliseconds.
MOST_EFFECTS: Final = 64


class Signature(NamedTuple):
    """What a list was made under: of every rule that concerns it the id, and when it was changed."""

    order: tuple[tuple[str, int], ...] = ()
    blocks: frozenset[tuple[str, int]] = frozenset()

    def is_outdated(self, now: Signature) -> bool:
        """Whether a list that was made under this is another now: by what orders it, or by a block that ended. What a
        block takes, the catalogue tells."""
        return self.order != now.order or not self.blocks <= now.blocks


NO_RULES = Signature()


class Pin(NamedTuple):
    """An item and its slot, from 0."""

    slot: int
    item: int


class RulesEffect(NamedTuple):
    """What the rules do to lists of one kind for the people of one country and device: `factors` float32[capacity] by
    item, None = none, and the pins by slot, no item twice."""

    rules: tuple[OperatorRule, ...]
    factors: Floats | None
    pins: tuple[Pin, ...]


NO_EFFECT = RulesEffect((), None, ())


class OperatorRules:
    """Follows the catalogue and the rules of one process. `version` grows when other rules hold than before."""

    def __init__(self, keys: ItemKeys, catalog: ItemCatalog) -> None:
        self.version = 0
        self.in_force: tuple[OperatorRule, ...] = ()
        self.is_soft = False
        """Whether any pin, boost or bury is in force."""
        self._keys = keys
        self._catalog = catalog
        self._capacity = 0
        self._matched: dict[str, Mask] = {}
        self._named: dict[str, frozenset[str]] = {}  # ids that a rule names: a thousand are not looked through
        self._effects: dict[tuple[str, ...], RulesEffect] = {}

    def grow(self, capacity: int) -> None:
        """Room for `capacity` items, of which no rule is about those that are new."""
        self._capacity = capacity
        self._matched = {name: grown(mask, capacity) for name, mask in self._matched.items()}
        self._effects.clear()

    def follow(self, rules: Iterable[OperatorRule]) -> list[int]:
        """These are in force from now on. Returns the items that are offered to others than before."""
        before, self.in_force = self.in_force, tuple(rules)
        if before == self.in_force:
            return []
        known, now = ({rule.rule_id: rule for rule in rules} for rules in (before, self.in_force))
        blocked = np.zeros(self._capacity, np.bool_)
        for name, rule in known.items():
            if now.get(name) != rule:
                mask = self._matched.pop(name)
                del self._named[name]
                if rule.action == "block":
                    blocked |= mask
        for name, rule in now.items():
            if known.get(name) != rule:
                self._named[name] = frozenset(rule.match.items)
                mask = self._matched[name] = self._all_matching(rule)
                if rule.action == "block":
                    blocked |= mask
        self.is_soft = any(rule.action != "block" for rule in self.in_force)
        self._effects.clear()
        self.version += 1
        indices: list[int] = blocked.nonzero()[0].tolist()
        for index in indices:
            self._catalog.block(index, self._blocked(index))
        return indices

    def look_at(self, index: int) -> None:
        """The catalogue has said something of an item, or it is new."""
        if not self.in_force:
            return
        for rule in self.in_force:
            mask, now = self._matched[rule.rule_id], self._is_about(rule, index)
            if rule.action != "block" and mask[index] != now:
                self._effects.clear()
            mask[index] = now
        self._catalog.block(index, self._blocked(index))

    # -- what rules say --------------------------------------------------------------------------------------------

    def about(self, index: int) -> list[OperatorRule]:
        """The rules in force that are about an item."""
        return [rule for rule in self.in_force if self._matched[rule.rule_id][index]]

    def signature(self, country: str, device: str) -> Signature:
        """What a user's list is made under there, "" = not known. A block in some countries takes its items from
        whoever is in no country that is known, too."""
        is_nowhere = country not in REGION_OF
        about = [
            rule
            for rule in self.in_force
            if rule.is_about(country, device, "personal") or (is_nowhere and rule.action == "block")
        ]
        return Signature(
            tuple((rule.rule_id, rule.changed_ms) for rule in about if rule.action != "block"),
            frozenset((rule.rule_id, rule.changed_ms) for rule in about if rule.action == "block"),
        )

    def effect(self, country: str, device: str, kind: ListKind) -> RulesEffect:
        """What they do to a list of this kind for somebody there, "" = not known."""
        if not self.is_soft:
            return NO_EFFECT
        rules = [rule for rule in self.in_force if rule.action != "block" and rule.is_about(country, device, kind)]
        names = tuple(rule.rule_id for rule in rules)
        known = self._effects.get(names)
        if known is None:
            if len(self._effects) >= MOST_EFFECTS:
                self._effects.clear()
            known = self._effects[names] = self._effect_of(rules)
        return known

    def _effect_of(self, rules: list[OperatorRule]) -> RulesEffect:
        factors: Floats | None = None
        for rule in rules:
            if rule.factor is not None:
                factors = np.ones(self._capacity, np.float32) if factors is None else factors
                factors[self._matched[rule.rule_id]] *= np.float32(rule.factor)
        if factors is not None:
            np.clip(factors, MIN_FACTOR, MAX_FACTOR, out=factors)
        return RulesEffect(tuple(rules), factors, tuple(self._pins(rules)))

    def _pins(self, rules: list[OperatorRule]) -> Iterator[Pin]:
        """Of several for one slot the one with the first id has it, and the others follow; at most so many a list."""
        wanted = sorted(
            (rule.position + place - 1, rule.rule_id, index)
            for rule in rules
            if rule.position is not None
            for place, index in enumerate(self._keys.of(rule.match.items).tolist())
            if index >= 0
        )
        slots: dict[int, int] = {}
        for slot, _, index in wanted:
            if index not in slots and len(slots) < MAX_PINS:
                slots[index] = max([slot, *(taken + 1 for taken in slots.values())])
        yield from (Pin(slot, index) for index, slot in slots.items())

    # -- which items -----------------------------------------------------------------------------------------------

    def _all_matching(self, rule: OperatorRule) -> Mask:
        mask = np.zeros(self._capacity, np.bool_)
        for index in self._candidates(rule.match):
            mask[index] = self._is_about(rule, index)
        return mask

    def _candidates(self, match: ItemMatch) -> Iterable[int]:
        """Items of which all that match are some."""
        if match.items:
            return [index for index in self._keys.of(match.items).tolist() if index >= 0]
        if match.genre is not None:
            return self._catalog.of_genres(self._genres(match.genre))
        details, long = self._catalog.details, self._catalog.long_attributes
        values = [*match.attributes.values(), *([] if match.item_type is None else [match.item_type])]
        needles = [value.lower().encode() for value in values if _IS_WRITTEN_AS_IT_IS.match(value)]
        return [
            index
            for index, told in enumerate(details)
            if index in long or not told.isascii() or all(needle in told.lower() for needle in needles)
        ]

    def _genres(self, name: str) -> list[int]:
        folded = name.casefold()
        return [number for number, genre in enumerate(self._catalog.genre_names) if genre.casefold() == folded]

    def _is_about(self, rule: OperatorRule, index: int) -> bool:
        match, named = rule.match, self._named[rule.rule_id]
        if named and self._keys.ids[index] not in named:
            return False
        if match.genre is not None:
            folded, names = match.genre.casefold(), self._catalog.genre_names
            if all(names[number].casefold() != folded for number in self._catalog.genres[index]):
                return False
        if match.item_type is None and not match.attributes:
            return True
        details = self._catalog.details_of(index)
        return (match.item_type is None or (details.item_type or "").casefold() == match.item_type.casefold()) and all(
            value in values_of(details.attributes.get(name)) for name, value in match.attributes.items()
        )

    def _blocked(self, index: int) -> Blocked | None:
        blocks = [rule for rule in self.about(index) if rule.action == "block"]
        if not blocks:
            return None
        if any(not rule.countries for rule in blocks):
            return Blocked()
        return Blocked(frozenset(country for rule in blocks for country in rule.countries))
