"""The walks over lists: each is looked at in turn, in bounded steps, whatever goes and comes meanwhile."""

from collections.abc import Mapping, Sequence

import numpy as np

from agents.lists.list_basis import NOTHING, ListBasis
from agents.lists.list_maintenance import ListMaintenance, MaintenanceBudgets, WrittenList
from agents.lists.rate_budget import RateBudget

OLD, NEW = NOTHING, NOTHING._replace(visits=1.0)


class Maker:
    """Finds lists outdated that were made with something else."""

    def __init__(self, basis: ListBasis) -> None:
        self.basis = basis
        self.looked = 0

    def outdated(self, lists: Sequence[tuple[ListBasis, int]]) -> list[bool]:
        self.looked += len(lists)
        return [basis != self.basis for basis, _ in lists]


class Store:
    def __init__(self, lost: set[str]) -> None:
        self.lost = lost
        self.asked: list[str] = []

    async def incomplete(self, keys_of: Mapping[str, int]) -> list[str]:
        self.asked += keys_of
        return [user_id for user_id in keys_of if user_id in self.lost]


def shown(users: int, basis: ListBasis = OLD) -> dict[str, WrittenList]:
    return {f"u{n}": WrittenList(np.zeros(0, np.int32), 0, 0, basis, 4) for n in range(users)}


def maintenance(**per_s: float) -> ListMaintenance:
    made = ListMaintenance(0, MaintenanceBudgets(**{name: RateBudget(value) for name, value in per_s.items()}))
    made.outdated({}, Maker(OLD), 0)  # type: ignore[arg-type]  # the clock starts
    return made


def test_every_outdated_list_is_found_once_in_bounded_steps() -> None:
    lists, maker, walk = shown(100), Maker(NEW), maintenance(remade=10, compared=1_000)
    found: list[str] = []
    for second in range(1, 40):
        step = walk.outdated(lists, maker, second * 1_000)  # type: ignore[arg-type]
        assert len(step) <= 10
        found += step
        lists |= {user_id: lists[user_id]._replace(basis=NEW) for user_id in step}
    assert sorted(found) == sorted(shown(100))
    assert walk.remade == 100


def test_no_more_are_compared_than_may_be_and_none_twice_in_a_step() -> None:
    maker, walk = Maker(OLD), maintenance(remade=10, compared=30)
    for second in range(1, 11):
        assert walk.outdated(shown(100), maker, second * 1_000) == []  # type: ignore[arg-type]
    assert maker.looked == 300
    few = Maker(OLD)
    walk.outdated(shown(5), few, 11_000)  # type: ignore[arg-type]
    assert few.looked <= 5


def test_who_is_gone_is_passed_over_and_who_came_is_met() -> None:
    maker, walk = Maker(NEW), maintenance(remade=100, compared=3)
    assert len(walk.outdated(shown(9), maker, 1_000)) == 3  # type: ignore[arg-type]
    left = shown(2) | {"late": shown(1)["u0"]}
    found = [user for second in range(2, 12) for user in walk.outdated(left, maker, second * 1_000)]  # type: ignore[arg-type]
    assert set(found) == set(left)


async def test_whoever_lost_a_key_is_found_and_everybody_is_asked_about_in_turn() -> None:
    store, walk = Store({"u3", "u77"}), maintenance(audited=25)
    found: list[str] = []
    await walk.incomplete(shown(100), store, 0)
    for second in range(1, 5):
        found += await walk.incomplete(shown(100), store, second * 1_000)
    assert sorted(store.asked) == sorted(shown(100))
    assert sorted(found) == ["u3", "u77"]
    assert walk.lost == 2
