"""New items: what is hidden, who is evaluated, and what a ranker is asked."""

from collections.abc import Sequence

import pytest
from evaluators import new_items
from evaluators.new_item_rankers import Chance, ContentCosine, FreshetOnNewItems
from evaluators.new_items import NewItemSplit, evaluate_new_items
from made_up_log import log

from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction

USERS = [chr(number) for number in range(ord("A"), ord("A") + 24)]
EVENTS = log([f"{user}{item}" for user in USERS for item in "abcdefghijklmnopqrstuvwxy"])
CATALOG = {item: CatalogItem(item, genres=("Drama" if item < "m" else "War",)) for item in "abcdefghijklmnopqrstuvwxy"}


class Told:
    """Ranks as it is given, and notes what it hears."""

    def __init__(self) -> None:
        self.learned: list[Interaction] = []
        self.described: list[str] = []
        self.asked: list[Sequence[str]] = []

    def learn(self, event: Interaction) -> None:
        self.learned.append(event)

    def describe(self, items: Sequence[CatalogItem]) -> None:
        self.described += [item.item_id for item in items]

    def rank(self, user_id: str, now_ms: int, items: Sequence[str]) -> list[str]:
        self.asked.append(items)
        return list(items)


def test_new_items_are_hidden_from_what_is_learned() -> None:
    split = NewItemSplit.of(EVENTS, known=0, seed=1)
    assert len(split.new) == 5  # a fifth of 25
    assert not {event.item_id for event in split.train} & set(split.new)
    assert list(split.wanted) == USERS
    assert all(wanted == set(split.new) for wanted in split.wanted.values())
    assert split == NewItemSplit.of(EVENTS, known=0, seed=1)


def test_the_first_users_of_new_items_are_learned() -> None:
    split = NewItemSplit.of(EVENTS, known=3, seed=1)
    learned = [event for event in split.train if event.item_id in split.new]
    assert {event.user_id for event in learned} == set(USERS[:3])
    assert list(split.wanted) == USERS[3:]


def test_a_user_with_few_new_items_is_not_evaluated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(new_items, "LEAST_ITEMS_OF_USER", 6)
    assert NewItemSplit.of(EVENTS, known=0, seed=1).wanted == {}


def test_what_a_ranker_hears_and_what_it_is_worth() -> None:
    split, told = NewItemSplit.of(EVENTS, known=0, seed=1), Told()
    found = evaluate_new_items(split, CATALOG, told, seed=1)
    assert told.learned == split.train
    assert told.described == split.new
    assert told.asked == [split.new] * len(USERS)
    assert found == {"precision_at_10": 0.5, "ci95": (0.5, 0.5)}  # all five of everybody's ten


def test_what_was_met_is_not_asked() -> None:
    split = NewItemSplit.of(EVENTS[: len(EVENTS) // 2] + EVENTS[len(EVENTS) // 2 :], known=3, seed=1)
    split = NewItemSplit(split.train, split.new, {"A": frozenset(split.new[1:])}, {"A": frozenset(split.new[:1])}, 0)
    told = Told()
    evaluate_new_items(split, CATALOG, told, seed=1)
    assert told.asked == [split.new[1:]]


def test_likeness_of_descriptions() -> None:
    ranker = ContentCosine(CATALOG)
    for event in log(["ua", "ub", "uc"]):
        ranker.learn(event)
    assert ranker.rank("u", 0, ["x", "d", "y", "e", "unknown"])[:2] == ["d", "e"]
    assert ranker.rank("nobody", 0, ["x", "d"]) == ["x", "d"]


def test_chance_is_seeded() -> None:
    orders = [Chance(3).rank("u", 0, list("abcdefgh")) for _ in range(2)]
    assert orders[0] == orders[1] != list("abcdefgh")


def test_freshet_ranks_what_is_only_in_the_catalogue() -> None:
    split = NewItemSplit.of(EVENTS, known=0, seed=1)
    freshet = FreshetOnNewItems(CATALOG)
    for event in split.train:
        freshet.learn(event)
    freshet.describe([CATALOG[item] for item in split.new])
    assert sorted(freshet.rank("A", split.now_ms, split.new)) == split.new
