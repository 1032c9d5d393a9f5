"""Records of `freshet.rules`: what operators want lists to show, whatever the ranker has learned. One record a rule,
under its id; the topic is compacted, and null removes a rule.

    {"rule_id": "halloween", "action": "boost", "match": {"genre": "Horror"}, "factor": 2.0, "countries": ["DE"],
     "from_ms": 1793404800000, "until_ms": 1793491200000, "changed_ms": 1764500000000, "who": "ana@desk"}

A **block** is what a withdrawal is, in some countries or everywhere: it holds on every route and for every reader. The
others put in order what a reader may see, and never more: a **pin** gives items slots of their own, a **boost** or a
**bury** multiplies scores.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, get_args

import msgspec

from streams.contract import wire
from streams.contract.ids import MAX_ID_LENGTH
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import WireCountry

#: All rules are looked at whenever an item changes or a list is made.
MAX_RULES: Final = 200
#: Slots of a list that pins may take, and where: the rest is the ranker's.
MAX_PINS: Final = 10
LAST_PIN: Final = 20
#: Of one rule, and of all that match an item together.
MAX_FACTOR: Final = 10.0
MIN_FACTOR: Final = 0.1
MAX_ITEMS: Final = 1_000
MAX_NAME_LENGTH: Final = 40
#: The end of the year 9999, the last that can be written.
_LAST_MS: Final = 253_402_300_799_999

Action = Literal["pin", "boost", "bury", "block"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
#: Those of a user, those of nobody in particular (popular, trending, rows, similar), or both.
ListKind = Literal["personal", "shared"]
LISTS: Final[tuple[ListKind | Literal["all"], ...]] = ("all", *get_args(ListKind))

_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_NAME_LENGTH - 1}}}\Z")
_Text = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]


class ItemMatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Which items a rule is about: those that are all of it. `genre` and `item_type` in any case; of an attribute with
    several values one is enough."""

    items: Annotated[tuple[_Text, ...], msgspec.Meta(max_length=MAX_ITEMS)] = ()
    genre: _Text | None = None
    item_type: _Text | None = None
    attributes: Annotated[dict[_Text, _Text], msgspec.Meta(max_length=5)] = {}


class OperatorRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A rule. `factor` is a boost's (above 1 to 10) or a bury's (0.1 to below 1); `position` is the slot of a pin's
    first item, from 1, the others follow. It is about users in `countries`, on `devices` (lower case) as they were seen
    last, of any when there are none, and holds from `from_ms` to before `until_ms`, ms since the epoch, None = no
    bound."""

    rule_id: str
    action: Action
    match: ItemMatch
    changed_ms: Annotated[int, msgspec.Meta(ge=0, le=_LAST_MS)]
    factor: float | None = None
    position: int | None = None
    countries: Annotated[tuple[WireCountry, ...], msgspec.Meta(max_length=300)] = ()
    devices: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
    lists: Literal["all", "personal", "shared"] = "all"
    from_ms: Annotated[int, msgspec.Meta(ge=0, le=_LAST_MS)] | None = None
    until_ms: Annotated[int, msgspec.Meta(ge=0, le=_LAST_MS)] | None = None
    who: str = ""
    about: str = ""

    def record(self) -> tuple[bytes, bytes]:
        """Key and value."""
        return self.rule_id.encode(), msgspec.json.encode(self)

    def holds_at(self, now_ms: int) -> bool:
        """Whether the rule is in force."""
        return (self.from_ms or 0) <= now_ms and (self.until_ms is None or now_ms < self.until_ms)

    def is_about(self, country: str, device: str, kind: ListKind) -> bool:
        """Whether it concerns a list of this kind for somebody there, "" = not known."""
        return (
            self.lists in ("all", kind)
            and (not self.countries or country in self.countries)
            and (not self.devices or device.lower() in self.devices)
        )

    def overlaps(self, other: OperatorRule) -> bool:
        """Whether some list may be under both at some time."""
        ends = [rule.until_ms for rule in (self, other) if rule.until_ms is not None]
        return (
            max(self.from_ms or 0, other.from_ms or 0) < min(ends, default=2**63)
            and (not self.countries or not other.countries or not set(self.countries).isdisjoint(other.countries))
            and (not self.devices or not other.devices or not set(self.devices).isdisjoint(other.devices))
            and (self.lists == other.lists or "all" in (self.lists, other.lists))
        )


_DECODER = msgspec.json.Decoder(OperatorRule)


def parse_rule(key: bytes | None, value: bytes) -> OperatorRule:
    """The rule in one record. Raises `InvalidEvent` that says which field and what was expected."""
    try:
        rule = wire.decode(_DECODER, value)
    except InvalidEvent as refusal:
        if refusal.detail.startswith("Object missing required field"):
            raise InvalidEvent(Reason.MISSING_FIELD, refusal.detail) from None
        raise
    if (key or b"").decode(errors="replace") != rule.rule_id:
        raise InvalidEvent(Reason.KEY_MISMATCH, f"the key is not the rule_id {rule.rule_id[:100]!r}")
    if problem := problem_of(rule):
        raise InvalidEvent(Reason.OUT_OF_RANGE, problem)
    return rule


def strictest_block(key: bytes | None, value: bytes) -> OperatorRule | None:
    """The block that a record may mean which `parse_rule` refuses: without what cannot be read of where and when it
    holds (lists and devices included, by which no block may be bounded) and of which items it takes. Of ids and
    attributes those that can be read are kept. None where no block can be read.

    >>> rule = b'{"action": "block", "match": {"genre": "War"}, "countries": "DE", "until_ms": "soon"}'
    >>> found = strictest_block(b"wars", rule)
    >>> found.match.genre, found.countries, found.until_ms
    ('War', (), None)
    """
    said = wire.members_of(value)
    if said.get("action") != "block" or not isinstance(said.get("match"), dict):
        return None
    kept: dict[str, object] = {"rule_id": (key or b"").decode(errors="replace"), "action": "block", "changed_ms": 0}
    match: dict[str, object] = {}
    found = None
    window = [said.get(bound) for bound in ("from_ms", "until_ms")]
    bounds = () if None not in window and not _is_window(window) else ("from_ms", "until_ms")
    for within, name, member in (
        *((match, name, _readable(name, member)) for name, member in said["match"].items()),
        *((kept, name, said[name]) for name in ("countries", *bounds, "changed_ms", "who", "about") if name in said),
    ):
        within[name] = member
        try:
            found = parse_rule(key, msgspec.json.encode({**kept, "match": match}))
        except InvalidEvent:
            del within[name]
    return found


def _is_window(bounds: list[object]) -> bool:
    """Whether there is time between them; one of both alone says nothing about what was meant."""
    first, last = bounds
    return isinstance(first, int) and isinstance(last, int) and first < last


def _readable(name: str, member: object) -> object:
    """What of a part of `match` can be read by itself. Ids may be whole numbers, as everywhere."""
    if name == "items" and isinstance(member, list):
        ids = [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in member]
        return [one for one in ids if _is_text(one)][:MAX_ITEMS]
    if name == "items" and _is_text(member):
        return [member]
    if name == "attributes" and isinstance(member, dict):
        return {name: value for name, value in member.items() if _is_text(name) and _is_text(value)}
    return member


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH


def problem_of(rule: OperatorRule) -> str | None:
    """What is wrong with a rule though each of its fields may be as it is; None when nothing is.

    >>> problem_of(OperatorRule("a", "boost", ItemMatch(genre="War"), 0, factor=20.0))
    'factor of a boost must be above 1 and at most 10, and is 20'
    >>> problem_of(OperatorRule("a", "block", ItemMatch(genre="War"), 0, from_ms=5, until_ms=5))
    'the window is empty: until_ms 5 is not after from_ms 5'
    """
    if not _NAME.match(rule.rule_id):
        name = rule.rule_id[:100]
        return f"rule_id must be 1-{MAX_NAME_LENGTH} lower-case letters, digits, '_' or '-', and is {name!r}"
    if rule.match == ItemMatch():
        return "match names no item, genre, item_type or attribute: a rule about everything changes nothing"
    if rule.from_ms is not None and rule.until_ms is not None and rule.until_ms <= rule.from_ms:
        return f"the window is empty: until_ms {rule.until_ms} is not after from_ms {rule.from_ms}"
    return _problem_of_action(rule) or _problem_of_scope(rule)


def _problem_of_action(rule: OperatorRule) -> str | None:
    if rule.action in ("boost", "bury"):
        if rule.factor is None:
            return f"a {rule.action} needs a factor"
        if rule.action == "boost" and not 1.0 < rule.factor <= MAX_FACTOR:
            return f"factor of a boost must be above 1 and at most {MAX_FACTOR:g}, and is {rule.factor:g}"
        if rule.action == "bury" and not MIN_FACTOR <= rule.factor < 1.0:
            return f"factor of a bury must be at least {MIN_FACTOR:g} and below 1, and is {rule.factor:g}"
    elif rule.factor is not None:
        return f"a {rule.action} has no factor"
    if rule.action != "pin":
        return None if rule.position is None else f"a {rule.action} has no position"
    return _problem_of_pin(rule)


def _problem_of_pin(rule: OperatorRule) -> str | None:
    if rule.match != ItemMatch(rule.match.items):
        return "a pin names items: which of a genre, type or attribute is best is the ranker's to say, with a boost"
    count, first = len(rule.match.items), rule.position
    if count > MAX_PINS or len(set(rule.match.items)) < count:
        return f"a pin names 1-{MAX_PINS} different items, and this one {count}"
    if first is None:
        return "a pin needs a position"
    if not 1 <= first <= LAST_PIN - count + 1:
        return f"position of a pin of {count} must be 1-{LAST_PIN - count + 1}, and is {first}"
    return None


def _problem_of_scope(rule: OperatorRule) -> str | None:
    for country in rule.countries:
        if not (country.isascii() and country.isalpha() and country.isupper()):
            return f"countries names {country!r}: two upper-case letters are expected"
    for device in rule.devices:
        if not 1 <= len(device) <= 32 or device != device.lower():
            return f"devices names {device[:100]!r}: 1-32 characters in lower case are expected"
    if rule.action == "block":
        if rule.devices:
            return "a block by device is not supported: it holds on every route, and most know no device"
        if rule.lists != "all":
            return "a block holds on every list; what only some lists are to show less is a bury"
    elif rule.devices and rule.lists != "personal":
        return "a rule by device is supported for personal lists only: lists of everybody know no device"
    return None
