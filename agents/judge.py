"""Judges the version that a worker belongs to, event by event: would it have listed what the user went on to use?

Recommend, then learn, on a sample that is the same in every version (`ranking.judgements`). The list is the one that
the user has, where it is young and reflects every event of theirs. Else, and while a replay writes no lists, one is
made of the row as it is before the event, and of the newest epochs of the item model that are not later than the event
(`agents.epochs`): while a replay is far behind, what knows more is not at hand, and an event that is older than what is
(it came late) is not judged. Outcomes go to the version's own `judged.events` in the transaction of the
batch, so each counts once. Of a part of the sample the version that answers for an event also says what it listed, in
`model.predictions`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray

from agents.delivery.outgoing import Outgoing
from agents.profiles import PartitionProfiles
from ranking.judgements import REJECTED, UNKNOWN_MS, Outcome, encode, group_of, in_sample, is_judged
from ranking.next_item import place_in
from ranking.pipeline import listed_items
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.codec import dumps
from streams.events import Interaction
from streams.topics import Topics
from streams.user_records import record_key
from tables.item_model import ItemModel
from tables.user import User
from tables.user_plane import UserPlane

#: Of this share of all events what was listed is published, if they are judged at all.
AUDITED_SHARE = 0.01
AUDITED_ITEMS = 20

Ints = NDArray[np.int32]
#: The list, by user id, that reflects the user's events before an offset; None = none at hand.
ListAtHand = Callable[[str, int], Ints | None]


class Knowledge(Protocol):
    """What lists are made from; `agents.item_follower.ItemFollower` is one."""

    model: ItemModel
    ranker: Ranker


@dataclass(frozen=True, slots=True)
class JudgeSettings:
    """`share` (0–1) of the events are in the sample; lists are made as long, and by the same rules, as users' are."""

    share: float
    list_size: int
    rerank: RerankSettings


@dataclass(frozen=True, slots=True)
class Judgement:
    """One event of a user by stored id, `event_id` as sent, the list before it as item indices, the item's place, and
    the newest event time that the list may know of (UNKNOWN_MS = it was made live)."""

    event: Interaction
    event_id: str
    listed: Ints
    place: int
    knew_ms: int


class Judge:
    """Judges one partition of interactions."""

    def __init__(
        self,
        knowledge: Knowledge,
        at_hand: ListAtHand,
        profiles: PartitionProfiles,
        settings: JudgeSettings,
        topics: Topics,
        partition: int,
        answers_for: Callable[[int], bool],
        knew_ms: Callable[[], int] = lambda: UNKNOWN_MS,
    ) -> None:
        self._knew_ms = knew_ms
        self._knowledge = knowledge
        self._at_hand = at_hand
        self._profiles = profiles
        self._settings = settings
        self._topics = topics
        self._partition = partition
        self._answers_for = answers_for
        self._outcomes: list[Outcome] = []
        self._audited: list[Outgoing] = []

    def before(self, event: Interaction, plane: UserPlane) -> Judgement | None:
        """What there is to say about an event that is not folded yet; None = it is not judged."""
        if not in_sample(event.event_id, self._settings.share):
            return None
        knew_ms = self._knew_ms()
        if self._is_foreseen(event, knew_ms):
            return None
        known = plane.known_as(event)
        user = plane.view(known.user_id)
        if not is_judged(known, user):
            return None
        listed = None if user is None else self._at_hand(known.user_id, user.row.last_offset)
        if listed is None:
            listed = self._made(known, user)
        place = place_in(known.item_id, listed, self._knowledge.model)
        return Judgement(known, event.event_id, listed, place, knew_ms)

    def _is_foreseen(self, event: Interaction, knew_ms: int) -> bool:
        """Whether no epoch is at hand that is not later than the event."""
        return knew_ms > event.timestamp_ms

    def _made(self, event: Interaction, user: User | None) -> Ints:
        model, ranker, settings = self._knowledge.model, self._knowledge.ranker, self._settings
        profile = self._profiles.get(event.user_id)
        return listed_items(user, profile, model, ranker, event.timestamp_ms, settings.list_size, settings.rerank)

    def note(self, judgement: Judgement, record: ConsumerRecord) -> None:
        """The event of `record` was folded: its outcome counts."""
        event = judgement.event
        group = group_of(event.user_id)
        self._outcomes.append(Outcome(record.offset, event.timestamp_ms, judgement.knew_ms, judgement.place, group))
        if in_sample(judgement.event_id, AUDITED_SHARE) and self._answers_for(record.timestamp):
            self._audited.append(self._audit(judgement, record.offset))

    def reject(self, record: ConsumerRecord) -> None:
        """The version cannot use `record`, which another one may be able to."""
        self._outcomes.append(Outcome(record.offset, record.timestamp, UNKNOWN_MS, REJECTED, 0))

    def _audit(self, judgement: Judgement, offset: int) -> Outgoing:
        event, ids, version = judgement.event, self._knowledge.model.ids, self._topics.version
        value = {
            "user_id": event.user_id,
            "model_version": version,
            "ranker_update": self._knowledge.ranker.number,
            "event_id": event.event_id,
            "item_id": event.item_id,
            "timestamp": event.timestamp_ms,
            "as_of": {"partition": self._partition, "offset": offset},
            "place": judgement.place,
            "items": [ids[index] for index in judgement.listed[:AUDITED_ITEMS].tolist()],
        }
        key = record_key(event.user_id, f"{version}.{self._partition}.{offset}")
        return Outgoing(self._topics.predictions, self._partition, key, dumps(value))

    def outgoing(self) -> list[Outgoing]:
        """What was noted since the last call."""
        noted, self._audited = self._audited, []
        if self._outcomes:
            noted.append(Outgoing(self._topics.judged_events, self._partition, None, encode(self._outcomes)))
            self._outcomes = []
        return noted

    def reset(self) -> None:
        """What was noted and not written is folded again."""
        self._outcomes, self._audited = [], []
