"""The user plane: clean, fold the user's row, rewrite the user's list, all in the order of the partition."""

from collections.abc import Callable

from aiokafka.structs import ConsumerRecord

from agents.dead_letters import DeadLetters, dead_letter_of
from agents.delivery.commit_pace import CommitPace, at_once
from agents.delivery.outgoing import Outgoing
from agents.delivery.step import Effects
from agents.followers import model_watermark
from agents.followers.erasures import Erasures
from agents.followers.guest_parts import GuestParts
from agents.followers.links import PartitionLinks
from agents.guests import Guests
from agents.lists.idle_users import IdleUsers
from agents.lists.list_keeper import ListKeeper
from agents.observers import Observers
from agents.retention.blanking import BlankedRecord
from agents.retention.source_position import stamped
from streams.contract.dead_letters import DeadLetter
from streams.contract.events import InvalidEvent, Reason, parse_interaction
from streams.contract.units import HOUR_MS
from streams.kafka.damaged_record import refusal_of
from tables.delta_records import records_of
from tables.user_plane import FoldKind, Signal, UserPlane

#: What `InteractionsStep.counters` says of a partition in which nothing happened yet.
NOTHING_COUNTED = dict.fromkeys(
    (
        *("events_unseen", "lists_coalesced", "lists_failed", "lists_kept", "lists_lost", "lists_outdated"),
        *("lists_written", "next_items_judged", "next_items_in_top_10", "overloads"),
    ),
    0,
)


class OutgoingDeltas:
    """What events of one partition of interactions teach about items, until it goes to the `partitions` of `topic`."""

    def __init__(self, topic: str, partition: int, partitions: int) -> None:
        self.partition = partition
        self._topic = topic
        self._partitions = partitions
        self._signals: list[Signal] = []
        self._told_hour = 0  # event time that every item partition knows of

    def begin(self, watermark_ms: int) -> None:
        """Restored rows have come to this time: what they told is told."""
        self._told_hour = watermark_ms // HOUR_MS

    def add(self, signal: Signal) -> None:
        """Takes what an event teaches."""
        self._signals.append(signal)

    def take(self, plane: UserPlane) -> list[Outgoing]:
        """What was taught since the last call, one record a target."""
        signals, self._signals = self._signals, []
        # Full hours only: buckets have hours, and the highest one told does not depend on how the log was batched.
        hour = plane.watermark_ms // HOUR_MS
        tell_ms = hour * HOUR_MS if hour > self._told_hour else None
        self._told_hour = max(self._told_hour, hour)
        key, headers = b"%d" % self.partition, [model_watermark.header_of(plane.highest_ms)]
        return [
            Outgoing(self._topic, target, key, value, headers)
            for target, value in records_of(signals, self._partitions, self.partition, tell_ms)
        ]


class InteractionsStep:
    """One partition of the user plane. What its events teach goes to `deltas`, and `observers` look at each of them.
    `pace` says when to commit, and `others_wait` whether other partitions wait for what this one commits. Dead letters
    of rows whose list cannot be made say that they are of `rows_topic`. `guests` sends on what linked guests did."""

    def __init__(
        self,
        new_plane: Callable[[], UserPlane],
        lists: ListKeeper,
        deltas: OutgoingDeltas,
        dead_letters: DeadLetters,
        erasures: Erasures,
        observers: Observers | None = None,
        pace: CommitPace | None = None,
        others_wait: Callable[[], bool] = lambda: False,
        rows_topic: str = "",
        guests: Guests | None = None,
    ) -> None:
        self._guests = guests or Guests("", deltas.partition, PartitionLinks(), GuestParts())
        self._new_plane = new_plane
        self.plane = new_plane()
        self.lists = lists
        self.observers = observers or Observers()
        self._deltas = deltas
        self._deltas.begin(self.plane.watermark_ms)
        self._dead_letters = dead_letters
        self._dead: list[Outgoing] = []
        self._taught: list[Outgoing] = []
        self._touched: set[str] = set()
        self._pace = pace or at_once()
        self._others_wait = others_wait
        self._rows_topic = rows_topic
        self._erasures = erasures
        self._mine = erasures.of(deltas.partition)
        self._to_purge: list[str] = []  # users whose rows are forgotten, and Redis not yet
        self._forgotten = 0  # position in user.erasure before which rows are forgotten
        self._idle = IdleUsers()

    def fold(self, record: ConsumerRecord) -> None:
        """Folds one interaction; one that cannot be used becomes a dead letter with its reason."""
        self._pace.folded()
        if self._mine.next_position > self._forgotten:
            self._forget()
        if isinstance(record, BlankedRecord):
            self._pass_over(record)
            return
        if (refusal := refusal_of(record)) is not None:
            self._reject(record, refusal.reason, refusal.detail)
            return
        if record.headers and self._erasures.cover_republished(record):
            self._reject(record, Reason.ERASED, "")
            return
        try:
            sent = parse_interaction(record.value, record.timestamp)
            event = self.plane.identified(sent, record.key)
            before = self.observers.before(event, sent, record, self.plane)
            fold = self.plane.fold_identified(event, record.offset, record.timestamp)
        except InvalidEvent as error:
            self._reject(record, error.reason, error.detail)
            return
        if fold.kind is not FoldKind.FOLDED:
            self.observers.tally.passed_over[fold.kind] += 1
        if fold.kind is FoldKind.ERASED:
            return
        self._touched.add(fold.user_id)
        if fold.kind is FoldKind.FOLDED and (example := self.observers.note(before, event, fold, record)) is not None:
            self._taught.append(example)
        if fold.signal is not None:
            self._deltas.add(fold.signal)

    def _pass_over(self, record: BlankedRecord) -> None:
        try:
            if record.event_ms is not None:
                self.plane.pass_over(record.event_ms, record.offset, record.timestamp)
                self.observers.tally.passed_over[FoldKind.ERASED] += 1
                return
        except InvalidEvent:
            pass  # too old: it was a dead letter before its user was erased
        self._dead += self._dead_letters.records(dead_letter_of(record, Reason.ERASED, "").blank())

    def reject(self, record: ConsumerRecord, detail: str) -> None:
        """Notes a record that ends workers as a dead letter."""
        self._reject(record, Reason.FOLD_FAILED, detail)

    def _reject(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        self.observers.reject(record)
        dead_letter = dead_letter_of(record, reason, detail)
        if self._erasures.cover(record):
            dead_letter = dead_letter.blank()
        self._dead += self._dead_letters.records(dead_letter)

    # -- erasure --------------------------------------------------------------------------------------------------

    def pending(self) -> bool:
        """Whether rows are to be dropped, lists that cannot be made to be told, or guests' parts to be written."""
        return self._erasures_wait() or bool(self._idle.ready) or self.lists.failed.has_news or self._guests.pending

    def _erasures_wait(self) -> bool:
        return self._mine.next_position > self.plane.erasures_applied

    def _forget(self) -> None:
        """Drops the rows of users erased since the last call, before anything more is folded."""
        since = max(self._forgotten, self.plane.erasures_applied)
        self._forgotten = self._mine.next_position
        for user_id in self._mine.since(since):
            self.plane.forget(user_id)
            self._guests.note([user_id])
            self.observers.forget(user_id)
            self._to_purge.append(user_id)

    async def _purge(self) -> None:
        """Removes the forgotten from Redis; only then the erasure counts as done, so that a restart repeats it."""
        if await self.lists.forget(self._to_purge):
            self._touched.update(user_id for user_id in self._to_purge if user_id in self.plane)  # they came back
            self._to_purge = []
            self.plane.note_erasures(self._forgotten)

    # -- effects --------------------------------------------------------------------------------------------------

    async def effects(self, next_offset: int, *, force: bool) -> Effects | None:
        """Lists of the touched users to Redis at once; when it is time, their rows, the deltas and the dead letters."""
        guests = self._guests.follow(self.plane)
        if guests and not self.lists.wait:
            self.lists.concern(guests)
        self._guests.note(self._touched)
        if not (force or self._pace.is_due() or self._erasures_wait() or self._others_wait()):
            await self._refresh(next_offset)
            return None
        if self._erasures_wait():
            self._forget()
            await self._purge()
        self._guests.note(self._idle.ready)
        self._idle.purge(self.plane)
        parts = self._guests.take(self.plane)
        changes = self.plane.changes()
        await self._refresh(next_offset, at_once=force)
        self._pace.committed()
        derived, self._taught = [*self._taught, *self._deltas.take(self.plane)], []
        outgoing, self._dead = self._dead, []
        outgoing += stamped(derived, self._deltas.partition, next_offset)
        outgoing += parts
        outgoing += self.observers.outgoing()
        outgoing += self._letters_of_lists()
        return Effects(changes, outgoing)

    def _letters_of_lists(self) -> list[Outgoing]:
        """Dead letters of rows whose list cannot be made, under the user's id, by which an erasure finds them."""
        letters: list[Outgoing] = []
        for found in self.lists.failed.take_news():
            if self.plane.view(found.user_id) is not None:
                letter = DeadLetter(
                    key=found.user_id.encode(),
                    value=None,
                    reason=Reason.LIST_FAILED,
                    detail=found.why,
                    topic=self._rows_topic,
                    partition=self._deltas.partition,
                    offset=found.offset,
                    append_time_ms=found.append_ms,
                )
                letters += self._dead_letters.records(letter)
        return letters

    async def _refresh(self, next_offset: int, *, at_once: bool = False) -> None:
        touched, self._touched = self._touched, set()
        await self.lists.refresh(self.plane, touched, next_offset, at_once=at_once)

    async def tick(self, next_offset: int, *, waits: bool) -> None:
        """Keeps the lists of quiet users right, and looks for rows that are not needed any more."""
        self._guests.look()
        if self._guests.has_news and not self.lists.wait:
            self.lists.concern(self._guests.take_news())
        await self.lists.sweep(self.plane, next_offset, waits=waits)
        await self._idle.look(self.plane, self.lists.forget_idle)

    def reset(self) -> None:
        """Rebuilds the plane from the table's rows."""
        self.plane = self._new_plane()
        self._deltas.begin(self.plane.watermark_ms)
        self._guests.begin(self.plane)
        self._forgotten = 0
        self._to_purge = []
        self._idle = IdleUsers()
        self._pace.committed()
        self.observers.reset()

    def counters(self) -> dict[str, int]:
        """Of this partition since the process took it over."""
        quality = self.observers.quality
        return {
            "events_unseen": self.observers.unseen,
            "lists_coalesced": self.lists.coalesced,
            "lists_failed": self.lists.lists_failed,
            "lists_kept": self.lists.kept,
            "lists_lost": self.lists.maintenance.lost,
            "lists_outdated": self.lists.maintenance.remade,
            "lists_written": self.lists.lists_written,
            "next_items_judged": quality.evaluated if quality else 0,
            "next_items_in_top_10": quality.hits_at_10 if quality else 0,
            "overloads": self.lists.overload.began,
        }
