"""Who may be shown an item: a few bytes on its card, and what one audience may see.

The card of an item (serving/item_card.py) says for which age it is, in which countries and languages, from when until
when, and of which genres, as the catalogue has it now; so any list can be cut down to what a reader may see, also one
that was made for everybody, or for the same reader when they were allowed more, or before the item was restricted.

Facts of one item are ASCII words with a space between, the last empty ones left out:

    AGE GENRES COUNTRIES LANGUAGES FROM_MS UNTIL_MS
    b"16 Ab3dXy_9"          from 16, of two genres, everywhere, at any time
    b"0  DEAT  0 1767225600000"

Countries are two letters each; a genre or language is four characters each, a hash, because a name may hold anything.
Two names with one hash are taken for one, which hides too much and never too little (1 pair in 16 million).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection, Iterable
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from streams.contract.catalog import maturity_age, primary_language
from streams.contract.unreadable import ANY_GENRE

CODE_BYTES: Final = 4
_COUNTRY_BYTES: Final = 2
_HASH_BYTES: Final = 3
OLDEST: Final = maturity_age("18")
ALWAYS_MS: Final = 2**62
MAX_VERDICTS: Final = 4096
_WORDS_BEFORE_TIMES: Final = 3
_WORDS_WITH_TIMES: Final = 6
_ALWAYS: Final = (-(2**63), 2**63)
_NEVER: Final = (0, 0)


@lru_cache(maxsize=65_536)
def code(name: str) -> bytes:
    """The four characters that stand for a genre or language.

    >>> code("Drama"), len(code(""))
    (b'r39A', 4)
    """
    return urlsafe_b64encode(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest())


#: Stands for every genre in what an audience does not want.
ANY_CODE: Final = code(ANY_GENRE)


def facts_of(
    age: int,
    genres: Iterable[str] = (),
    countries: Collection[str] = (),
    languages: Collection[str] = (),
    from_ms: int = 0,
    until_ms: int = ALWAYS_MS,
) -> bytes:
    """The facts of one item. No countries or languages = all; `languages` are primary ones (`de`, not `de-AT`).

    >>> facts_of(12), facts_of(0, countries=("DE", "AT"), until_ms=5)
    (b'12', b'0  ATDE  0 5')
    """
    bounded = from_ms > 0 or until_ms < ALWAYS_MS
    words = (
        b"%d" % age,
        b"".join(map(code, genres)),
        "".join(sorted(countries)).encode(),
        b"".join(map(code, sorted(languages))),
        *((b"%d" % max(0, from_ms), b"%d" % until_ms) if bounded else ()),
    )
    return b" ".join(words).rstrip(b" ")


def age_of(facts: bytes) -> int:
    """For which age the item is; of unknown facts the highest."""
    age = facts.partition(b" ")[0]
    return int(age) if age.isdigit() else OLDEST


def changes_ms(facts: bytes, now_ms: int) -> int:
    """The next moment at which the item begins or ends to be available; ALWAYS_MS = it never does.

    >>> facts = facts_of(0, from_ms=5, until_ms=9)
    >>> changes_ms(facts, 4), changes_ms(facts, 5), changes_ms(facts, 9) == changes_ms(b"16", 0) == ALWAYS_MS
    (5, 9, True)
    """
    times = map(int, facts.split(b" ")[_WORDS_BEFORE_TIMES + 1 :])
    return min((at_ms for at_ms in times if at_ms > now_ms), default=ALWAYS_MS)


def is_bounded(facts: bytes) -> bool:
    """Whether the item is available for some time only.

    >>> is_bounded(facts_of(0, until_ms=5)), is_bounded(b"16")
    (True, False)
    """
    return facts.count(b" ") > _WORDS_BEFORE_TIMES


@lru_cache(maxsize=65_536)
def strictest(*said: bytes) -> bytes:
    """Facts of an item of which several are said: whoever these allow, all of them allow. Nobody, where no facts are
    among them, and where they have no country or no language in common.

    >>> strictest(b"12", b"16 Ab3d"), strictest(b"0  ATDE  5 9", b"0  DE  7 10"), strictest(b"0  DE", b"0  FR")
    (b'16 Ab3d', b'0  DE  7 9', b'')
    """
    words = [(facts.split(b" ") + [b""] * _WORDS_WITH_TIMES)[:_WORDS_WITH_TIMES] for facts in said]
    ages, genres, countries, languages, starts, ends = zip(*words, strict=True)
    in_countries, in_languages = (
        _common(_codes(word, _COUNTRY_BYTES) for word in countries),
        _common(map(_codes, languages)),
    )
    if not all(map(bytes.isdigit, ages)) or b"" in (in_countries, in_languages):
        return b""
    bounded = any(ends)
    times = (
        b"%d" % max(int(start or 0) for start in starts),
        b"%d" % min(int(end or ALWAYS_MS) for end in ends),
    )
    all_genres = b"".join(dict.fromkeys(genre for word in genres for genre in _codes(word)))
    said_last = (in_countries or b"", in_languages or b"", *(times if bounded else ()))
    return b" ".join((b"%d" % max(map(int, ages)), all_genres, *said_last)).rstrip(b" ")


def _common(sets: Iterable[Collection[bytes]]) -> bytes | None:
    """What all of them have that are not empty, joined; None when all are empty."""
    restricting = [set(found) for found in sets if found]
    return b"".join(sorted(set.intersection(*restricting))) if restricting else None


@lru_cache(maxsize=8192)
def narrowed(limits: ViewingLimits, age: int, country: str) -> ViewingLimits:
    """The limits for a reader who is `age` at most and is in `country` ("" = not said).

    >>> (limits := narrowed(ViewingLimits(16, ("DE",)), 12, "FR")).age, limits.countries
    (12, ('DE', 'FR'))
    """
    countries = limits.countries if not country or country in limits.countries else (*limits.countries, country)
    if age >= limits.age and countries == limits.countries:
        return limits
    return ViewingLimits(min(age, limits.age), countries, limits.language, limits.unwanted)


class ViewingLimits:
    """What one audience may see: items up to `age` years, allowed in all of `countries` (none = not known: only what is
    allowed everywhere), in `language` (a code; b"" = any), and of none of the `unwanted` genres (codes).

    `name` tells one from another. Verdicts on items are remembered: a catalogue has few different facts. `allowed` are
    facts of which it is known that they may be shown at any time.
    """

    __slots__ = ("_verdicts", "age", "allowed", "countries", "language", "name", "unwanted")

    def __init__(
        self,
        age: int,
        countries: tuple[str, ...] = (),
        language: bytes = b"",
        unwanted: frozenset[bytes] = frozenset(),
    ) -> None:
        self.age = age
        self.countries = countries
        self.language = language
        self.unwanted = unwanted
        said = repr((age, countries, language, sorted(unwanted))).encode()
        self.name = blake2b(said, digest_size=8).hexdigest().encode()
        self._verdicts: dict[bytes, tuple[int, int]] = {}
        self.allowed: set[bytes] = set()

    def allow(self, facts: bytes, now_ms: int) -> bool:
        """Whether an item of these facts may be shown at `now_ms`. Without facts it may not.

        >>> young, adult = ViewingLimits(12), ViewingLimits(18)
        >>> young.allow(facts_of(12), 0), young.allow(facts_of(16), 0), adult.allow(b"", 0)
        (True, False, False)
        >>> ViewingLimits(18, ("FR",)).allow(facts_of(0, (), ("DE",)), 0), ViewingLimits(18, ("DE",)).allow(b"0  DE", 0)
        (False, True)
        """
        verdict = self._verdicts.get(facts)
        if verdict is None:
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts.clear()
                self.allowed.clear()
            verdict = self._verdicts[facts] = self._allowed_within(facts)
            if verdict == _ALWAYS:
                self.allowed.add(facts)
        return verdict[0] <= now_ms < verdict[1]

    def _allowed_within(self, facts: bytes) -> tuple[int, int]:
        """From when until when an item of these facts may be shown."""
        words = facts.split(b" ")
        if not words[0].isdigit() or int(words[0]) > self.age:
            return _NEVER
        genres, countries, languages = (words[1:4] + [b""] * 3)[:3]
        if self.unwanted and genres and (ANY_CODE in self.unwanted or not self.unwanted.isdisjoint(_codes(genres))):
            return _NEVER
        if countries and not self._is_open_in(countries):
            return _NEVER
        if languages and self.language and self.language not in _codes(languages):
            return _NEVER
        return (int(words[4]), int(words[5])) if len(words) >= _WORDS_WITH_TIMES else _ALWAYS

    def _is_open_in(self, countries: bytes) -> bool:
        return bool(self.countries) and _countries(countries).issuperset(self.countries)


class AnyLimits(ViewingLimits):
    """Those of somebody of whom nothing is known any more, for a list that was made when it was: everything in its
    time, wherever it may be shown."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(OLDEST)

    def _is_open_in(self, countries: bytes) -> bool:
        return True


def _codes(word: bytes, size: int = CODE_BYTES) -> list[bytes]:
    return [word[start : start + size] for start in range(0, len(word), size)]


def _countries(word: bytes) -> set[str]:
    text = word.decode()
    return {text[start : start + _COUNTRY_BYTES] for start in range(0, len(text), _COUNTRY_BYTES)}


def language_code(language: str | None) -> bytes:
    """The code of what somebody speaks; b"" when it is not known.

    >>> language_code("de-AT") == language_code("DE") == code("de"), language_code(None)
    (True, b'')
    """
    return code(primary_language(language)) if language else b""
