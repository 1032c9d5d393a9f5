"""SLIST (Choi et al.: "Session-aware linear item-item models for session-based recommendation", WWW 2021): one matrix
in closed form for what is used together and for what comes next. Here a user is a session that never ends."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from offline.evaluate.baselines.ease import Matrix, inverse_of
from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.baselines.seen_log import Floats

#: The paper's ranges have these in their middle; one choice for all data sets.
TOGETHER_SHARE: Final = 0.2  # the rest is for what comes next
LAMBDA: Final = 10.0
DECAY_ITEMS: Final = 1.0  # within the history while learning
RECALL_DECAY_ITEMS: Final = 4.0  # when a list is asked for
#: Items before and after an event that are tied to each other; of those further away less than e^-8 is left.
REACH: Final = 8


class Slist(Nightly):
    """Minimises a |X - XB|^2 + (1 - a) |T - SB|^2 + l |B|^2 with nothing on B's diagonal: X what users met, S what came
    before each event and T what came from it on, both by exp(-distance). Weights are dense float32[items, items]; a fit
    inverts a matrix of that size."""

    _weights: Matrix = np.zeros((0, 0), np.float32)

    def _fit(self, met: csr_array) -> None:
        before, after = self._windows(met.shape[1])
        share = np.float32(TOGETHER_SHARE)
        together = share * np.asarray((met.T @ met).toarray(), np.float32)
        gram = together + (1 - share) * np.asarray((before.T @ before).toarray(), np.float32)
        cross = together + (1 - share) * np.asarray((before.T @ after).toarray(), np.float32)
        gram[np.diag_indices_from(gram)] += np.float32(LAMBDA)
        inverse = inverse_of(gram)
        weights: Matrix = inverse @ cross
        multipliers = np.diagonal(weights) / np.diagonal(inverse)  # of what must be nothing on the diagonal
        weights = (weights - inverse * multipliers).astype(np.float32)
        np.fill_diagonal(weights, 0.0)
        self._weights = weights

    def _scores(self, user: int, known: list[int]) -> Floats:
        decays = np.exp(-np.arange(len(known))[::-1] / RECALL_DECAY_ITEMS)
        scores: Floats = decays @ self._weights[known]
        return scores

    def _windows(self, items: int) -> tuple[csr_array, csr_array]:
        """S and T, float32[events that have one before, items]."""
        parts: tuple[list[NDArray[np.int64]], ...] = ([], [], [], [])
        rows = 0
        for history, length in zip(self._log.histories, self._known, strict=False):
            one = np.array(history[:length], np.int64)
            for parts_of, direction in ((parts[:2], -1), (parts[2:], 1)):
                first = 1 if direction < 0 else 0
                for distance in range(first, REACH + first):
                    places = np.arange(1, length)
                    there = places + direction * distance
                    inside = (there >= 0) & (there < length)
                    columns = one[there[inside]]
                    parts_of[0].append((rows + places[inside] - 1) * items + columns)
                    parts_of[1].append(np.full(len(columns), distance - first))
            rows += max(0, length - 1)
        return self._matrix(parts[0], parts[1], (rows, items)), self._matrix(parts[2], parts[3], (rows, items))

    @staticmethod
    def _matrix(
        cells: list[NDArray[np.int64]], distances: list[NDArray[np.int64]], shape: tuple[int, int]
    ) -> csr_array:
        at = np.concatenate(cells) if cells else np.zeros(0, np.int64)
        weights = np.exp(-np.concatenate(distances) / DECAY_ITEMS) if distances else np.zeros(0)
        return csr_array((weights.astype(np.float32), (at // shape[1], at % shape[1])), shape=shape)
