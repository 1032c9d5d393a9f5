"""What is decided about every candidate before the list is put in order: evidence, candidates, rules, features, scores.

Lists are made from it, the ranker learns from it, and `freshet why` prints it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import features, popular, trending
from ranking.candidates import Flags, Ints, Shared, gather
from ranking.evidence import Evidence
from ranking.ranker import Ranker, bucket_of
from ranking.rerank import explorers
from ranking.rules.hard import allowed
from ranking.rules.viewer import Viewer
from ranking.situation import Situation
from ranking.taste import Taste
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User


@dataclass(frozen=True, slots=True)
class Decision:
    """`items` int32[candidates] ascending, with the `generators` that named each, their `matrix` of features, and what
    the ranker makes of them: `scores` float64[candidates] in 0..1 and how `personal` those are. `dropped` are the items
    that each rule dropped, `tried` int32[] those that may be explored, `seed` what decides where chance would."""

    viewer: Viewer
    situation: Situation
    taste: Taste
    evidence: Evidence
    items: Ints
    generators: Flags
    dropped: Mapping[str, Ints]
    tried: Ints
    seed: int
    bucket: int
    matrix: NDArray[np.float32]
    scores: NDArray[np.float64]
    personal: NDArray[np.float64]

    @classmethod
    def of(
        cls, user: User | None, profile: UserProfile | None, model: ItemModel, ranker: Ranker, now_ms: int, size: int
    ) -> "Decision":
        """The decision for one user at `now_ms`, with at least `size` candidates if the rules allow as many."""
        taste = Taste.of(user, profile, model)
        evidence = Evidence.of(taste, model)
        viewer = Viewer.of(user, profile, model, now_ms)
        seed = explorers.seed_of(user)
        tried = explorers.candidates(model, now_ms, seed)
        # enough popular ones to fill the list though all that was met is dropped
        popular_size = size + int(np.count_nonzero(viewer.met))
        shared = Shared(trending.candidates(model, size), popular.candidates(model, popular_size), tried)
        generators = gather(evidence, viewer.unmet, shared, model)
        items, dropped = allowed(generators.nonzero()[0].astype(np.int32), viewer, model)
        if len(items) < size:  # the rules left too little: whatever there is
            generators = np.zeros(len(model), np.uint8)
            items, dropped = allowed(np.arange(len(model), dtype=np.int32), viewer, model)
        situation = Situation.of(user, profile, taste, model, now_ms)
        matrix = features.matrix(items, evidence, situation, model)
        bucket = bucket_of(len(taste.recent))
        scores, personal = ranker.judge(matrix, bucket)
        return cls(
            viewer,
            situation,
            taste,
            evidence,
            items,
            generators[items],
            dropped,
            tried,
            seed,
            bucket,
            matrix,
            scores,
            personal,
        )
