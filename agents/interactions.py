"""The user plane: clean, fold the user's row, rewrite the user's list, all in the order of the partition."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from agents import epochs
from agents.dead_letters import DeadLetters, letter_of
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from agents.erasures import Erasures
from agents.examples import Examples
from agents.idle_users import IdleUsers
from agents.judge import Judge, Judgement
from agents.list_keeper import ListKeeper
from agents.live_quality import LiveQuality
from agents.retention.blanking import BlankedRecord
from agents.retention.source_position import stamped
from ranking.examples import wants
from streams.events import EventType, Interaction, InvalidEvent, Reason, parse_interaction
from streams.units import HOUR_MS
from tables.item_deltas import encode, route, tell_time
from tables.user_plane import Fold, FoldKind, Signal, UserPlane


@dataclass(slots=True)
class Tally:
    """Events that a process folded for the first time, whatever it owned meanwhile."""

    folded: int = 0


class _Before(NamedTuple):
    """What was found out about an event right before it was folded."""

    place: int | None
    judgement: Judgement | None
    example: Outgoing | None


class InteractionsStep:
    """One partition of the user plane; without a `quality` its lists are not judged."""

    def __init__(
        self,
        new_plane: Callable[[], UserPlane],
        lists: ListKeeper,
        partition: int,
        partitions: int,
        deltas_topic: str,
        dead_letters: DeadLetters,
        erasures: Erasures,
        quality: LiveQuality | None = None,
        examples: Examples | None = None,
        judge: Judge | None = None,
        tally: "Tally | None" = None,
    ) -> None:
        self.examples = examples
        self.judge = judge
        self._tally = tally or Tally()
        self._new_plane = new_plane
        self.plane = new_plane()
        self.lists = lists
        self.quality = quality
        self._partition = partition
        self._partitions = partitions
        self._deltas_topic = deltas_topic
        self._dead_letters = dead_letters
        self._signals: list[Signal] = []
        self._told_hour = self.plane.watermark_ms // HOUR_MS  # event time that every item partition knows of
        self._dead: list[Outgoing] = []
        self._taught: list[Outgoing] = []
        self._touched: set[str] = set()
        self._erasures = erasures
        self._mine = erasures.of(partition)
        self._to_purge: list[str] = []  # users whose rows are forgotten, and Redis not yet
        self._forgotten = 0  # position in user.erasure before which rows are forgotten
        self._idle = IdleUsers()

    def fold(self, record: ConsumerRecord) -> None:
        """Folds one interaction; one that cannot be used becomes a dead letter with its reason."""
        if self._mine.next_position > self._forgotten:
            self._forget()
        if isinstance(record, BlankedRecord):
            self._pass_over(record)
            return
        if record.headers and self._erasures.cover_republished(record):
            self._reject(record, Reason.ERASED, "")
            return
        try:
            event = parse_interaction(record.value, record.timestamp)
            before = self._before(event, record)
            fold = self.plane.fold(event, record.key, record.offset, record.timestamp)
        except InvalidEvent as error:
            self._reject(record, error.reason, error.detail)
            return
        if fold.kind is FoldKind.ERASED:
            return
        self._touched.add(fold.user_id)
        if fold.kind is FoldKind.FOLDED:
            self._note(before, fold, record)
        if fold.signal is not None:
            self._signals.append(fold.signal)

    def _before(self, event: Interaction, record: ConsumerRecord) -> "_Before":
        """What is asked about an event before anything knows of it."""
        return _Before(
            self.quality.place(event, record.offset, self.plane) if self.quality else None,
            self.judge.before(event, self.plane) if self.judge else None,
            self._example(event, record.timestamp),
        )

    def _note(self, before: "_Before", fold: Fold, record: ConsumerRecord) -> None:
        """The event counts: it was folded, for the first time."""
        self._tally.folded += 1
        if self.quality and before.place is not None:
            self.quality.note(before.place)
        if self.judge and before.judgement is not None:
            self.judge.note(before.judgement, record)
        if before.example is not None and fold.held_back is None:
            self._taught.append(before.example)

    def _example(self, event: Interaction, now_ms: int) -> Outgoing | None:
        if self.examples is None or not (wants(event) or event.event_type is EventType.IMPRESSION):
            return None
        known = self.plane.known_as(event)
        if event.event_type is EventType.IMPRESSION:
            self.examples.see(known)
            return None
        return self.examples.of(known, self.plane.view(known.user_id), now_ms)

    def _pass_over(self, record: BlankedRecord) -> None:
        try:
            if record.event_ms is not None:
                self.plane.pass_over(record.event_ms, record.offset, record.timestamp)
                return
        except InvalidEvent:
            pass  # too old: it was a dead letter before its user was erased
        self._dead += self._dead_letters.records(letter_of(record, Reason.ERASED, "").blank())

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes a record that ends workers as a dead letter."""
        self._reject(record, Reason.FOLD_FAILED, detail)

    def _reject(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        if self.judge:
            self.judge.reject(record)
        letter = letter_of(record, reason, detail)
        if self._erasures.cover(record):
            letter = letter.blank()
        self._dead += self._dead_letters.records(letter)

    # -- erasure --------------------------------------------------------------------------------------------------

    def pending(self) -> bool:
        """Whether rows are to be dropped."""
        return self._erasures_wait() or bool(self._idle.ready)

    def _erasures_wait(self) -> bool:
        return self._mine.next_position > self.plane.erasures_applied

    def _forget(self) -> None:
        """Drops the rows of users erased since the last call, before anything more is folded."""
        since = max(self._forgotten, self.plane.erasures_applied)
        self._forgotten = self._mine.next_position
        for user_id in self._mine.since(since):
            self.plane.forget(user_id)
            if self.examples:
                self.examples.forget(user_id)
            self._to_purge.append(user_id)

    async def _purge(self) -> None:
        """Removes the forgotten from Redis; only then the erasure counts as done, so that a restart repeats it."""
        if await self.lists.forget(self._to_purge):
            self._to_purge = []
            self.plane.note_erasures(self._forgotten)

    # -- effects --------------------------------------------------------------------------------------------------

    async def effects(self, next_offset: int, *, force: bool) -> Effects:
        """Lists of the touched users to Redis, then their rows, the deltas and the dead letters."""
        if self._erasures_wait():
            self._forget()
            await self._purge()
        self._idle.purge(self.plane)
        changes = self.plane.changes()
        touched, self._touched = self._touched, set()
        await self.lists.refresh(self.plane, touched, next_offset)
        derived, self._taught = [*self._taught, *self._deltas()], []
        outgoing, self._dead = self._dead, []
        outgoing += stamped(derived, self._partition, next_offset)
        outgoing += self.judge.outgoing() if self.judge else ()
        return Effects(changes, outgoing)

    def _deltas(self) -> list[Outgoing]:
        signals, self._signals = self._signals, []
        targets = route(signals, self._partitions)
        # Full hours only: buckets have hours, and the highest one told does not depend on how the log was batched.
        hour = self.plane.watermark_ms // HOUR_MS
        if hour > self._told_hour:
            self._told_hour = hour
            tell_time(targets, self._partitions, hour * HOUR_MS)
        key, headers = b"%d" % self._partition, [epochs.header_of(self.plane.highest_ms)]
        return [
            Outgoing(self._deltas_topic, target, key, encode(entries, self._partition, entries.watermark_ms), headers)
            for target, entries in targets.items()
        ]

    async def tick(self, next_offset: int) -> None:
        """Keeps the lists of quiet users right, and looks for rows that are not needed any more."""
        await self.lists.sweep(self.plane, next_offset)
        await self._idle.look(self.plane, self.lists.forget_idle)

    def reset(self) -> None:
        """Rebuilds the plane from the table's rows."""
        self.plane = self._new_plane()
        self._told_hour = self.plane.watermark_ms // HOUR_MS
        self._forgotten = 0
        self._to_purge = []
        self._idle = IdleUsers()
        if self.judge:
            self.judge.reset()
