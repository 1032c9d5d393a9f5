"""What the items of one partition learn of each other: its owner's side of `tables.associations`."""

from collections.abc import MutableMapping
from typing import Final

import numpy as np

from tables import associations, item_rows, learned
from tables.associations import Associations
from tables.checkpoints import Checkpoints
from tables.columns import grown
from tables.former_rows import SUCCESSORS, VISITS, FormerRow, former_rows
from tables.item_deltas import Deltas
from tables.item_keys import ItemKeys, Numbers
from tables.learned import Learned, Waiting, size_of

#: Elements of contexts and groups in a record: about 3 bytes each, 11 where no item comes twice.
RECORD_ELEMENTS: Final = 24_000
_FIRST_ROWS = 64
_WIDEST_ROW_BYTES = 12 * (
    associations.NEIGHBOUR_SHARDS * associations.SHARD_NEIGHBOURS
    + associations.SUCCESSOR_SHARDS * associations.SHARD_SUCCESSORS
)

Changes = list[tuple[bytes, bytes | None]]


class ItemLearning:
    """Rows of the items that the partition owns, over a `store` of raw rows. Whoever owns an item has its id; of all
    others the key is enough."""

    def __init__(self, store: MutableMapping[bytes, bytes]) -> None:
        self._keys = ItemKeys()
        self._row_of = np.full(_FIRST_ROWS, -1, np.int32)  # by number of the item
        self._number_of: list[int] = []
        self._associations = Associations()
        self._checkpoints = Checkpoints()
        self._grow(_FIRST_ROWS)
        self._waiting = Waiting()
        self._records: list[tuple[int, bytes]] = []  # not published yet
        self._born: list[int] = []  # rows that were never written: nobody else knows whose they are
        self._number = 0
        self._restore(store)

    # -- learning --------------------------------------------------------------------------------------------------

    def numbers(self, deltas: Deltas) -> Numbers:
        """int32[strings]: the number of every item that a record is about. Raises `KeyTaken`."""
        numbers = np.full(len(deltas.strings), -1, np.int32)
        used = np.zeros(len(deltas.strings), np.bool_)
        for column in (deltas.items, deltas.context, deltas.group_items, deltas.others):
            used[column] = True
        places = np.flatnonzero(used)
        strings = deltas.strings
        numbers[places] = self._keys.numbers_of_ids([strings[place] for place in places.tolist()])
        return numbers

    def learn(self, deltas: Deltas, numbers: Numbers) -> None:
        """Take in a record; rows show it with the next `take_changes`."""
        if not (size_of(deltas) or any(deltas.learns)):
            return
        if self._waiting and self._waiting.size + size_of(deltas) > RECORD_ELEMENTS:
            self._close_record()
        self._waiting.add(deltas, numbers)

    def _close_record(self) -> None:
        self._number += 1
        record = self._waiting.take(self._number, self._keys.keys[: len(self._keys)])
        self._records.append((self._number, learned.encode(record)))
        self._add(record)

    def _add(self, record: Learned) -> None:
        numbers = self._keys.numbers(record.keys)
        self._make_room()
        rows = np.where(record.owned(), self._row_of[numbers], np.int32(-1))
        for place in np.flatnonzero(record.owned() & (rows < 0)).tolist():
            if self._keys.ids[numbers[place]]:  # else its row was no row and is not restored
                rows[place] = self._new_row(int(numbers[place]))
        changed = self._associations.learn(record, self._keys.keys, numbers, rows)
        self._checkpoints.changed(changed, record.number)

    def _make_room(self) -> None:
        if len(self._keys.keys) > len(self._row_of):
            self._row_of = grown(self._row_of, len(self._keys.keys), -1)

    def _new_row(self, number: int) -> int:
        row = len(self._number_of)
        if row == len(self._associations.visits):
            self._grow(int(row * 1.5))
        self._number_of.append(number)
        self._row_of[number] = row
        self._born.append(row)
        return row

    def _grow(self, rows: int) -> None:
        self._associations.grow(rows)
        self._checkpoints.grow(rows)

    # -- publishing ------------------------------------------------------------------------------------------------

    def take_changes(self, *, whole: bool = False) -> Changes:
        """Rows to write since the last call; `whole`: all that changed instead of some, and no records besides. So it
        is done, too, when they are smaller than the records."""
        if self._waiting:
            self._close_record()
        records, self._records = self._records, []
        size_bytes = sum(len(value) for _, value in records)
        changes: Changes = []
        if whole or size_bytes > len(self._checkpoints) * _WIDEST_ROW_BYTES:
            changes += [self._written(row) for row in self._checkpoints.all_rows()]
        else:
            for number, value in records:
                changes.append((item_rows.learned_key(number), value))
                self._checkpoints.published(number, len(value))
            changes += [self._written(row) for row in self._born]
            while (row := self._checkpoints.next_row()) is not None:
                changes.append(self._written(row))
        self._born = []
        changes += [(item_rows.learned_key(number), None) for number in self._checkpoints.take_outdated()]
        return changes

    def _written(self, row: int) -> tuple[bytes, bytes]:
        item_id = self._keys.ids[self._number_of[row]]
        key, value = item_rows.associations_key(item_id), self._associations.row(row, self._keys.keys)
        self._checkpoints.written(row, len(key) + len(value))
        return key, value

    # -- restoring -------------------------------------------------------------------------------------------------

    def _restore(self, store: MutableMapping[bytes, bytes]) -> None:
        records = []
        for key, value in store.items():
            if key[:1] == item_rows.ASSOCIATIONS:
                self._restore_row(key[1:].decode(), value)
            elif key[:1] == item_rows.LEARNED:
                records.append((item_rows.number_of(key), value))
        for number, value in sorted(records):
            self._checkpoints.published(number, 0)
            self._add(learned.decode(value))
            self._number = number
        self._born = []
        for former in former_rows(store):
            self._restore_former(former)

    def _restore_row(self, item_id: str, value: bytes) -> None:
        stored = associations.decode(value)
        number = self._keys.number(item_id)
        numbers = self._keys.numbers(stored.keys)
        self._make_room()
        self._associations.put(self._new_row(number), stored, numbers)
        self._number = max(self._number, stored.number)

    def _restore_former(self, former: FormerRow) -> None:
        """Takes over what a former release kept; the rows are written with the next publication."""
        number = self._keys.number(former.item_id)
        numbers = np.array([self._keys.number(item_id) for item_id in former.items], np.int32)
        self._make_room()
        row = int(self._row_of[number])
        if row < 0:
            row = self._new_row(number)
        if former.kind == VISITS:
            self._associations.visits[row] = former.visits
            return
        columns = self._associations.successors if former.kind == SUCCESSORS else self._associations.neighbours
        columns.add(self._keys.keys, np.full(len(numbers), row, np.int32), numbers, former.weights)
