"""What moves in the simulated world: preferences from day to day, and what is in fashion in a country from week to
week.

Both are functions of time alone, so the truth at any moment can be asked for.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from offline.simulator.preferences import LatentPreferences, Person
from offline.simulator.vocabulary import COUNTRIES, GENRES
from streams.contract.units import DAY_MS

#: A country's fashion lasts this long.
FASHION_MS: Final = 7 * DAY_MS
_COUNTRY_NUMBERS: Final = {country: number for number, (country, *_) in enumerate(COUNTRIES)}


@dataclass(frozen=True)
class Changes:
    """`drift_per_day` is the angle in radians by which every user's preferences turn in a day, each in a direction of
    its own; `fashion` (0 = none, 1 = as strong as preferences) how much what is in fashion draws people's eyes.
    """

    preferences: LatentPreferences
    start_ms: int
    drift_per_day: float = 0.0
    fashion: float = 0.0

    def __post_init__(self) -> None:
        for name in ("drift_per_day", "fashion"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be 0 or more, not {getattr(self, name)}")

    def person_at(self, person: Person, at_ms: int) -> Person:
        """The person with the interests of that moment; what they like follows it, what they look at the fashion
        too."""
        if not self.drift_per_day and not self.fashion:
            return person
        angle = self.drift_per_day * (at_ms - self.start_ms) / DAY_MS
        place = np.cos(angle) * person.place + np.sin(angle) * person.heading
        genre = GENRES.index(self.in_fashion(person.country, at_ms))
        return replace(person, place=place, drawn_to=place + self.fashion * self.preferences.genre_places[genre])

    def in_fashion(self, country: str, at_ms: int) -> str:
        """The genre that is in fashion in a country at that moment."""
        week = max(0, (at_ms - self.start_ms) // FASHION_MS)
        random = np.random.default_rng([self.preferences.seed, 4, _COUNTRY_NUMBERS[country], week])
        return GENRES[int(random.integers(len(GENRES)))]
