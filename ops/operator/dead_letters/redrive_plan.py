"""Which dead letters can be published again, as what, in which order. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ops.operator.dead_letters.records import StoredDeadLetter
from streams.contract.dead_letters import DeadLetter
from streams.contract.events import parse_interaction
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.user_records import user_partition

#: Asked for by name only: the first would be refused again, the second may end workers until the code is mended, the
#: others were used.
DELIBERATE: Final = frozenset({Reason.TOO_OLD, Reason.FOLD_FAILED, Reason.STORE_REFUSED, Reason.LIST_FAILED})


@dataclass(frozen=True)
class Republish:
    """A dead letter whose original goes to `partition` of the interactions topic under its user."""

    kept: StoredDeadLetter
    user_id: str
    partition: int


@dataclass(frozen=True)
class Refusal:
    """A dead letter that stays as it is, and why."""

    name: str
    why: str


@dataclass
class Plan:
    """`republish` is in the order of the originals, so every user's events keep theirs. `done` dead letters were
    published again before; `left` are of reasons that were not asked for."""

    republish: list[Republish] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    done: int = 0
    left: int = 0


def plan(
    dead_letters: Iterable[StoredDeadLetter],
    interactions: str,
    partitions: int,
    erased_at_ms: Mapping[str, int],
    now_ms: int,
    reason: Reason | None,
) -> Plan:
    """What to do with `dead_letters`, which are in the order of their originals. `reason` None = all but
    `DELIBERATE`."""
    made = Plan()
    for kept in dead_letters:
        dead_letter = kept.dead_letter
        if dead_letter.redriven:
            made.done += 1
        elif dead_letter.reason in DELIBERATE if reason is None else dead_letter.reason is not reason:
            made.left += 1
        else:
            try:
                user_id = _user(dead_letter, interactions, erased_at_ms, now_ms)
            except InvalidEvent as error:
                made.refused.append(Refusal(dead_letter.name, str(error)))
            except _NotAgain as why:
                made.refused.append(Refusal(dead_letter.name, str(why)))
            else:
                made.republish.append(Republish(kept, user_id, user_partition(user_id, partitions)))
    return made


class _NotAgain(Exception):
    """The dead letter cannot be published again, whatever it holds."""


def _user(dead_letter: DeadLetter, interactions: str, erased_at_ms: Mapping[str, int], now_ms: int) -> str:
    if dead_letter.reason is Reason.ERASED:
        raise _NotAgain("its user was erased, nothing is left of it")
    if dead_letter.reason is Reason.STORE_REFUSED:
        raise _NotAgain("workers used it; once the store takes it, run `freshet sink` with --from")
    if dead_letter.reason is Reason.LIST_FAILED:
        raise _NotAgain("workers used what it follows; the list is made again by itself")
    if dead_letter.topic != interactions:
        raise _NotAgain(
            f"it came from {dead_letter.topic}: only events are published again, a mended record goes there"
        )
    if dead_letter.original_bytes is not None:
        raise _NotAgain(f"only the beginning of its {dead_letter.original_bytes} bytes was kept")
    user_id = parse_interaction(dead_letter.value, now_ms).user_id
    if dead_letter.append_time_ms <= erased_at_ms.get(user_id, -1):
        raise _NotAgain("its user was erased after it was sent")
    return user_id
