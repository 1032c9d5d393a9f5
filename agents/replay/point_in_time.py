"""As of when the item model is read: now, or, while its version is behind, as of what the model may know."""

from math import inf

from agents.followers.model_watermark import ModelWatermark
from agents.replay.coordinator import ReplayCoordinator
from agents.training.vector_fits import VectorFits
from ranking.outcomes import UNKNOWN_MS


class PointInTime:
    """Event times that bound what the item model knows, in ms since the epoch."""

    def __init__(self, coordinator: ReplayCoordinator, model_watermark: ModelWatermark, fits: VectorFits) -> None:
        self._coordinator = coordinator
        self._model_watermark = model_watermark
        self._fits = fits

    def max_model_watermark_ms(self) -> float:
        """The event time that the item model must not know more of: see agents.followers.model_watermark."""
        if not self._coordinator.own_behind:
            return inf
        return -inf if self._fits.due else self._coordinator.slowest_ms

    def feature_cutoff_ms(self) -> int:
        """The newest event time that the item model may know of, as far as that is asked: live, it is the present."""
        return self._model_watermark.feature_cutoff_ms if self._coordinator.own_behind else UNKNOWN_MS

    def model_ms(self, now_ms: int) -> int:
        """The time that lists are made for: now, or what the model knows."""
        feature_cutoff_ms = self.feature_cutoff_ms()
        return feature_cutoff_ms if feature_cutoff_ms > 0 else now_ms
