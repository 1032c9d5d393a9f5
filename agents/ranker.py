"""The ranker's only learner: folds `ranker.examples` into weights, which every worker follows as `ranker.weights`.

All examples go to one partition, so that one learner sees all of them; its table's changelog is `ranker.weights`.
"""

from collections.abc import Callable, Mapping

from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters, letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from ranking.examples import decode
from ranking.learner import Learner
from streams.events import Reason

EXAMPLES_PARTITION = 0
RANKER_KEY = b"ranker"


class RankerStep:
    """One partition of `ranker.examples`; only the first has any. `rows` are the table's."""

    def __init__(self, rows: Callable[[], Mapping[bytes, bytes]], dead_letters: DeadLetters) -> None:
        self._rows = rows
        self._dead_letters = dead_letters
        self._dead: list[Outgoing] = []
        self._learner = Learner.start()
        self._changed = False

    def fold(self, record: ConsumerRecord) -> None:
        """Learns from one example."""
        self._changed |= self._learner.learn(decode(record.value))

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes an example that ends workers as a dead letter."""
        self._dead += self._dead_letters.records(letter_of(record, Reason.FOLD_FAILED, detail))

    def pending(self) -> bool:
        """Never: everything follows from examples."""
        return False

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """The weights once a round ended. Examples of a round that is not over are committed with it: a restart learns
        from them again. When the partition is given away, what the round learned so far is given up."""
        dead = bool(self._dead)
        if not (self._changed or force or dead):
            return None
        changes = [(RANKER_KEY, self._learner.to_row())] if self._changed else []
        self._changed = False
        letters, self._dead = self._dead, []
        return Effects(list(changes), letters)

    async def tick(self, next_offset: int) -> None:
        """Nothing."""

    def reset(self) -> None:
        """Goes on from the weights in the table's rows."""
        row = self._rows().get(RANKER_KEY)
        self._learner = Learner.start() if row is None else Learner.from_row(row)
        self._changed = False
