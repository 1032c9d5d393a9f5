"""The ranker's only learner: folds `ranker.examples` into weights, which every worker follows as `ranker.weights`.

All examples go to one partition, so that one learner sees all of them; its table's changelog is `ranker.weights`. What
a round that is not over has learned is a row beside the weights, which nobody ranks with: examples are few, and a
position that waited for a round to end would fall behind what retention removes.
"""

import logging
import math
from collections.abc import Callable, MutableMapping

from aiokafka.structs import ConsumerRecord
from msgspec import DecodeError

from agents.dead_letters import DeadLetters, dead_letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from ranking.examples import decode
from ranking.learner import RANKER_KEY, Learner
from ranking.ranker import Ranker
from streams.contract.events import InvalidEvent, Reason
from streams.kafka.damaged_record import DamagedRecord

logger = logging.getLogger(__name__)

EXAMPLES_PARTITION = 0
ROUND_KEY = b"round"
#: How soon after examples were learned from their position is committed.
COMMIT_S = 5.0


class RankerStep:
    """One partition of `ranker.examples`; only the first has any. `rows` are the table's, `now_s` any clock, `first`
    the ranker that learning starts from (None = the one without a sequence model)."""

    def __init__(
        self,
        rows: MutableMapping[bytes, bytes],
        dead_letters: DeadLetters,
        now_s: Callable[[], float],
        first: Ranker | None = None,
    ) -> None:
        self._rows = rows
        self._now_s = now_s
        self._committed_s = -math.inf
        self._dead_letters = dead_letters
        self._dead: list[Outgoing] = []
        self._first = first
        self._learner = Learner.start(first)
        self._changed = False

    def fold(self, record: ConsumerRecord) -> None:
        """Learns from one example; one that cannot be read becomes a dead letter."""
        try:
            if isinstance(record, DamagedRecord):
                raise InvalidEvent(record.reason, record.detail)
            example = decode(record.value or b"")
        except ValueError as error:
            logger.critical("%s:%d:%d cannot be learned: %s", record.topic, record.partition, record.offset, error)
            self.reject(record, str(error))
            return
        self._changed |= self._learner.learn(example)

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes an example that ends workers as a dead letter."""
        self._dead += self._dead_letters.records(dead_letter_of(record, Reason.FOLD_FAILED, detail))

    def pending(self) -> bool:
        """Never: everything follows from examples."""
        return False

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """The weights once a round ended, and every few seconds what the round has learned so far."""
        now_s = self._now_s()
        if not (self._changed or force or self._dead or now_s - self._committed_s >= COMMIT_S):
            return None
        changes: list[tuple[bytes, bytes | None]] = []
        if self._changed:
            changes.append((RANKER_KEY, self._learner.to_row()))
        so_far = self._learner.round_row()
        if so_far != self._rows.get(ROUND_KEY):
            changes.append((ROUND_KEY, so_far))
        for key, value in changes:
            if value is None:
                del self._rows[key]
            else:
                self._rows[key] = value
        self._changed, self._committed_s = False, now_s
        dead_letters, self._dead = self._dead, []
        return Effects(changes, dead_letters)

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        """Nothing."""

    def reset(self) -> None:
        """Goes on from the weights in the table's rows."""
        row, so_far = self._rows.get(RANKER_KEY), self._rows.get(ROUND_KEY)
        try:
            self._learner = Learner.start(self._first) if row is None else Learner.from_row(row, self._first)
            if so_far is not None:
                self._learner.resume(so_far)
        except (ValueError, DecodeError) as error:
            logger.critical("the ranker's weights cannot be read and are learned anew: %s", error)
            self._learner = Learner.start(self._first)
        self._changed = False

    def counters(self) -> dict[str, int]:
        """None."""
        return {}
