"""The versions that serve now: the live pointer, and per version its key names as bytes and the cards of its items."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson

from serving.endpoint.version_cards import VersionCards
from serving.experiments import UNTREATED, ExperimentBook, Treatment, UserTraits
from serving.first_failure import FirstFailure
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_link import Link
from streams.contract.identities import PLAIN

log = logging.getLogger(__name__)

DEFAULT_CARD_BYTES = 128 << 20


@dataclass(slots=True)
class Version:
    """One model version as the hot path needs it: what to put around an id to get a key, and what its items are."""

    keys: Keys
    variant: str
    cards: VersionCards
    #: What follows the root of the namespace, and the place of a cluster's key.
    list_head: bytes = field(init=False)
    continue_head: bytes = field(init=False)
    similar_head: bytes = field(init=False)
    audience_head: bytes = field(init=False)
    labels: bytes = field(init=False)
    tail_fresh: bytes = field(init=False)
    tail_stale: bytes = field(init=False)
    _name: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._name = self.keys.version.encode()
        prefix = self._name + b":"
        self.list_head = prefix + b"list:{u:"
        self.continue_head = prefix + b"continue:{u:"
        self.similar_head = prefix + b"similar:{i:"
        self.audience_head = prefix + b"audience:{u:"
        variant = orjson.dumps(self.variant)
        self.labels = b'"model_version":%b,"variant":%b' % (orjson.dumps(self.keys.version), variant)
        self.tail_fresh = b',"variant":%b,"stale":false' % variant
        self.tail_stale = b',"variant":%b,"stale":true' % variant

    @property
    def etag_middle(self) -> bytes:
        """Another one as soon as an answer may be another one because items are, and the same in every process."""
        cards = self.cards
        return b".%b.%b:%b-%b." % (self._name, *cards.cards.read_up_to, cards.formerly.stamp)


class _Told(NamedTuple):
    """The copy of the running experiments that was read last, and the latest usable one: its sequence number and what
    it says."""

    value: bytes
    sequence: int
    experiments: ExperimentBook


class LiveVersions:
    """Knows who serves whom: the pointer, but for users of experiments that are served from a version of their own.
    Falls back to the configured version until a pointer is seen, and never goes back."""

    def __init__(
        self,
        namespace: str,
        default_version: str,
        link: Link,
        stored_id: Callable[[str], str] = PLAIN.of,
        most_card_bytes: int = DEFAULT_CARD_BYTES,
        clustered: bool = False,
    ) -> None:
        self._namespace = namespace
        self._clustered = clustered
        self._link = link
        self._most_card_bytes = most_card_bytes
        self._stored_id = stored_id
        self._experiments_key = Keys(namespace, default_version).experiments.encode()
        self.experiments = ExperimentBook()
        self._told = _Told(b"", -1, self.experiments)
        self._pointer = LivePointer({default_version: 100}, sequence=-1)
        self._versions: dict[str, Version] = {}
        self._everyones: Version | None = None
        self._preparing: dict[str, Version] = {}  # they serve as soon as their cards are read
        self._follow(self._pointer, self.experiments, self._versions_of(self._pointer, self.experiments))
        self._live_key = Keys(namespace, default_version).live.encode()

    @property
    def sequence(self) -> int:
        """The sequence number of the pointer in use; -1 before one was seen."""
        return self._pointer.sequence

    @property
    def all(self) -> list[Version]:
        """Every version that serves, in bucket order."""
        return list(self._versions.values())

    @property
    def known(self) -> list[Version]:
        """Those that serve, and those that will as soon as their cards are read."""
        return list((self._preparing | self._versions).values())

    def of(self, user_id: str) -> Version:
        """The version that serves a user."""
        return self._everyones or self._of(user_id)

    def _of(self, user_id: str) -> Version:
        if self.experiments.versions:
            own = self.experiments.untargeted(self._stored_id(user_id)).model_version
            if own is not None:
                return self._versions[own]
        return self._versions[self._pointer.version_of(user_id)]

    def treatment(self, stored_id: str, country: str, device: str, *, is_known: bool) -> Treatment:
        """The variants of somebody who has no list that says them."""
        if not self.experiments.running:
            return UNTREATED
        return self.experiments.treatment(stored_id, UserTraits(country, device, 0 if is_known else None))

    def version_treatment(self, user_id: str | None) -> Treatment:
        """The variant by which somebody is served from the version that they are; of nobody, none."""
        if user_id is None or not self.experiments.versions:
            return UNTREATED
        return self.experiments.version_treatment(self._stored_id(user_id))

    def first(self) -> Version:
        """The version that serves most: what answers without a user come from."""
        weights = self._pointer.weights
        return self._versions[max(weights, key=weights.__getitem__)]

    def others(self, version: Version) -> list[Version]:
        """The versions to try when a list is missing in one."""
        return [other for other in self._versions.values() if other is not version]

    def _versions_of(self, pointer: LivePointer, experiments: ExperimentBook) -> dict[str, Version]:
        versions = {}
        serving = [name for name, weight in pointer.weights.items() if weight]
        for name in dict.fromkeys((*serving, *experiments.versions)):
            known, variant = self._versions.get(name) or self._preparing.get(name), pointer.variant_of(name)
            if known is None:
                keys = Keys(self._namespace, name, self._clustered)
                known = Version(keys, variant, VersionCards(self._link, keys, self._most_card_bytes))
            elif known.variant != variant:
                known = Version(known.keys, variant, known.cards)
            versions[name] = known
        return versions

    async def refresh(self) -> None:
        """Reads the pointer, the running experiments and the cards that changed. In a cluster each is where it is: what
        answers is followed, then RedisUnavailable is raised."""
        failure = FirstFailure()

        async def read(key: bytes) -> bytes | None:
            with failure.kept():
                return await self._link.get(key)
            return None

        value, told = await asyncio.gather(read(self._live_key), read(self._experiments_key))
        pointer = self._newer(value) if value is not None else None
        if told is not None:
            self._told = self._newest(told)
        experiments = self._told.experiments
        is_new = pointer is not None or experiments is not self.experiments
        pointer = pointer or self._pointer
        versions = self._versions_of(pointer, experiments) if is_new else self._versions
        self._preparing = versions  # a reply that is late costs no card that was read before
        await self._refresh_all([*self._versions.values(), *versions.values()])
        if is_new:  # only now: a version has nothing to show before its items are known
            self._follow(pointer, experiments, versions)
        failure.tell()

    def _follow(self, pointer: LivePointer, experiments: ExperimentBook, versions: dict[str, Version]) -> None:
        self._pointer, self.experiments, self._versions = pointer, experiments, versions
        self._everyones = next(iter(versions.values())) if len(versions) == 1 else None

    def _newer(self, value: bytes) -> LivePointer | None:
        try:
            pointer = LivePointer.decode(value)
            for name in pointer.weights:
                Keys(self._namespace, name)
        except ValueError as error:  # a pointer nobody can follow: stay with the one in use, and say so
            log.error("the live pointer is unusable: %s", error)
            return None
        return pointer if pointer.sequence > self._pointer.sequence else None

    def _newest(self, value: bytes) -> _Told:
        """What the copy of the running experiments says, unless it is older than what it said before."""
        if value == self._told.value:
            return self._told
        known = self._told._replace(value=value)
        try:
            sequence, experiments = ExperimentBook.decode_running(value)
            for name in experiments.versions:
                Keys(self._namespace, name)
        except ValueError as error:  # stay with those in use, and say so
            log.error("the running experiments are unusable: %s", error)
            return known
        return _Told(value, sequence, experiments) if sequence > known.sequence else known

    async def _refresh_all(self, versions: Sequence[Version]) -> None:
        """Those that serve until others do are among them: what is withdrawn meanwhile is not shown."""
        once = {version.cards: version for version in versions}
        met = await asyncio.gather(*map(self._refresh_cards, once.values()), return_exceptions=True)
        for error in met:
            if error is not None:
                raise error

    async def _refresh_cards(self, version: Version) -> None:
        await version.cards.refresh()
