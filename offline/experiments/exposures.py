"""From what users were shown and did to what is counted of each: only what follows the first list of the experiment.

A user is exposed by the first list that names the experiment, whether it was their own, everybody's, or of another
version than the variant's, which stands in while that one has none: that is all that chance decided. From then on
everything counts, whatever list it came from, but a click counts only on an item that a list of the experiment showed
the user within the attribution window; what they did before that list is kept apart, and what comes after the end of
the experiment is not counted.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from offline.experiments.metrics import BEFORE, COLUMNS, ExposedUsers
from serving.experiments import variant_in
from streams.contract.event_weights import is_finished_watch
from streams.contract.events import EventType, Interaction
from streams.contract.experiments import Experiment
from streams.contract.served import Surface
from streams.contract.units import DAY_MS

#: What users did in so many days before they were exposed says how much they do anyway.
BEFORE_MS = 14 * DAY_MS
#: A list's diversity is that of its first items.
FRONT = 20
#: What of all that is served is a list that an experiment is about: the user's list and homepage, by former names too.
SURFACES = frozenset((Surface.RECOMMENDATIONS.value, Surface.HOMEPAGE.value, "list", "page"))
WATCHES = frozenset((EventType.PLAY, EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END))


class ShownList(NamedTuple):
    """A list that a user was shown: the labels of its experiments, whose it is, its items, and the version it is of."""

    user_id: str
    at_ms: int
    experiment_id: str
    variant: str
    source: str
    items: Sequence[str]
    model_version: str


class Did(NamedTuple):
    """What one event says, as far as it is counted."""

    at_ms: int
    kind: EventType
    item_id: str
    finished: bool
    watch_s: float
    rating: float | None

    @classmethod
    def of(cls, event: Interaction) -> "Did":
        """Of an event."""
        finished, seconds = is_finished_watch(event), event.watch_duration_s
        is_end = event.event_type is EventType.WATCH_END
        rating = event.rating if event.event_type is EventType.RATING else None
        watched = seconds if is_end and seconds is not None else 0.0
        return cls(event.timestamp_ms, event.event_type, event.item_id or "", finished, watched, rating)


@dataclass(slots=True)
class _Exposed:
    variant: str
    lists: list[ShownList] = field(default_factory=list)
    did: list[Did] = field(default_factory=list)
    event_ids: set[str] = field(default_factory=set)
    changed: bool = False


class Exposures:
    """Takes lists, then events, in any order each. `window_ms` is the attribution window."""

    def __init__(self, experiment: Experiment, window_ms: int, genres: Mapping[str, Sequence[str]]) -> None:
        self._experiment = experiment
        self._window_ms = window_ms
        self._genres = genres
        self._begin_ms = experiment.started_ms or 0
        self._end_ms = experiment.stopped_ms
        self._versions = {variant.name: variant.model_version for variant in experiment.variants}
        self._numbers = {variant.name: number for number, variant in enumerate(experiment.variants)}
        self._users: dict[str, _Exposed] = {}

    def show(self, shown: ShownList) -> None:
        """A list was shown; those of no variant of the experiment, and after its end, say nothing."""
        variant = variant_in(shown.experiment_id, shown.variant, self._experiment.experiment_id)
        if variant not in self._numbers or (self._end_ms is not None and shown.at_ms >= self._end_ms):
            return
        user = self._users.setdefault(shown.user_id, _Exposed(variant))
        user.changed |= user.variant != variant
        user.lists.append(shown)

    def wants(self, user_id: str) -> bool:
        """Whether what a user did is counted."""
        return user_id in self._users

    def add(self, user_id: str, event_id: str, did: Did) -> None:
        """A user did something; one of each event id counts."""
        user = self._users[user_id]
        if event_id not in user.event_ids:
            user.event_ids.add(event_id)
            user.did.append(did)

    @property
    def changed(self) -> int:
        """Users who were shown lists of several variants: there should be none."""
        return sum(user.changed for user in self._users.values())

    def users(self) -> ExposedUsers:
        """All who were exposed to one variant."""
        kept = [user for user in self._users.values() if not user.changed]
        for user in kept:
            user.lists.sort(key=lambda shown: shown.at_ms)
        return ExposedUsers(
            np.array([self._numbers[user.variant] for user in kept], np.int64),
            np.array([user.lists[0].at_ms for user in kept], np.int64),
            np.array([self._counted(user) for user in kept], np.float64).reshape(-1, len(COLUMNS)),
        )

    def _counted(self, user: _Exposed) -> list[float]:
        counts: defaultdict[str, float] = defaultdict(float)
        exposed_ms, end_ms = user.lists[0].at_ms, self._end_ms
        version = self._versions[user.variant]
        shown_at: defaultdict[str, list[int]] = defaultdict(list)
        for shown in user.lists:
            counts["lists"] += 1
            counts["impressions"] += len(shown.items)
            counts["fallbacks"] += shown.source != "personal" or version not in (None, shown.model_version)
            front = shown.items[:FRONT]
            counts["genres"] += len({genre for item in front for genre in self._genres.get(item, ())})
            for item in shown.items:
                shown_at[item].append(shown.at_ms)
        clicked, begun, finished = set[tuple[str, int]](), set[str](), set[str]()
        for did in sorted(user.did, key=lambda one: one.at_ms):
            if did.at_ms < exposed_ms:
                if did.at_ms >= exposed_ms - BEFORE_MS:
                    _count_before(counts, did)
            elif end_ms is None or did.at_ms < end_ms:
                if did.kind is EventType.CLICK:
                    place = self._last_shown(shown_at.get(did.item_id, ()), did.at_ms)
                    if place is not None:
                        clicked.add((did.item_id, place))
                if did.kind in WATCHES:
                    begun.add(did.item_id)
                    counts["watch_s"] += did.watch_s
                if did.finished:
                    finished.add(did.item_id)
                if did.rating is not None:
                    counts["ratings"] += 1
                    counts["rating_sum"] += did.rating
        counts["clicks"], counts["watches"] = len(clicked), len(begun)
        counts["finished"] = len(finished & begun)
        return [counts[name] for name in COLUMNS]

    def _last_shown(self, times: Sequence[int], at_ms: int) -> int | None:
        """When the item was shown last before an event, within the window: a click counts once for each time."""
        before = [shown_ms for shown_ms in times if at_ms - self._window_ms <= shown_ms <= at_ms]
        return max(before, default=None)


def _count_before(counts: defaultdict[str, float], did: Did) -> None:
    clicks, watches, seconds, ratings = BEFORE
    counts[clicks] += did.kind is EventType.CLICK
    counts[watches] += did.kind in WATCHES
    counts[seconds] += did.watch_s
    counts[ratings] += did.rating is not None


def exposed_users(
    experiment: Experiment,
    shown: Iterable[ShownList],
    events: Iterable[Interaction],
    genres: Mapping[str, Sequence[str]],
    window_ms: int,
) -> tuple[ExposedUsers, int]:
    """All at once: the users, and how many are left out because they changed the variant."""
    exposures = Exposures(experiment, window_ms, genres)
    for one in shown:
        exposures.show(one)
    for event in events:
        if exposures.wants(event.user_id):
            exposures.add(event.user_id, event.event_id, Did.of(event))
    return exposures.users(), exposures.changed
