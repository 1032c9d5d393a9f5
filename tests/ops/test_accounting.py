"""The one sum: rows, and what those of purged users had counted."""

import pytest

from ops.accounting import OtherLog, account_of
from tables.partition_row import PartitionRow
from tables.user_row import UserRow

USERS = [UserRow(folded=5, duplicates=1), UserRow(folded=2)]


@pytest.mark.parametrize(("left", "folded", "duplicates"), [(2, 0, 0), (1, 2, 0), (0, 7, 1)])
def test_purging_a_row_changes_no_sum(left: int, folded: int, duplicates: int) -> None:
    partitions = {
        0: PartitionRow(erased=3, late=2),
        1: PartitionRow(erased=1, late=1, purged_folded=folded, purged_duplicates=duplicates),
    }
    account = account_of({1: USERS[:left]}, partitions, published={0: 4, 1: 10}, dead_letters={0: 1, 1: 1})
    assert (account.folded, account.duplicates, account.erased, account.unaccounted) == (7, 1, 4, 0)
    assert (account.users, account.purged, account.late) == (left, folded + duplicates, 3)
    assert account.unaccounted_by_partition == {}


@pytest.mark.parametrize(
    ("published", "unaccounted", "by_partition"),
    [
        ({0: 6, 1: 2}, 0, {}),
        ({0: 7, 1: 2}, 1, {0: 1}),
        ({0: 5, 1: 2}, -1, {0: -1}),
        ({0: 7, 1: 1}, 2, {0: 1, 1: -1}),  # one lost here and one counted twice there are two that are wrong
    ],
)
def test_partitions_do_not_make_up_for_each_other(
    published: dict[int, int], unaccounted: int, by_partition: dict[int, int]
) -> None:
    account = account_of({0: USERS[:1], 1: USERS[1:]}, {}, published, {})
    assert (account.unaccounted, account.unaccounted_by_partition) == (unaccounted, by_partition)


def test_what_was_folded_of_another_generation_makes_up_for_nothing() -> None:
    other = OtherLog("made again", gone=5, not_folded=6)
    account = account_of({0: USERS[:1], 1: USERS[1:]}, {}, {0: 6, 1: 2}, {}, {0: other})
    assert (account.unaccounted, account.unaccounted_by_partition) == (6, {0: 6})
    assert account.as_dict()["other_logs"] == {"0": {"why": "made again", "gone": 5, "not_folded": 6}}
