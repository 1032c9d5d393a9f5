"""SLIST (Choi et al.: "Session-aware linear item-item models for session-based recommendation", WWW 2021): one matrix
in closed form for what is used together and for what comes next. Here a user is a session that never ends."""

from typing import Final

import numpy as np
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
BEFORE: Final = range(-1, -1 - REACH, -1)
AFTER: Final = range(REACH)


class Slist(Nightly):
    """Minimises a |X - XB|^2 + (1 - a) |T - SB|^2 + l |B|^2 with nothing on B's diagonal: X what users met, S what came
    before each event and T what came from it on, both by exp(-distance). Weights are dense float32[items, items]; a fit
    inverts a matrix of that size."""

    _weights: Matrix = np.zeros((0, 0), np.float32)

    def _fit(self, met: csr_array) -> None:
        before, after = (self._windows(met.shape[1], distances) for distances in (BEFORE, AFTER))
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

    def _windows(self, items: int, distances: range) -> csr_array:
        """float32[events that have one before, items]: what each history holds at these distances from its event, by
        exp(-steps from the first distance)."""
        rows, columns, steps, begun = [], [], [], 0
        for history, length in zip(self._log.histories, self._known, strict=False):
            known, places = np.array(history[:length], np.int64), np.arange(1, length)
            for step, distance in enumerate(distances):
                there = places + distance
                inside = (there >= 0) & (there < length)
                rows.append(begun + places[inside] - 1)
                columns.append(known[there[inside]])
                steps.append(np.full(int(inside.sum()), step))
            begun += max(0, length - 1)
        weights = np.exp(-np.concatenate(steps) / DECAY_ITEMS).astype(np.float32)
        return csr_array((weights, (np.concatenate(rows), np.concatenate(columns))), shape=(begun, items))
