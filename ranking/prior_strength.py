"""How much what everybody likes counts against a history (p of `ranking.rank`), learned from what people chose.

Every example says where the chosen item would have stood with each of `STRENGTHS`. Of one bucket of history lengths the
gains 1 / log2(place + 2) within ten places are summed up, less that of the strength that holds without having
learned. The strength with the largest sum replaces it once that sum is more than `SURE` times its own noise, the root
of the sum of squares: short sessions in a shop want almost none, raters of films a lot, and who has few examples keeps
what was fitted to several logs. Sums fade, so that a log that changes is followed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.relative import highest_of
from ranking.rank import PRIOR_STRENGTH, trust_in

#: The first is as good as nothing, the last as good as the prior alone for who liked one item or two.
STRENGTHS: Final = (0.01, 0.5, 1.0, 2.0, PRIOR_STRENGTH, 10.0, 20.0, 50.0)
#: So many times its noise a sum has to be. Seven differences are looked at again and again: with two, one would be
#: found surely better in many a log where none is.
SURE: Final = 3.0
#: After so many examples of a bucket a gain counts 1/e of what it did.
MEMORY: Final = 4_000.0
#: Further down nothing is gained: a list is decided by its first ten.
_LAST_PLACE: Final = 10

Doubles = NDArray[np.float64]
Places = NDArray[np.uint16]


def places_by_strength(chosen: int, scores: Doubles, prior: NDArray[np.float32], strength: NDArray[np.int64]) -> Places:
    """uint16[strengths]: where the candidate `chosen` of one user stands from 0, by `scores` float64[candidates] >= 0,
    the `prior` float32[candidates] and the user's `strength` int64[1]: `ranking.rank` with each p, equals not above."""
    highest = np.empty(1)
    highest_of(np.array([0, len(scores)]), scores, highest)
    trust = trust_in(strength)[0] / highest[0] if highest[0] > 0 else 0.0
    mixed = trust * scores + np.outer(STRENGTHS, prior)
    places: Places = np.minimum((mixed > mixed[:, [chosen]]).sum(axis=1), np.iinfo(np.uint16).max).astype(np.uint16)
    return places


@dataclass(slots=True)
class PriorOutcomes:
    """float64[buckets, strengths] each: `sums` of what each strength gained over the one that is there to start from,
    and of the `squares` of that. `first` int64[buckets] are the places of those in `STRENGTHS`."""

    first: NDArray[np.int64]
    sums: Doubles
    squares: Doubles

    @classmethod
    def start(cls, first: Sequence[float]) -> Self:
        """Before anything was seen, from these strengths by bucket (the nearest of `STRENGTHS`)."""
        nearest = np.abs(np.log(np.array(STRENGTHS)) - np.log(np.array(first))[:, None]).argmin(axis=1)
        shape = len(first), len(STRENGTHS)
        return cls(nearest, np.zeros(shape), np.zeros(shape))

    @classmethod
    def of(cls, first: Sequence[float], stored: bytes) -> Self:
        """What `stored` kept, float64 little-endian; nothing when it is of other buckets or strengths."""
        found = cls.start(first)
        if len(stored) == 2 * found.sums.nbytes:
            found.sums, found.squares = np.frombuffer(stored, "<f8").reshape(2, *found.sums.shape).copy()
        return found

    def stored(self) -> bytes:
        """For `of`."""
        return np.stack([self.sums, self.squares]).astype("<f8").tobytes()

    def see(self, bucket: int, places: Places) -> None:
        """Takes in one example's `places` uint16[strengths]; none says nothing."""
        if len(places) != len(STRENGTHS):
            return
        at = places.astype(np.float64)
        gains = np.where(at < _LAST_PLACE, 1 / np.log2(at + 2), 0.0)
        more = gains - gains[self.first[bucket]]
        kept = 1 - 1 / MEMORY
        self.sums[bucket] = kept * self.sums[bucket] + more
        self.squares[bucket] = kept * self.squares[bucket] + more * more

    def strengths(self, first: Sequence[float], now: Sequence[float]) -> Doubles:
        """float64[buckets]: the strength that each ranks with from `now` on, `first` until another is surely better.
        One that was stays while it is better at all: sums that fade come and go around any bound."""
        found = np.array(first, np.float64)
        for bucket, held in enumerate(now):
            best = int(self.sums[bucket].argmax())
            if self.sums[bucket, best] > SURE * np.sqrt(self.squares[bucket, best]):
                found[bucket] = STRENGTHS[best]
            elif held in STRENGTHS and self.sums[bucket, STRENGTHS.index(held)] > 0:
                found[bucket] = held
        return found
