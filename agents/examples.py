"""Examples for the ranker from live events: what the user chose, among what they could have been shown just before."""

from agents.delivery.outgoing import Outgoing
from agents.item_follower import ItemFollower
from agents.profiles import PartitionProfiles
from agents.ranker import EXAMPLES_PARTITION
from ranking.decision import Decision
from ranking.examples import ONE_IN, encode, example_of, is_sampled
from streams.events import Interaction, effective_type
from tables.engagement import CONSUMED, is_liked
from tables.user import User


class Examples:
    """Makes the examples of one partition of the user plane."""

    def __init__(self, follower: ItemFollower, profiles: PartitionProfiles, list_size: int, topic: str) -> None:
        self._follower = follower
        self._profiles = profiles
        self._list_size = list_size
        self._topic = topic

    def wants(self, event: Interaction) -> bool:
        """Whether the event is one of the sample. Cheap: it is asked for every event."""
        return is_sampled(event.event_id, ONE_IN) and effective_type(event) in CONSUMED

    def of(self, event: Interaction, user: User | None, now_ms: int) -> Outgoing | None:
        """The example in an event, of the row before it; None when it says nothing."""
        model = self._follower.model
        chosen = model.index(event.item_id)
        if chosen < 0 or user is None:
            return None
        profile = self._profiles.get(event.user_id)
        decision = Decision.of(user, profile, model, self._follower.ranker, now_ms, self._list_size)
        example = example_of(decision, chosen, liked=is_liked(event), event_id=event.event_id)
        return None if example is None else Outgoing(self._topic, EXAMPLES_PARTITION, None, encode(example))
