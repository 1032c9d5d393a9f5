"""Looks for ids of users in records of unknown form, and says of whom a record may be.

A record that could not be used is not always about whom its `user_id` names: that may be in a list, in an envelope, be
called `userId`, be escaped, encoded or cut off. So its bytes are searched in every form that they can be read as
(`streams.contract.readable_forms`). An id counts where it stands by itself: no ASCII letter or digit touches it. Ids of
others that the record names are taken out first, so that `u1` is not found in `u1-7`.

Some things are decided by whom the record names, because bytes cannot: an id that is a number is not found in the
rating or the timestamp of an event that names its user; and only a record that names nobody is suspected when it cannot
be read, was cut off where an id may begin, or has a long id within a word.
"""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import orjson

from streams.contract.erasure import users_named
from streams.contract.events import WireInteraction
from streams.contract.readable_forms import Forms, forms_of

#: An id of so many characters is hardly ever part of another word by chance.
_TELLING_CHARS: Final = 6
#: So many ids are tried one by one.
_FEW: Final = 8
_WORDS: Final = re.compile(r"[A-Za-z0-9]+")
_WORD: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_HALF_ESCAPE: Final = re.compile(r"(?:\\u?[0-9a-fA-F]{0,3}|%[0-9a-fA-F]?)\Z")
_USER_FIELD: Final = "user_id"
_OTHER_FIELDS: Final = frozenset(WireInteraction.__struct_fields__) - {_USER_FIELD}


class Ids:
    """A set of ids in which those that occur in a text are found without trying each."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._by_form: dict[str, str] = {}  # the id by its normal form
        self._by_head: defaultdict[str, set[str]] = defaultdict(set)  # those long enough to be told by themselves
        self._odd: set[str] = set()  # forms that begin or end with something else than an ASCII letter or digit
        self._longest = 0
        self._sorted: list[str] | None = None
        for user_id in ids:
            self.add(user_id)

    def __bool__(self) -> bool:
        return bool(self._by_form)

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_form.values())

    def add(self, user_id: str) -> None:
        """Adds one."""
        form = _normal(user_id)
        self._by_form[form] = user_id
        self._longest = max(self._longest, len(form))
        self._sorted = None
        if len(form) >= _TELLING_CHARS:
            self._by_head[form[:_TELLING_CHARS]].add(form)
        if not (form[:1] in _WORD and form[-1:] in _WORD):
            self._odd.add(form)

    def discard(self, user_id: str) -> None:
        """Takes one out, if it is in."""
        form = _normal(user_id)
        self._by_form.pop(form, None)
        self._odd.discard(form)
        self._by_head[form[:_TELLING_CHARS]].discard(form)
        self._sorted = None

    def standing_in(self, text: str) -> set[str]:
        """Those that stand by themselves in a text of form NFKC."""
        if len(self._by_form) <= _FEW:
            return {user_id for form, user_id in self._by_form.items() if _stands_in(text, form)}
        found = {form for form in self._odd if _stands_in(text, form)}
        # The others begin where a word begins and end where one ends.
        words = [match.span() for match in _WORDS.finditer(text)]
        for number, (start, _) in enumerate(words):
            last = number
            while last < len(words) and words[last][1] - start <= self._longest:
                if text[start : words[last][1]] in self._by_form:
                    found.add(text[start : words[last][1]])
                last += 1
        return {self._by_form[form] for form in found}

    def anywhere_in(self, text: str) -> set[str]:
        """Those of some length that occur in a text of form NFKC, whatever touches them."""
        heads = self._by_head
        starts = {text[place : place + _TELLING_CHARS] for place in range(len(text) - _TELLING_CHARS + 1)}
        return {self._by_form[form] for head in starts.intersection(heads) for form in heads[head] if form in text}

    def begin_at_end_of(self, text: str) -> set[str]:
        """Those that may begin where a text was cut off."""
        if self._sorted is None:
            self._sorted = sorted(self._by_form)
        cut = _HALF_ESCAPE.sub("", text)
        found: set[str] = set()
        if cut != text:  # nobody knows with which letter
            found.update(form for form in self._sorted if not _touches(cut, len(cut), form))
        for length in range(1, min(self._longest, len(cut) + 1)):
            tail = cut[len(cut) - length :]
            for form in islice(self._sorted, bisect_left(self._sorted, tail), None):
                if not form.startswith(tail):
                    break
                if form != tail and not _touches(cut, len(cut) - length, form):
                    found.add(form)
        return {self._by_form[form] for form in found}


@dataclass(frozen=True)
class Suspects:
    """`named` are ids that a record names; `possible` those of which that cannot be ruled out."""

    named: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()

    @property
    def all(self) -> frozenset[str]:
        """Both."""
        return self.named | self.possible


def suspects(
    ids: Ids,
    key: bytes | None,
    value: bytes | None,
    others: Sequence[bytes] = (),
    *,
    is_cut: bool = False,
) -> Suspects:
    """Whom of `ids` a record of interactions is or may be about. `others` is what else it holds (headers); `is_cut`
    says that the value is only the beginning of what was sent.

    >>> values = b'[{"userId": "\\\\u007517"}]', b"user=u%31%37&x", b'{"user_id": "u1', b'{"a": "u170"}'
    >>> [sorted(suspects(Ids(["u17"]), None, value).all) for value in values]
    [['u17'], ['u17'], ['u17'], []]
    """
    owners = frozenset(filter(_is_plausible, users_named(key, value)))
    read = [forms_of(part) for part in (key, value, *others) if part]
    parsed = _parsed(value)
    named, numbers = set(owners.intersection(ids)), Ids()
    rest = owners.difference(named)
    for user_id in _found(ids, read, rest):
        if rest and user_id.isdecimal():
            numbers.add(user_id)
        else:
            named.add(user_id)
    if numbers:
        named |= _standing_as_ids(numbers, parsed) | _found(numbers, [forms_of(part) for part in others], rest)
    if rest or named:
        return Suspects(frozenset(named))
    possible = set() if all(forms.is_complete for forms in read) else set(ids)
    for forms in read:
        possible.update(*map(ids.anywhere_in, forms.texts))
    if value and (is_cut or parsed is None):
        for text in forms_of(value).texts:
            possible |= ids.begin_at_end_of(text)
    return Suspects(frozenset(named), frozenset(possible))


def _found(ids: Ids, read: Iterable[Forms], others: Collection[str]) -> set[str]:
    taken = sorted(map(_normal, others), key=len, reverse=True)
    return {
        user_id
        for forms in read
        for text in forms.texts
        for user_id in ids.standing_in(text)
        if _stands_in(_without(text, [other for other in taken if _normal(user_id) in other]), _normal(user_id))
    }


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        text = text.replace(name, "\0")
    return text


def _standing_as_ids(numbers: Ids, parsed: Any) -> set[str]:
    """Which numbers are the whole of something that may name a user: not a field that holds something else."""
    leaves = {form.strip() for text in _leaves(parsed, "") for form in forms_of(text.encode("utf-8", "replace")).texts}
    return leaves.intersection(numbers)


def _leaves(node: Any, field: str) -> Iterator[str]:
    if isinstance(node, Mapping):
        for name, child in node.items():
            yield from _leaves(child, name)
    elif isinstance(node, list):
        for child in node:
            yield from _leaves(child, field)
    elif node is not None and field not in _OTHER_FIELDS:
        yield str(node)


def _parsed(value: bytes | None) -> Any:
    try:
        return orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _is_plausible(name: str) -> bool:
    return bool(name) and len(name) <= 128 and name.isprintable() and "�" not in name


def _stands_in(text: str, name: str) -> bool:
    place = text.find(name)
    while place >= 0:
        if not _touches(text, place, name) and not _touches_after(text, place + len(name), name):
            return True
        place = text.find(name, place + 1)
    return False


def _touches(text: str, place: int, name: str) -> bool:
    return place > 0 and text[place - 1] in _WORD and name[:1] in _WORD


def _touches_after(text: str, end: int, name: str) -> bool:
    return end < len(text) and text[end] in _WORD and name[-1:] in _WORD
