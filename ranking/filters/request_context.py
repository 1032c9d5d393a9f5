"""Who lists are for and when, as far as rules ask."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.filters.disliked_genre import unwanted
from ranking.interests import Asked, Histories
from ranking.ragged import Ragged
from ranking.seen_index import seen_indices
from streams.contract.catalog import primary_language, viewer_age
from tables.item_model import ItemModel

NO_ITEMS = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class RequestContexts:
    """The users of a batch and the time. `met` are the items that each has met; `ages` int64[users] up to which age
    they are shown items, `countries` and `languages` int64[users] as the numbers that the catalogue bounds items to,
    `unwanted` uint64[users, words] the genres that are not to be listed, as bits."""

    asked: Sequence[Asked]
    now_ms: int
    met: Ragged
    ages: NDArray[np.int64]
    countries: NDArray[np.int64]
    languages: NDArray[np.int64]
    unwanted: NDArray[np.uint64]

    @classmethod
    def of(cls, asked: Sequence[Asked], histories: Histories, model: ItemModel, now_ms: int) -> "RequestContexts":
        """The contexts at `now_ms`, before the items of `model`."""
        catalog = model.catalog
        country, language = catalog.regions.number_of, catalog.languages.number_of
        spoken = [language_of(one) for one in asked]
        return cls(
            asked,
            now_ms,
            Ragged.of([NO_ITEMS if user is None else seen_indices(user.seen, model) for user, _ in asked]),
            np.array([viewer_age(profile, model.default_maturity) for _, profile in asked], np.int64),
            np.array([country(country_of(one)) for one in asked], np.int64),
            np.array([-2 if one is None else language(primary_language(one)) for one in spoken], np.int64),
            unwanted(asked, histories, model),
        )

    @classmethod
    def alone(cls, asked: Asked, model: ItemModel, now_ms: int) -> "RequestContexts":
        """One of them."""
        return cls.of([asked], Histories.of([asked], model), model, now_ms)

    def unwanted_genres(self, number: int, model: ItemModel) -> list[int]:
        """The numbers of the genres that are not to be listed for one of them."""
        bits = np.unpackbits(self.unwanted[number].astype("<u8", copy=False).view(np.uint8), bitorder="little")
        return bits[: len(model.catalog.genre_names)].nonzero()[0].tolist()

    def among(self, numbers: Sequence[int]) -> "RequestContexts":
        """Those of these numbers."""
        return RequestContexts(
            [self.asked[number] for number in numbers],
            self.now_ms,
            Ragged.of([self.met.row(number) for number in numbers]),
            self.ages[numbers],
            self.countries[numbers],
            self.languages[numbers],
            self.unwanted[numbers],
        )


def country_of(asked: Asked) -> str | None:
    """Where the user was seen last, else where the profile says they live."""
    user, profile = asked
    return (user.row.country if user else "") or (profile.country if profile else None)


def language_of(asked: Asked) -> str | None:
    """The language the user was seen with last, else the profile's."""
    user, profile = asked
    return (user.row.language if user else "") or (profile.language if profile else None)
