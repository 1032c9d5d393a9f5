"""Which interactions of a log nobody may learn: the protocols that hold out one item of each user.

    leave-one-out   of users with at least three: the last one is the target, the one before it is for tuning
    time-split      of users who come back after a moment: the first one from then on; what follows is not used. Of
                    those who were there lately before it, the last one before it is for tuning

A split is a CSV file of what is held out, user_id,item_id,part; whatever it does not name is learned from. Who gives
the same file evaluates the same targets: where times are equal, which interaction is the last depends on the order of
rows, and in MovieLens 1M that is the case for a quarter of the users.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Self

from streams.contract.events import Interaction

LEAST_EVENTS = 3
#: Users who came behind this part of what is learned are tuned on by a time split.
TUNED_FROM = 0.8
_HEADER = ["user_id", "item_id", "part"]

Pair = tuple[str, str]


class InvalidSplit(ValueError):
    """A file of a split that cannot be read, or that names what is not in the log."""


class Part(StrEnum):
    """What an interaction that is held out is for."""

    TEST = "test"
    VALIDATION = "validation"
    UNUSED = "unused"


@dataclass(frozen=True)
class Split:
    """`parts` by (user, item), in the order of the log."""

    parts: dict[Pair, Part]

    @classmethod
    def leave_one_out(cls, events: Sequence[Interaction]) -> Self:
        """Of everybody with three interactions or more, the last as the target."""
        pairs: defaultdict[str, list[Pair]] = defaultdict(list)
        for event in events:
            pairs[event.user_id].append((event.user_id, event.item_id))
        parts: dict[Pair, Part] = {}
        for own in pairs.values():
            if len(own) >= LEAST_EVENTS:
                parts |= {own[-2]: Part.VALIDATION, own[-1]: Part.TEST}
        return cls(parts)

    @classmethod
    def at_time(cls, events: Sequence[Interaction], start: int) -> Self:
        """Events from the moment of number `start` on are held out; of users with a history the first one is the
        target. What is before is tuned on as `for_tuning` says; behind the log nothing else is held out."""
        start_ms = events[start].timestamp_ms if start < len(events) else 1 << 62
        before = [event for event in events if event.timestamp_ms < start_ms]
        parts = cls.for_tuning(before, int(len(before) * TUNED_FROM)).parts
        known: set[str] = set()
        asked: set[str] = set()
        for event in events:
            if event.timestamp_ms < start_ms:
                known.add(event.user_id)
                continue
            first = event.user_id in known and event.user_id not in asked
            parts[event.user_id, event.item_id] = Part.TEST if first else Part.UNUSED
            asked.add(event.user_id)
        return cls(parts)

    @classmethod
    def for_tuning(cls, events: Sequence[Interaction], start: int) -> Self:
        """For who trains and evaluates nothing yet: of everybody who has used two items or more and was there from
        number `start` on, the last item is for tuning. So sessions of users who never come back are among them."""
        last: dict[str, tuple[int, Pair]] = {}
        counts: Counter[str] = Counter()
        for number, event in enumerate(events):
            counts[event.user_id] += 1
            last[event.user_id] = number, (event.user_id, event.item_id)
        pairs = (pair for number, pair in last.values() if number >= start and counts[pair[0]] > 1)
        return cls(dict.fromkeys(pairs, Part.VALIDATION))

    @classmethod
    def read(cls, path: Path, events: Sequence[Interaction]) -> Self:
        """The split in a file, of this log. Raises `InvalidSplit`."""
        parts: dict[Pair, Part] = {}
        there = {(event.user_id, event.item_id) for event in events}
        try:
            with path.open(encoding="utf-8", newline="") as lines:
                rows = csv.reader(lines)
                if next(rows, None) != _HEADER:
                    raise InvalidSplit(f"{path} does not begin with {','.join(_HEADER)}")
                for row in rows:
                    pair, part = _row(path, rows.line_num, row)
                    if pair not in there:
                        raise InvalidSplit(f"{path}, line {rows.line_num}: user {row[0]} has no item {row[1]}")
                    parts[pair] = part
        except (OSError, UnicodeDecodeError, csv.Error) as problem:
            raise InvalidSplit(f"{path} cannot be read: {problem}") from None
        users = [user for (user, _), part in parts.items() if part is Part.TEST]
        if len(set(users)) != len(users):
            raise InvalidSplit(f"{path} has two test items of one user")
        return cls(parts)

    def write(self, path: Path) -> None:
        """The file that `read` reads. Raises `OSError`."""
        with path.open("w", encoding="utf-8", newline="") as lines:
            rows = csv.writer(lines, lineterminator="\n")
            rows.writerow(_HEADER)
            rows.writerows([*pair, part.value] for pair, part in self.parts.items())

    def digest(self) -> str:
        """SHA-256 of what is held out but for tuning, hexadecimal: who was trained by a split with the same digest has
        learned nothing of what this one asks for."""
        held = sorted((*pair, part.value) for pair, part in self.parts.items() if part is not Part.VALIDATION)
        return sha256(repr(held).encode()).hexdigest()

    def learned(self, events: Sequence[Interaction], *, with_validation: bool = True) -> list[Interaction]:
        """What is learned from before the targets are asked for, in the order of the log."""
        held = {Part.TEST, Part.UNUSED} if with_validation else set(Part)
        return [event for event in events if self.parts.get((event.user_id, event.item_id)) not in held]

    def targets(self, events: Sequence[Interaction], part: Part = Part.TEST) -> list[Interaction]:
        """What is asked for."""
        return [event for event in events if self.parts.get((event.user_id, event.item_id)) is part]


def _row(path: Path, line: int, row: list[str]) -> tuple[Pair, Part]:
    if len(row) != len(_HEADER) or row[2] not in set(Part):
        parts = ", ".join(Part)
        raise InvalidSplit(f"{path}, line {line}: a user, an item and one of {parts} are expected")
    return (row[0], row[1]), Part(row[2])
