"""How each user's list is ranked: the worker's settings, but for what the user's variants change."""

from collections.abc import Sequence

from ranking.filters.request_context import country_of
from ranking.interests import Asked
from ranking.ranker import Ranker
from ranking.settings import RankingSettings
from serving.experiments import UNTREATED, ExperimentBook, Treatment, UserTraits
from streams.contract.units import HOUR_MS


def traits_of(asked: Asked) -> UserTraits:
    """What targeting asks of a user. Known is who met an item, or had a profile, before; the hour of a meeting is what
    is kept, and counts from its beginning."""
    user, profile = asked
    since = [] if profile is None or profile.created_at_ms is None else [profile.created_at_ms]
    if user is not None:
        first = next(iter(user.seen.log), None)
        since += [] if first is None else [first[1] * HOUR_MS]
    device = user.row.device_type if user is not None else ""
    return UserTraits(country_of(asked) or "", device, min(since, default=None))


class Treatments:
    """What the users of one worker get."""

    def __init__(self, book: ExperimentBook, settings: RankingSettings) -> None:
        self._book = book
        self._settings = settings
        self._changed: dict[tuple[str, str], RankingSettings] = {}
        self._rankers: dict[RankingSettings, tuple[Ranker, Ranker]] = {}
        self._version = book.version

    @property
    def version(self) -> int:
        """Grows when who gets what may have changed."""
        return self._book.version

    def of(self, asked: Asked) -> Treatment:
        """What a user gets, who is somebody."""
        user, _ = asked
        if not self._book.running or user is None:
            return UNTREATED
        return self._book.treatment(user.user_id, traits_of(asked))

    def may_differ(self, stored_id: str, made_under: Treatment) -> bool:
        """Whether a user's list may have been made under another treatment than theirs: what targeting says is not
        asked."""
        return self._book.untargeted(stored_id).names != made_under.names

    def settings(self, treatment: Treatment) -> RankingSettings:
        """How the lists of a treatment are ranked."""
        if self._version != self._book.version:
            self._version = self._book.version
            self._changed.clear()
            self._rankers.clear()
        changed = self._changed.get(treatment.names)
        if changed is None:
            changed = self._settings
            for _, variant in treatment.parts:
                changed = changed.changed(variant.ranking)
            self._changed[treatment.names] = changed
        return changed

    def ranker(self, settings: RankingSettings, ranker: Ranker) -> Ranker:
        """The ranker as the settings weigh it, made once for each that is followed."""
        if not settings.factors:
            return ranker
        known = self._rankers.get(settings)
        if known is None or known[0] is not ranker:
            known = self._rankers[settings] = ranker, settings.weighed(ranker)
        return known[1]


def by_treatment(asked: Sequence[Asked], treatments: Treatments) -> list[tuple[Treatment, list[int]]]:
    """The numbers of users who get the same."""
    together: dict[Treatment, list[int]] = {}
    for number, one in enumerate(asked):
        together.setdefault(treatments.of(one), []).append(number)
    return list(together.items())
