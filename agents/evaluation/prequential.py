"""Evaluates the version that a worker belongs to, event by event: would it have listed what the user went on to use?

Prequential evaluation, test then train (Dawid: "The prequential approach", JRSS A 147, 1984), on a sample that is the
same in every version (`ranking.outcomes`). The list is the one that the user has, where it is young and reflects every
event of theirs. Else, and while a replay writes no lists, one is made of the row as it is before the event, and of the
newest publications of the item model whose watermark is not later than the event (`agents.followers.model_watermark`):
while a replay is far behind, what knows more is not applied yet, and an event that is older than what is (it came late)
is not evaluated. Outcomes go to the version's own `judged.events` in the transaction of the batch, so each counts once.
Of a part of the sample the version that answers for an event also says what it listed, in `model.predictions`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from aiokafka.structs import ConsumerRecord
from numpy.typing import NDArray

from agents.delivery.outgoing import Outgoing
from agents.followers.profiles import PartitionProfiles
from ranking.next_item import place_in
from ranking.outcomes import REJECTED, UNKNOWN_MS, Outcome, encode, group_of, in_sample, is_evaluated
from ranking.pipeline import listed_items
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.codec import dumps
from streams.contract.events import Interaction
from streams.contract.user_records import record_key
from streams.kafka.topics import Topics
from tables.item_model import ItemModel
from tables.user import User
from tables.user_plane import UserPlane

#: Of this share of all events what was listed is published, if they are evaluated at all.
AUDITED_SHARE = 0.01
AUDITED_ITEMS = 20

Ints = NDArray[np.int32]
#: The list, by user id, that reflects the user's events before an offset; None = there is none.
CurrentList = Callable[[str, int], Ints | None]


class RankingModels(Protocol):
    """What lists are made from; `agents.followers.item_follower.ItemFollower` is one."""

    model: ItemModel
    ranker: Ranker


@dataclass(frozen=True, slots=True)
class PrequentialSettings:
    """`share` (0–1) of the events are in the sample; lists are made as long, and by the same rules, as users' are."""

    share: float
    list_size: int
    rerank: RerankSettings


@dataclass(frozen=True, slots=True)
class ListEvaluation:
    """One event of a user by stored id, `event_id` as sent, the list before it as item indices, the item's place, and
    the newest event time that the list may know of (UNKNOWN_MS = it was made live)."""

    event: Interaction
    event_id: str
    listed: Ints
    place: int
    feature_cutoff_ms: int


class PrequentialEvaluator:
    """Evaluates one partition of interactions."""

    def __init__(
        self,
        knowledge: RankingModels,
        current_list: CurrentList,
        profiles: PartitionProfiles,
        settings: PrequentialSettings,
        topics: Topics,
        partition: int,
        answers_for: Callable[[int], bool],
        feature_cutoff_ms: Callable[[], int] = lambda: UNKNOWN_MS,
    ) -> None:
        self._feature_cutoff_ms = feature_cutoff_ms
        self._models = knowledge
        self._current_list = current_list
        self._profiles = profiles
        self._settings = settings
        self._topics = topics
        self._partition = partition
        self._answers_for = answers_for
        self._outcomes: list[Outcome] = []
        self._audited: list[Outgoing] = []

    def before(self, event: Interaction, sent_id: str, plane: UserPlane) -> ListEvaluation | None:
        """What there is to say about an event that is not folded yet, sent as `sent_id`; None = it is not evaluated."""
        if not in_sample(sent_id, self._settings.share):
            return None
        feature_cutoff_ms = self._feature_cutoff_ms()
        if self._is_before_cutoff(event, feature_cutoff_ms):
            return None
        user = plane.view(event.user_id)
        if not is_evaluated(event, user):
            return None
        listed = None if user is None else self._current_list(event.user_id, user.row.last_offset)
        if listed is None:
            listed = self._made(event, user)
        place = place_in(event.item_id, listed, self._models.model)
        return ListEvaluation(event, sent_id, listed, place, feature_cutoff_ms)

    def _is_before_cutoff(self, event: Interaction, feature_cutoff_ms: int) -> bool:
        """Whether the event is older than the model's watermark, no publication is known that does not know later
        ones; or the sequence model was trained with it."""
        trained_until_ms = self._models.model.trained_until_ms
        return feature_cutoff_ms > event.timestamp_ms or 0 < event.timestamp_ms <= trained_until_ms

    def _made(self, event: Interaction, user: User | None) -> Ints:
        model, ranker, settings = self._models.model, self._models.ranker, self._settings
        profile = self._profiles.get(event.user_id)
        return listed_items(user, profile, model, ranker, event.timestamp_ms, settings.list_size, settings.rerank)

    def note(self, list_evaluation: ListEvaluation, record: ConsumerRecord) -> None:
        """The event of `record` was folded: its outcome counts."""
        event = list_evaluation.event
        group = group_of(event.user_id)
        self._outcomes.append(
            Outcome(record.offset, event.timestamp_ms, list_evaluation.feature_cutoff_ms, list_evaluation.place, group)
        )
        if in_sample(list_evaluation.event_id, AUDITED_SHARE) and self._answers_for(record.timestamp):
            self._audited.append(self._audit(list_evaluation, record.offset))

    def reject(self, record: ConsumerRecord) -> None:
        """The version cannot use `record`, which another one may be able to."""
        self._outcomes.append(Outcome(record.offset, record.timestamp, UNKNOWN_MS, REJECTED, 0))

    def _audit(self, list_evaluation: ListEvaluation, offset: int) -> Outgoing:
        event, ids, version = list_evaluation.event, self._models.model.ids, self._topics.version
        value = {
            "user_id": event.user_id,
            "model_version": version,
            "ranker_update": self._models.ranker.number,
            "event_id": event.event_id,
            "item_id": event.item_id,
            "timestamp": event.timestamp_ms,
            "as_of": {"partition": self._partition, "offset": offset},
            "place": list_evaluation.place,
            "items": [ids[index] for index in list_evaluation.listed[:AUDITED_ITEMS].tolist()],
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
