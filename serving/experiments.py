"""Which variants a user has: what `freshet.experiments` says, folded record by record, and the stored id.

A layer is a name, and its hash of a user's stored id gives one of 10,000 buckets. Experiments of one layer have buckets
of their own, so no user is in two of them; layers know nothing of each other, so what a user gets in one says nothing
of what they get in another. Within an experiment a second hash, of its seed, decides the variant. Neither depends on
anything that changes: worker, endpoint and command find the same, and a user never changes the variant. Targeting, by
what was seen of the user last, decides whether the experiment is about them at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

import msgspec

from streams.contract.experiments import (
    BUCKETS,
    MAX_LAYERS,
    Experiment,
    RankingOverrides,
    Variant,
    parse_experiment,
)
from streams.contract.reasons import InvalidEvent

#: Between the ids, and between the names, of the experiments of one list.
SEPARATOR = ","
NO_OVERRIDES = RankingOverrides()
_LAYER, _VARIANT = b"layer", b"variant"


def layer_bucket(layer: str, stored_id: str) -> int:
    """A user's bucket in a layer, 0-9,999.

    >>> layer_bucket("ranking", "u17"), layer_bucket("rows", "u17")
    (3203, 4513)
    """
    return _bucket(_LAYER, layer, stored_id)


def variant_bucket(seed: str, stored_id: str) -> int:
    """A user's bucket among the variants of an experiment, 0-9,999."""
    return _bucket(_VARIANT, seed, stored_id)


def _bucket(purpose: bytes, seed: str, stored_id: str) -> int:
    # 64 bits: the last buckets are less likely than the first by 10^-15. `person` keeps a layer and an experiment of
    # the same name apart.
    stored = stored_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(stored, digest_size=8, key=_key(seed), person=purpose).digest()) % BUCKETS


@lru_cache(maxsize=1024)
def _key(seed: str) -> bytes:
    """A seed has its own hash because a key takes 64 bytes only."""
    return blake2b(seed.encode(), digest_size=32).digest()


def variant_of(experiment: Experiment, stored_id: str) -> Variant:
    """The variant that an experiment has for a user, whether it is about them or not."""
    left = variant_bucket(experiment.seed, stored_id)
    for variant in experiment.variants:
        left -= variant.buckets
        if left < 0:
            return variant
    raise AssertionError("shares add up to all buckets")


class UserTraits(NamedTuple):
    """What targeting asks of a user: where and on what they were seen last, "" = not known, and since when anything is
    known of them, in ms since the epoch, None = nothing is."""

    country: str
    device: str
    known_since_ms: int | None


#: Somebody of whom nothing is known.
STRANGER = UserTraits("", "", None)


def is_targeted(experiment: Experiment, traits: UserTraits) -> bool:
    """Whether an experiment is about somebody."""
    targeting = experiment.targeting
    if targeting.countries and traits.country.upper() not in targeting.countries:
        return False
    if targeting.devices and traits.device.lower() not in targeting.devices:
        return False
    since, started = traits.known_since_ms, experiment.started_ms
    is_known = since is not None and started is not None and since < started
    return targeting.users == "all" or (targeting.users == "known") == is_known


@dataclass(frozen=True, slots=True, eq=False)  # one object for all who get the same
class Treatment:
    """All variants of one user, by layer. `experiment_id` and `variant` name them as lists, answers and records do: of
    several, joined by commas in the same order."""

    parts: tuple[tuple[Experiment, Variant], ...]
    experiment_id: str = field(init=False)
    variant: str = field(init=False)

    def __post_init__(self) -> None:
        ids = SEPARATOR.join(experiment.experiment_id for experiment, _ in self.parts)
        object.__setattr__(self, "experiment_id", ids)
        object.__setattr__(self, "variant", SEPARATOR.join(variant.name for _, variant in self.parts))

    @property
    def names(self) -> tuple[str, str]:
        """Both: what two treatments are compared by."""
        return self.experiment_id, self.variant

    @property
    def ranks_differently(self) -> bool:
        """Whether a variant changes how lists are ranked."""
        return any(variant.ranking != NO_OVERRIDES for _, variant in self.parts)

    @property
    def model_version(self) -> str | None:
        """The version whose lists the user gets; None = whichever serves them."""
        named = (variant.model_version for _, variant in self.parts if variant.model_version is not None)
        return next(named, None)


#: Of somebody who is in no experiment.
UNTREATED = Treatment(())


def variant_in(experiment_id: str, variant: str, wanted: str) -> str | None:
    """The variant that the labels of a list or an event name for one experiment; None = it is not among them.

    >>> variant_in("a,b", "x,y", "b"), variant_in("a,b", "x,y", "c"), variant_in("a", "x,y", "a")
    ('y', None, None)
    """
    ids, names = experiment_id.split(SEPARATOR), variant.split(SEPARATOR)
    return names[ids.index(wanted)] if len(ids) == len(names) and wanted in ids else None


class ExperimentBook:
    """All experiments of a namespace. `apply` takes the records of the topic in their order, any number of times;
    `version` grows when who is treated how may have changed."""

    def __init__(self, experiments: Iterable[Experiment] = ()) -> None:
        self.version = 0
        self.by_id: dict[str, Experiment] = {}
        self.running: tuple[Experiment, ...] = ()
        self.versions: tuple[str, ...] = ()  # that running experiments serve somebody from
        self._treatments: dict[tuple[tuple[str, str], ...], Treatment] = {}
        self._removed_ms = 0
        for experiment in experiments:
            self._take(experiment)

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Takes one record. Raises `InvalidEvent` for one that cannot be used, and changes nothing; of one that removes
        an experiment afterwards, because whoever reads the topic later does not find it."""
        name = (key or b"").decode(errors="replace")
        if value is None and name in self.by_id:
            self._removed_ms = self.changed_ms + 1
            del self.by_id[name]
            self._follow()
        self._take(parse_experiment(key, value))

    def _take(self, experiment: Experiment) -> None:
        if self.by_id.get(experiment.experiment_id) == experiment:
            return
        self.by_id[experiment.experiment_id] = experiment
        self._follow()

    def _follow(self) -> None:
        running = sorted(
            (known for known in self.by_id.values() if known.state == "running"),
            key=lambda known: (known.layer, known.started_ms, known.experiment_id),
        )
        layers = list(dict.fromkeys(known.layer for known in running))[:MAX_LAYERS]
        self.running = tuple(known for known in running if known.layer in layers)
        named = (variant.model_version for known in self.running for variant in known.variants)
        self.versions = tuple(dict.fromkeys(version for version in named if version is not None))
        self._treatments.clear()
        self.version += 1

    @property
    def changed_ms(self) -> int:
        """When a record was last written; 0 = there is none."""
        return max(self._removed_ms, *(known.changed_ms for known in self.by_id.values()), 0)

    def treatment(self, stored_id: str, traits: UserTraits) -> Treatment:
        """What somebody gets."""
        return self._known([part for part in self._parts(stored_id) if is_targeted(part[0], traits)])

    def untargeted(self, stored_id: str) -> Treatment:
        """What somebody gets whom every experiment is about."""
        return self._known(self._parts(stored_id))

    def version_treatment(self, stored_id: str) -> Treatment:
        """The part of it that says which version serves somebody: of lists that are nobody's own, nothing else is."""
        if not self.versions:
            return UNTREATED
        return self._known([part for part in self._parts(stored_id) if part[0].by_version])

    def _parts(self, stored_id: str) -> list[tuple[Experiment, Variant]]:
        parts: list[tuple[Experiment, Variant]] = []
        layer, bucket = "", 0
        for experiment in self.running:
            if parts and parts[-1][0].layer == experiment.layer:
                continue  # two that overlap, which `conflicts` refuses: the earlier one has the bucket
            if experiment.layer != layer:
                layer, bucket = experiment.layer, layer_bucket(experiment.layer, stored_id)
            if experiment.buckets[0] <= bucket < experiment.buckets[1]:
                parts.append((experiment, variant_of(experiment, stored_id)))
        return parts

    def _known(self, parts: list[tuple[Experiment, Variant]]) -> Treatment:
        """One object for all who get the same, so that what is derived from it is made once."""
        if not parts:
            return UNTREATED
        key = tuple((experiment.experiment_id, variant.name) for experiment, variant in parts)
        known = self._treatments.get(key)
        if known is None:
            known = self._treatments[key] = Treatment(tuple(parts))
        return known

    # -- the copy in Redis, for endpoints ---------------------------------------------------------------------------

    def encode_running(self) -> bytes:
        """The value of the `experiments` key."""
        return msgspec.json.encode({"sequence": self.changed_ms, "running": self.running})

    @classmethod
    def decode_running(cls, value: bytes) -> tuple[int, ExperimentBook]:
        """The sequence number of such a value, and its experiments. Raises ValueError."""
        copy = msgspec.json.decode(value, type=_RunningCopy)
        try:
            records = [parse_experiment(*experiment.record()) for experiment in copy.running]
        except InvalidEvent as error:
            raise ValueError(str(error)) from error
        return copy.sequence, cls(records)


class _RunningCopy(msgspec.Struct):
    sequence: int
    running: tuple[Experiment, ...]


def conflicts(wanted: Experiment, running: Sequence[Experiment]) -> list[str]:
    """Why an experiment cannot run beside others, a sentence each: buckets of one layer are given out once, and a
    setting is changed by one layer only."""
    found = []
    others = [known for known in running if known.experiment_id != wanted.experiment_id]
    for known in others:
        name = known.experiment_id
        if known.layer == wanted.layer:
            first, end = max(known.buckets[0], wanted.buckets[0]), min(known.buckets[1], wanted.buckets[1])
            if first < end:
                found.append(f"{name} has the buckets {first}-{end} of the layer {known.layer}")
        elif both := sorted(known.changed_settings() & wanted.changed_settings()):
            found.append(f"{name} of the layer {known.layer} changes {', '.join(both)} too")
    layers = {known.layer for known in others} | {wanted.layer}
    if len(layers) > MAX_LAYERS:
        found.append(f"{', '.join(sorted(layers - {wanted.layer}))} have running experiments: {MAX_LAYERS} layers may")
    return found


def free_buckets(layer: str, running: Sequence[Experiment]) -> list[tuple[int, int]]:
    """What no running experiment of a layer has, as (first bucket, the one behind the last)."""
    taken = sorted(known.buckets for known in running if known.layer == layer)
    bounds = [(0, 0), *taken, (BUCKETS, BUCKETS)]
    return [(before[1], after[0]) for before, after in pairwise(bounds) if before[1] < after[0]]
