"""Weights that fade with event time and yet are plain sums, in any order of arrival.

Forward decay (Cormode, Shkapenyuk, Srivastava, Xu: "Forward Decay", ICDE 2009): what happens at t is added with the
weight 2^((t - landmark) / half-life). Seen from any later time all weights shrink by one common factor, so nothing that
is stored is ever touched again to grow old. float32 holds 30 years on either side of the landmark.
"""

import numpy as np
from numpy.typing import NDArray

from streams.contract.units import HOUR_MS

HALF_LIFE_H = 90 * 24.0
LANDMARK_H = 438_288  # 2020-01-01T00:00Z in hours since the epoch
#: The last hour whose weight float32 holds with room for sums, in 2047.
LAST_HOUR = LANDMARK_H + int(110 * HALF_LIFE_H)


def weight_of_hour(hour: float) -> float:
    """The weight of something that happened in an hour since the epoch.

    >>> weight_of_hour(LANDMARK_H + HALF_LIFE_H) / weight_of_hour(LANDMARK_H)
    2.0
    """
    return float(2.0 ** ((hour - LANDMARK_H) / HALF_LIFE_H))


def weights_of_hours(hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same for many."""
    weights: NDArray[np.float64] = 2.0 ** ((hours - LANDMARK_H) / HALF_LIFE_H)
    return weights


def fading(now_ms: int) -> float:
    """The factor that turns sums of weights into what they count at `now_ms`: what happened now counts 1."""
    return 1 / weight_of_hour(now_ms / HOUR_MS)
