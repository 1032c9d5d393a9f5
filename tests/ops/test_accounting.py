"""The one sum: rows, and what those of purged users had counted."""

import pytest

from ops.accounting import account_of
from tables.partition_row import PartitionRow
from tables.user_row import UserRow

USERS = [UserRow(folded=5, duplicates=1), UserRow(folded=2)]


@pytest.mark.parametrize(("left", "folded", "duplicates"), [(2, 0, 0), (1, 2, 0), (0, 7, 1)])
def test_purging_a_row_changes_no_sum(left: int, folded: int, duplicates: int) -> None:
    partitions = [
        PartitionRow(erased=3),
        PartitionRow(erased=1, purged_folded=folded, purged_duplicates=duplicates),
    ]
    account = account_of(USERS[:left], partitions, published=14, dead_letters=2)
    assert (account.folded, account.duplicates, account.erased, account.unaccounted) == (7, 1, 4, 0)
    assert (account.users, account.purged) == (left, folded + duplicates)
