"""What users said about themselves, followed from `users.profiles`: in memory, by partition of the user.

A worker holds those of the users that it owns: no list may be made without the profile that restricts it, so whoever
takes a partition over reads its profiles before anything else (decision 58). A profile is kept as the bytes that came,
and parsed when a list is made (4 us): about 0.4 KB each, 0.4 GB for a million users, where parsed ones would take three
times that and slow down the garbage collector.
"""

from collections.abc import Callable, Iterator

from aiokafka.structs import ConsumerRecord

from agents.followers.recent_changes import RecentChanges
from streams.contract.catalog import UserProfile, parse_profile, renamed_profile
from streams.contract.identities import PLAIN, Identities
from streams.contract.misplaced import MisplacedProfile, parse_misplaced
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.unreadable import read_profile, strictest_profile
from streams.contract.user_records import user_partition

_TIME_BYTES = 8


class PartitionProfiles:
    """The profiles of one partition of users."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}  # when it was said, then the profile as it came
        self._elsewhere: dict[str, dict[int, int]] = {}  # whose profiles lie in which other partitions, said when
        self._changes = RecentChanges[str]()

    def put(self, user_id: str, value: bytes | None, append_ms: int) -> None:
        """Takes a valid profile, or None = removed, that was said at `append_ms`."""
        if value is None:
            self._values.pop(user_id, None)
        else:
            self._values[user_id] = append_ms.to_bytes(_TIME_BYTES, "big") + value
        self._changes.note(user_id)

    def note_elsewhere(self, misplaced: MisplacedProfile) -> None:
        """A profile of one of the users lies in another partition, or does no more: nobody knows here what it says."""
        lying = self._elsewhere.get(misplaced.user_id, {})
        if lying.get(misplaced.found_in) == misplaced.said_ms:
            return  # said again, as whoever reads that partition does
        if misplaced.said_ms is None:
            del lying[misplaced.found_in]
            if not lying:
                del self._elsewhere[misplaced.user_id]
        else:
            self._elsewhere.setdefault(misplaced.user_id, lying)[misplaced.found_in] = misplaced.said_ms
        self._changes.note(misplaced.user_id)

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._changes.count

    def __len__(self) -> int:
        return len(self._values)

    def get(self, user_id: str) -> UserProfile | None:
        """What the user said, or None. The strictest that somebody may say, as long as a profile which lies elsewhere
        may be the last word: whoever is restricted by it must not be shown more than it allows."""
        value = self._values.get(user_id)
        if self._is_elsewhere(user_id):
            return strictest_profile(user_id)
        return None if value is None else parse_profile(user_id.encode(), value[_TIME_BYTES:])

    def said_ms(self, user_id: str) -> int:
        """When the user said it in their own partition, ms since the epoch; 0 = never."""
        return int.from_bytes(self._values.get(user_id, b"")[:_TIME_BYTES], "big")

    def seen_ms(self, user_id: str) -> int:
        """When the user said anything about themselves, wherever it lies, ms since the epoch; 0 = never."""
        return max([self.said_ms(user_id), *self._elsewhere.get(user_id, {}).values()])

    def _is_elsewhere(self, user_id: str) -> bool:
        """Whether what lies elsewhere may be the last word."""
        lying = self._elsewhere.get(user_id)
        return lying is not None and max(lying.values()) >= self.said_ms(user_id)

    def users(self) -> Iterator[str]:
        """Everybody who has a profile at the time of the call, here or elsewhere."""
        return iter([*self._values, *(user_id for user_id in self._elsewhere if user_id not in self._values)])

    @property
    def elsewhere(self) -> int:
        """How many users are restricted by a profile that lies elsewhere."""
        return sum(map(self._is_elsewhere, self._elsewhere))

    def changed_since(self, version: int) -> list[str] | None:
        """Users whose profile changed after `version`; None when that is too long ago to tell."""
        return self._changes.since(version)


class Profiles:
    """The profiles that this process was told, by partition and by the user's stored id. `misplaced` is told of those
    that lie elsewhere, and of their users' partitions."""

    def __init__(
        self,
        partitions: int,
        identities: Identities = PLAIN,
        misplaced: Callable[[MisplacedProfile, int], None] = lambda *_: None,
    ) -> None:
        self._tell_misplaced = misplaced
        self._identities = identities
        self._number = partitions
        self._partitions: dict[int, PartitionProfiles] = {}

    def of(self, partition: int) -> PartitionProfiles:
        """Those of one partition of users; the same object until they are dropped."""
        return self._partitions.setdefault(partition, PartitionProfiles())

    def drop(self, partition: int) -> None:
        """Forgets those of one partition of users: another process owns it."""
        self._partitions.pop(partition, None)

    def held(self) -> dict[int, int]:
        """How many there are, by partition."""
        return {partition: len(profiles) for partition, profiles in self._partitions.items()}

    def misplaced(self) -> dict[int, int]:
        """How many users are restricted by profiles that lie elsewhere, by the users' partitions."""
        return {partition: profiles.elsewhere for partition, profiles in self._partitions.items()}

    def apply_misplaced(self, record: ConsumerRecord) -> None:
        """Takes one record that says whose profile lies elsewhere. Raises `InvalidEvent` for one that says nothing."""
        self.of(record.partition).note_elsewhere(parse_misplaced(record.key, record.value))

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic: what cannot be read of it restricts most. Raises `InvalidEvent` afterwards
        where that is so, and for one that is nobody's, or where the owner of its user does not look. What removes such
        a one is well."""
        user_id, value, problem = read_profile(record.key, record.value)
        if user_id is not None:
            if (wanted := user_partition(user_id, self._number)) == record.partition:
                self._take(record.partition, user_id, value, max(0, record.timestamp))
            else:
                said_ms = None if value is None else max(0, record.timestamp)
                self._tell_misplaced(MisplacedProfile(self._identities.of(user_id), record.partition, said_ms), wanted)
                if value is not None and problem is None:
                    problem = InvalidEvent(Reason.WRONG_PARTITION, f"the partition of this user is {wanted}")
        if problem is not None:
            raise problem

    def _take(self, partition: int, user_id: str, value: bytes | None, said_ms: int) -> None:
        stored_id = self._identities.of(user_id)
        if value is not None and stored_id != user_id:
            value = renamed_profile(value, stored_id)
        self.of(partition).put(stored_id, value, said_ms)
