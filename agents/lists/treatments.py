"""How each user's list is ranked: the worker's settings, but for what the user's variants change."""

from ranking.filters.request_context import country_of
from ranking.interests import Asked
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
        self.book = book
        self._settings = settings
        self._changed: dict[str, RankingSettings] = {}
        self._version = book.version

    def of(self, stored_id: str, asked: Asked) -> Treatment:
        """What a user gets."""
        return self.book.treatment(stored_id, traits_of(asked)) if self.book.running else UNTREATED

    def settings(self, treatment: Treatment) -> RankingSettings:
        """How the lists of a treatment are ranked; the same object while experiments stay as they are."""
        if treatment is UNTREATED:
            return self._settings
        if self._version != self.book.version:
            self._version = self.book.version
            self._changed.clear()
        name = f"{treatment.experiment_id}={treatment.variant}"
        if name not in self._changed:
            settings = self._settings
            for _, variant in treatment.parts:
                settings = settings.changed(variant.ranking)
            self._changed[name] = settings
        return self._changed[name]
