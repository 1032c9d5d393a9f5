"""Examples for the ranker from live events: what the user chose, among what they could have been shown just before."""

from collections.abc import Callable

from agents.delivery.outgoing import Outgoing
from agents.followers.item_follower import ItemFollower
from agents.followers.profiles import PartitionProfiles
from agents.training.ranker import EXAMPLES_PARTITION
from ranking.examples import encode, example_before
from ranking.impressions import Impressions
from streams.contract.events import Interaction
from tables.user import User


class Examples:
    """Makes the examples of one partition of the user plane."""

    def __init__(
        self,
        follower: ItemFollower,
        profiles: PartitionProfiles,
        list_size: int,
        topic: str,
        feature_cutoff_ms: Callable[[], int],
    ) -> None:
        self._feature_cutoff_ms = feature_cutoff_ms
        self._follower = follower
        self._profiles = profiles
        self._list_size = list_size
        self._topic = topic
        self._impressions = Impressions()

    def see(self, event: Interaction) -> None:
        """Remembers what somebody was shown."""
        self._impressions.note(event)

    def forget(self, user_id: str) -> None:
        """The user is erased."""
        self._impressions.forget(user_id)

    def of(self, event: Interaction, user: User | None, now_ms: int) -> Outgoing | None:
        """The example in an event, of the row before it; None when it says nothing, or the model knows later events."""
        if self._feature_cutoff_ms() > event.timestamp_ms:
            return None
        model, ranker = self._follower.model, self._follower.ranker
        profile, shown = self._profiles.get(event.user_id), self._impressions.passed_over(event)
        example = example_before(event, user, profile, model, ranker, now_ms, self._list_size, shown)
        return None if example is None else Outgoing(self._topic, EXAMPLES_PARTITION, None, encode(example))
