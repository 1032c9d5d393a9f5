"""How lists are ranked, as far as it can differ from user to user: rules of re-ranking, generators, weights."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from ranking import features
from ranking.candidates import NO_GENERATOR, Generator
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from streams.contract.experiments import RULE_FIELDS, RankingOverrides


@dataclass(frozen=True, slots=True)
class RankingSettings:
    """`generators_off` name no candidates; `factors`, by feature, are what the ranker's weights are multiplied with,
    those that are not 1."""

    rerank: RerankSettings = field(default_factory=RerankSettings)
    generators_off: Generator = NO_GENERATOR
    factors: tuple[tuple[str, float], ...] = ()

    def changed(self, overrides: RankingOverrides) -> Self:
        """These, but for what `overrides` name."""
        named = {name: getattr(overrides, name) for name in RULE_FIELDS}
        rules = replace(self.rerank, **{name: value for name, value in named.items() if value is not None})
        off = self.generators_off
        for name in overrides.generators_off:
            off |= Generator[name.upper()]
        own: Mapping[str, float] = overrides.weights  # type: ignore[assignment]  # names are texts
        weights = dict(self.factors) | dict(own)
        factors = tuple(sorted((name, factor) for name, factor in weights.items() if factor != 1.0))
        return replace(self, rerank=rules, generators_off=off, factors=factors)

    def weighed(self, ranker: Ranker) -> Ranker:
        """The ranker with its weights times the factors."""
        if not self.factors:
            return ranker
        factors = np.ones(features.COUNT)
        for name, factor in self.factors:
            factors[features.NAMES.index(name)] = factor
        return ranker.with_factors(factors)
