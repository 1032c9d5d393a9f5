"""What a worker follows: in full, before anything is restored and ever after, orders, rules, the catalogue, what was
learned of items and by the ranker, and whose guests did something; of the users that it owns, profiles and what their
guests did."""

from collections.abc import Callable, Collection

from aiokafka.structs import TopicPartition

from agents.dead_letters import DeadLetters
from agents.followers.controls import Controls
from agents.followers.erasures import Erasures
from agents.followers.follower import Follower
from agents.followers.guest_parts import GuestParts
from agents.followers.item_follower import ItemFollower
from agents.followers.links import Links
from agents.followers.misplaced import MisplacedProfiles
from agents.followers.profiles import Profiles
from agents.followers.refusals import Refusals, RowLetters
from agents.followers.version_status import VersionStatus
from agents.worker_config import WorkerConfig
from serving.experiments import ExperimentBook
from streams.kafka.log_position import LogPosition
from tables.rule_book import RuleBook


class Followed:
    """The topics and what they say now. `max_model_watermark_ms` is the event time that the item model must not know
    more of."""

    def __init__(self, config: WorkerConfig, max_model_watermark_ms: Callable[[], float]) -> None:
        topics, identities = config.topics, config.identities
        self.controls, self.version_status = Controls(topics.version), VersionStatus(topics.version)
        self.misplaced = MisplacedProfiles(config.bootstrap, topics.misplaced_profiles)
        self.erasures, self.profiles = (
            Erasures(identities),
            Profiles(config.partitions, identities, self.misplaced.note),
        )
        self.links, self.guest_parts = Links(config.partitions, identities), GuestParts()
        self.dead_letters = led = DeadLetters(
            topics.dead_letters, topics.crash_marks, lambda _: self.version_status.leads
        )
        self.row_letters = RowLetters(led, self.erasures, topics.user_changelog)
        self.refusals = Refusals(config.bootstrap, led, config.partitions, self.erasures.cover)
        report, drain = self.refusals.report, self.refusals.drain
        self.items = ItemFollower(
            config.bootstrap,
            topics,
            config.partitions,
            max_model_watermark_ms,
            report,
            drain,
            config.default_maturity,
            config.sequence_model,
        )
        self.experiments, self.rules = ExperimentBook(), RuleBook()
        self._erasure_topic, self._users_topic = topics.erasure, topics.interactions
        self._links_topic, self._parts_topic = topics.links, topics.guest_parts
        self._orders = Follower(
            config.bootstrap,
            {
                topics.controls: self.controls.apply,
                topics.erasure: self.erasures.apply,
                topics.versions: self.version_status.apply,
                topics.experiments: lambda record: self.experiments.apply(record.key, record.value),
                topics.rules: lambda record: self.rules.apply(record.key, record.value),
            },
            report=report,
        )
        people = {
            topics.profiles: self.profiles.apply,
            topics.misplaced_profiles: self.profiles.apply_misplaced,
            topics.guest_parts: self.guest_parts.apply,
        }
        self._people = Follower(config.bootstrap, people, report=report, drain=self._drain_people)
        guests = {topics.links: self.links.apply, topics.guest_parts: self.guest_parts.apply_name}
        self._guests = Follower(config.bootstrap, guests, report=report, drain=drain)

    async def _drain_people(self) -> None:
        await self.refusals.drain()
        await self.misplaced.drain()

    async def start(self) -> None:
        """Returns when everything is known that was there before the call and concerns every worker."""
        # Orders first: who is erased is never folded, nor listed against their word, and of somebody erased no letter
        # is kept, which only the version that leads keeps.
        await self._orders.start()
        await self._people.start(())
        await self._guests.start()
        await self.items.start()

    async def know_users(self, owned: Collection[TopicPartition]) -> None:
        """Returns when all is known that was said before the call about users of the owned partitions: what they said
        about themselves, what their guests did, and who asked to be erased; and of guests, which are linked, and which
        parts former owners wrote. Of others no profile and no part is held from now on."""
        numbers = {tp.partition for tp in owned if tp.topic == self._users_topic}
        self.misplaced.hold()
        await self._people.follow(numbers, self._drop)
        self.misplaced.release()  # not where that was cut short: partitions may be read to the middle
        await self._orders.catch_up(self._erasure_topic)
        await self._guests.catch_up(self._links_topic)
        await self._guests.catch_up(self._parts_topic)

    def _drop(self, partition: int) -> None:
        self.profiles.drop(partition)
        self.guest_parts.drop(partition)
        self.misplaced.drop(partition)

    def erasures_place(self, partition: int) -> LogPosition:
        """How far the erasures of a partition of interactions are known."""
        return self._orders.place(TopicPartition(self._erasure_topic, partition))

    def places(self) -> dict[TopicPartition, LogPosition]:
        """How far each partition is known."""
        return self._orders.places() | self._people.places() | self._guests.places() | self.items.places()

    async def stop(self) -> None:
        """Stops following."""
        await self.items.stop()
        await self._guests.stop()
        await self._people.stop()
        await self._orders.stop()
