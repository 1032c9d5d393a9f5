"""Which dead letters can be published again, as what, in which order. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ops.operator.letters import Kept
from streams.dead_letters import DeadLetter
from streams.events import parse_interaction
from streams.reasons import InvalidEvent, Reason
from streams.user_records import user_partition

#: Asked for by name only: the first would be refused again, the second may end workers until the code is mended.
DELIBERATE: Final = frozenset({Reason.TOO_OLD, Reason.FOLD_FAILED})


@dataclass(frozen=True)
class Republish:
    """A letter whose original goes to `partition` of the interactions topic under its user."""

    kept: Kept
    user_id: str
    partition: int


@dataclass(frozen=True)
class Refusal:
    """A letter that stays as it is, and why."""

    name: str
    why: str


@dataclass
class Plan:
    """`republish` is in the order of the originals, so every user's events keep theirs. `done` letters were published
    again before; `left` are of reasons that were not asked for."""

    republish: list[Republish] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    done: int = 0
    left: int = 0


def plan(
    letters: Iterable[Kept],
    interactions: str,
    partitions: int,
    erased_at_ms: Mapping[str, int],
    now_ms: int,
    reason: Reason | None,
) -> Plan:
    """What to do with `letters`, which are in the order of their originals. `reason` None = all but `DELIBERATE`."""
    made = Plan()
    for kept in letters:
        letter = kept.letter
        if letter.redriven:
            made.done += 1
        elif letter.reason in DELIBERATE if reason is None else letter.reason is not reason:
            made.left += 1
        else:
            try:
                user_id = _user(letter, interactions, erased_at_ms, now_ms)
            except InvalidEvent as error:
                made.refused.append(Refusal(letter.name, str(error)))
            except _NotAgain as why:
                made.refused.append(Refusal(letter.name, str(why)))
            else:
                made.republish.append(Republish(kept, user_id, user_partition(user_id, partitions)))
    return made


class _NotAgain(Exception):
    """The letter cannot be published again, whatever it holds."""


def _user(letter: DeadLetter, interactions: str, erased_at_ms: Mapping[str, int], now_ms: int) -> str:
    if letter.reason is Reason.ERASED:
        raise _NotAgain("its user was erased, nothing is left of it")
    if letter.topic != interactions:
        raise _NotAgain(f"it came from {letter.topic}, which the system writes itself")
    if letter.original_bytes is not None:
        raise _NotAgain(f"only the beginning of its {letter.original_bytes} bytes was kept")
    user_id = parse_interaction(letter.value, now_ms).user_id
    if letter.append_time_ms <= erased_at_ms.get(user_id, -1):
        raise _NotAgain("its user was erased after it was sent")
    return user_id
