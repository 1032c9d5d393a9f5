"""Items are blocked when the catalogue takes them back, and come back when it lists them again."""

from small_world import NOW_MS, SmallWorld, owners

from agents.lists.withdrawn import COMPARE_EVERY, Withdrawn
from serving.keys import Keys
from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from tables.item_deltas import item_partition

PARTITIONS = 4
ALL = owners(range(PARTITIONS))


class Writer:
    """The blocked items and their stamp, as Redis keeps them."""

    def __init__(self) -> None:
        self.blocked: set[str] = set()
        self.stamp: int | None = None
        self.compared = 0

    async def read(self, key: str) -> bytes | None:
        return None if self.stamp is None else b"%d" % self.stamp

    async def blocked_items(self) -> set[str]:
        self.compared += 1
        return set(self.blocked)

    async def change_blocked(self, owner: PartitionOwner, block: set[str], unblock: set[str]) -> bool:
        self.blocked = (self.blocked | block) - unblock
        self.stamp = (self.stamp or 0) + 1
        return True


def withdrawn_of(world: SmallWorld, writer: Writer) -> Withdrawn:
    return Withdrawn(world.model, writer, Keys("t"), PARTITIONS)  # type: ignore[arg-type]


def world_of_items() -> SmallWorld:
    world = SmallWorld()
    world.lists(CatalogItem("a"), CatalogItem("b", available_until_ms=NOW_MS + 5), CatalogItem("c"))
    world.sends("u", ["a", "b", "c"])
    world.publish()
    return world


async def test_items_are_blocked_at_once_and_come_back() -> None:
    world, writer = world_of_items(), Writer()
    withdrawn = withdrawn_of(world, writer)
    await withdrawn.write(ALL, NOW_MS)
    assert (writer.blocked, writer.stamp) == (set(), None)
    world.model.apply_catalog("a", None)
    await withdrawn.write(ALL, NOW_MS)
    assert writer.blocked == {"a"}
    await withdrawn.write(ALL, NOW_MS + 5)
    assert writer.blocked == {"a", "b"}
    world.lists(CatalogItem("a"))
    await withdrawn.write(ALL, NOW_MS + 5)
    assert writer.blocked == {"b"}


async def test_only_the_owner_of_an_item_changes_it() -> None:
    world, writer = world_of_items(), Writer()
    mine = item_partition("a", PARTITIONS)
    withdrawn = withdrawn_of(world, writer)
    world.model.apply_catalog("a", None)
    await withdrawn.write(owners(set(range(PARTITIONS)) - {mine}), NOW_MS)
    assert writer.blocked == set()
    await withdrawn.write(owners([mine]), NOW_MS)
    assert writer.blocked == {"a"}


async def test_a_process_that_never_heard_of_the_withdrawal_leaves_it_blocked_and_lists_it_nowhere() -> None:
    writer = Writer()
    writer.blocked = {"a", "gone"}
    later = SmallWorld()  # the removal of "a" was compacted away; its events are still in the model
    later.sends("u", ["a", "b"])
    later.publish()
    later.model.apply_catalog("c", CatalogItem("c"))
    await withdrawn_of(later, writer).write(ALL, NOW_MS)
    assert writer.blocked == {"a", "gone"}  # and not "b", which no list shows
    later.model.refresh_priors(NOW_MS)
    listed, _ = later.model.popular(NOW_MS, 10)
    assert [later.model.ids[index] for index in listed] == ["c"]


async def test_nothing_is_compared_while_nothing_changes_and_a_wipe_is_noticed() -> None:
    world, writer = world_of_items(), Writer()
    world.model.apply_catalog("a", None)
    withdrawn = withdrawn_of(world, writer)
    for _ in range(COMPARE_EVERY):
        await withdrawn.write(ALL, NOW_MS)
    assert writer.compared == 1
    await withdrawn.write(ALL, NOW_MS)
    assert writer.compared == 2
    writer.blocked, writer.stamp = set(), None
    await withdrawn.write(ALL, NOW_MS)
    assert writer.blocked == {"a"}
