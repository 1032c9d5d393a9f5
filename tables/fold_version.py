"""The numbers of the folds: two workers with equal numbers and settings write the same rows of the same log.

A change that makes any fold write other bytes (rows, deltas, which events are refused) raises its number, whatever file
it is in; a change that makes none does not. `tests/invariants/test_fold_version.py` folds a log of everything and knows
what each number gave. Which lists are made of the rows is no part of it.
"""

from typing import Final

#: Rows of users, the signals that they give, and the records of `item.deltas` that carry those: everything from the
#: bytes of an event on.
FOLD_VERSION: Final = 6
#: Rows of items, from a decoded record of `item.deltas` on.
ITEM_FOLD_VERSION: Final = 5
