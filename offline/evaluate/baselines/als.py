"""Implicit ALS (Hu, Koren, Volinsky 2008), by the package `implicit`."""

from typing import Any

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_array, csr_matrix
from threadpoolctl import threadpool_limits

from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.baselines.seen_log import Floats

#: Best of 36 combinations by NDCG@10 of whole lists on the first 80,000 events of MovieLens 100K (0.2015).
FACTORS = 64
REGULARISATION = 10.0
ALPHA = 1.0
ITERATIONS = 15


class ImplicitAls(Nightly):
    """Users who came after the fit are placed by their history when it is live."""

    def __init__(self, seed: int, *, live_history: bool = False, least_new: int = 1) -> None:
        super().__init__(live_history=live_history, least_new=least_new)
        self._seed = seed
        self._model: Any = None

    def _fit(self, met: csr_array) -> None:
        with threadpool_limits(1, "blas"):  # many small products: threads only wait for each other
            self._model = AlternatingLeastSquares(
                factors=FACTORS,
                regularization=REGULARISATION,
                alpha=ALPHA,
                iterations=ITERATIONS,
                num_threads=1,
                random_state=self._seed,
            )
            self._model.fit(csr_matrix(met), show_progress=False)

    def _scores(self, user: int, known: list[int]) -> Floats:
        factors = self._model.item_factors
        if self._live_history:
            ones = np.ones(len(known), np.float32)
            met = csr_matrix((ones, (np.zeros(len(known), np.int32), known)), shape=(1, len(factors)))
            interests = self._model.recalculate_user(0, met)
        else:
            interests = self._model.user_factors[user]
        return np.asarray(factors @ np.ravel(interests), np.float64)
