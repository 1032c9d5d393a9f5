"""Of several facts of one item: whoever the strictest allow, all allow."""

from __future__ import annotations

from random import Random

from serving.eligibility import ViewingLimits, code, facts_of, strictest
from serving.item_card import NOBODYS

COUNTRIES, LANGUAGES, GENRES = ("DE", "FR", "US"), ("de", "en", "fr"), ("Drama", "Horror", "War")


def any_facts(random: Random) -> bytes:
    def some(names: tuple[str, ...]) -> list[str]:
        return random.sample(names, random.choice((0, 0, 1, 2)))

    age, from_ms, until_ms = random.choice((0, 12, 16, 18)), random.choice((0, 5)), random.choice((7, 2**62))
    return facts_of(age, some(GENRES), some(COUNTRIES), some(LANGUAGES), from_ms, until_ms)


def any_limits(random: Random) -> ViewingLimits:
    countries = tuple(random.sample(COUNTRIES, random.choice((0, 1, 1, 2))))
    unwanted = frozenset(map(code, random.sample(GENRES, random.choice((0, 0, 1)))))
    return ViewingLimits(random.choice((0, 12, 16, 18)), countries, code(random.choice(LANGUAGES)), unwanted)


def test_they_allow_exactly_whom_all_allow() -> None:
    random, allowed = Random(7), 0
    for _ in range(20_000):
        said = [any_facts(random) for _ in range(random.choice((1, 2, 3)))]
        limits, now_ms = any_limits(random), random.choice((4, 6, 8))
        expected = all(limits.allow(facts, now_ms) for facts in said)
        assert limits.allow(strictest(*said), now_ms) == expected, (said, strictest(*said))
        allowed += expected
    assert allowed > 1000


def test_who_may_be_shown_to_nobody_stays_so() -> None:
    assert strictest(facts_of(0), NOBODYS) == strictest(NOBODYS) == NOBODYS
    assert strictest(facts_of(16, ("War",))) == facts_of(16, ("War",))
