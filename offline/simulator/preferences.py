"""What the simulated world is made of: items and people as vectors in one latent space.

An item lies near its genres, a person near the genres they like. How much a person likes an item is a fixed function
of both (`LatentPreferences.affinity`): the truth that a recommender has to find.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from offline.datasets.rows import ItemRow, ProfileRow
from offline.simulator.vocabulary import (
    AGE_GROUPS,
    COUNTRIES,
    DEVICES,
    GENRES,
    MATURITIES,
    NAMES,
    TITLE_FIRST,
    TITLE_SECOND,
)

DIMENSIONS: Final = 8
#: Spread of affinities: half of all pairs of a person and an item lie below .25, one in ten above .75.
_SHARPNESS: Final = 5.0
_THRESHOLD: Final = 0.4

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Item:
    """An item and its place; `appeal` is how much attention it gets whatever the interests, relative to others."""

    row: ItemRow
    place: Vector
    quality: float
    appeal: float


@dataclass(frozen=True)
class Person:
    """A user; `activity` is relative, `profile` None for those who never filled one in.

    `drawn_to` is what catches their eye: their place, and what is in fashion when there is such a thing. `heading` is
    at a right angle to the place: where their preferences move when they drift.
    """

    user_id: str
    place: Vector
    heading: Vector
    drawn_to: Vector
    activity: float
    country: str
    device: str
    second_device: str
    favorite_genres: tuple[str, ...]
    profile: ProfileRow | None


@dataclass
class LatentPreferences:
    """Makes items and people from a seed, each from a stream of its own: more items do not change the people."""

    seed: int
    genre_places: Vector = field(init=False)

    def __post_init__(self) -> None:
        genres, self._items, self._people, self._habits = (
            np.random.default_rng(child) for child in np.random.SeedSequence(self.seed).spawn(4)
        )
        self.genre_places = _unit(genres.normal(size=(len(GENRES), DIMENSIONS)))
        self._titles = self._items.permutation(len(TITLE_FIRST) * len(TITLE_SECOND))
        self._made = 0

    def affinity(self, person: Person, item: Item) -> float:
        """The truth: how much the person likes the item, 0 to 1."""
        closeness = float(person.place @ item.place) - _THRESHOLD + item.quality
        return float(1 / (1 + np.exp(-_SHARPNESS * closeness)))

    def next_item(self, released_at_ms: int | None = None) -> Item:
        """The next item; its id is `i` and a number from 1. Without a time it is some decades old."""
        random = self._items
        count = int(random.integers(1, 4))
        genres = random.choice(len(GENRES), size=count, replace=False)
        place = _unit(self.genre_places[genres].mean(axis=0) + random.normal(scale=0.25, size=DIMENSIONS))
        year = int(random.integers(1960, 2025))
        number = self._made
        self._made += 1
        row = ItemRow(
            item_id=f"i{number + 1}",
            title=self._title(number),
            genres=tuple(GENRES[genre] for genre in genres),
            cast=tuple(NAMES[name] for name in random.choice(len(NAMES), size=2, replace=False)),
            director=NAMES[int(random.integers(len(NAMES)))],
            year=year,
            language=COUNTRIES[int(random.integers(len(COUNTRIES)))][1],
            duration_s=int(random.integers(20, 150)) * 60,
            maturity=MATURITIES[int(random.integers(len(MATURITIES)))],
            released_at=f"{year}-07-01" if released_at_ms is None else released_at_ms,
            item_type="movie",
        )
        return Item(row, place, float(random.normal(scale=0.12)), float(random.pareto(1.8) + 0.3))

    def people(self, count: int, created_at_ms: int) -> list[Person]:
        """People `u1` to `u<count>`; 4 of 5 have a profile."""
        return [self._person(number + 1, created_at_ms) for number in range(count)]

    def _person(self, number: int, created_at_ms: int) -> Person:
        random = self._people
        genres = random.choice(len(GENRES), size=int(random.integers(1, 4)), replace=False)
        shares = random.dirichlet(np.ones(len(genres)))
        place = _unit(shares @ self.genre_places[genres] + random.normal(scale=0.15, size=DIMENSIONS))
        country, language, _ = COUNTRIES[int(random.choice(len(COUNTRIES), p=[share for *_, share in COUNTRIES]))]
        favorites = tuple(GENRES[genre] for genre in genres[np.argsort(-shares)])
        user_id = f"u{number}"
        age_group = AGE_GROUPS[int(random.integers(len(AGE_GROUPS)))]
        profile = ProfileRow(
            user_id,
            country,
            language,
            age_group,
            favorite_genres=favorites,
            maturity_max=MATURITIES[-1],
            created_at=created_at_ms,
        )
        return Person(
            user_id,
            place,
            heading=self._heading(place),
            drawn_to=place,
            activity=float(random.lognormal(sigma=1.0)),
            country=country,
            device=DEVICES[int(random.integers(len(DEVICES)))],
            second_device=DEVICES[int(self._habits.integers(len(DEVICES)))],
            favorite_genres=favorites,
            profile=profile if random.random() < 0.8 else None,
        )

    def _heading(self, place: Vector) -> Vector:
        direction = self._habits.normal(size=DIMENSIONS)
        return _unit(direction - (direction @ place) * place)

    def _title(self, number: int) -> str:
        volume, index = divmod(number, len(self._titles))
        first, second = divmod(int(self._titles[index]), len(TITLE_SECOND))
        title = f"The {TITLE_FIRST[first]} {TITLE_SECOND[second]}"
        return f"{title} {volume + 1}" if volume else title


def _unit(places: Vector) -> Vector:
    length: Vector = np.linalg.norm(places, axis=-1, keepdims=True)
    unit: Vector = places / length
    return unit
