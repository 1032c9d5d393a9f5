"""Finds in what a version wrote down whether it knew what it must not have known. Pure.

read past the watermark  an event was evaluated by items that knew later events
cross-partition skew     a partition was folded further ahead of another than is allowed
a label in the features  what the ranker learns from tells by itself which candidate was chosen
"""

from collections.abc import Iterable, Sequence

import numpy as np

from ranking import features
from ranking.examples import Example
from ranking.outcomes import UNKNOWN_MS, Outcomes

#: A feature that alone finds the chosen one among those passed over so often knows more than can be known.
TELLING_SHARE = 0.98
#: With fewer examples it may be chance.
MIN_EXAMPLES = 50


def read_past_the_watermark(evaluated: Sequence[Outcomes]) -> list[str]:
    """One sentence when events were evaluated by items that knew later ones."""
    if not evaluated:
        return []
    rows = np.concatenate(evaluated)
    past = rows[(rows["feature_cutoff_ms"] != UNKNOWN_MS) & (rows["feature_cutoff_ms"] > rows["event_ms"])]
    if not len(past):
        return []
    worst_ms = int((past["feature_cutoff_ms"] - past["event_ms"]).max())
    return [
        f"{len(past)} of {len(rows)} events were evaluated with items that knew later ones, "
        f"by up to {worst_ms / 1000:g} s"
    ]


def cross_partition_skew(steps: Iterable[tuple[int, int]], max_skew_ms: int) -> list[str]:
    """One sentence when a partition lagged too far behind another and went on all the same.

    `steps` are (partition of interactions, event time reached, ms) in the order of commits, as the records of one
    partition of `item.deltas` tell them. Late events, which do not move a partition's time, say nothing.
    """
    reached: dict[int, int] = {}
    found, worst_ms = 0, 0
    for partition, reached_ms in steps:
        if not reached_ms or reached_ms <= reached.get(partition, 0):
            continue
        reached[partition] = reached_ms
        skew_ms = max(reached.values()) - reached_ms
        found += skew_ms > max_skew_ms
        worst_ms = max(worst_ms, skew_ms)
    if not found:
        return []
    return [
        f"{found} times a partition was behind another, which had gone on, by up to {worst_ms / 1000:g} s "
        f"(limit {max_skew_ms / 1000:g} s)"
    ]


def labels_in_features(examples: Sequence[Example]) -> list[str]:
    """One sentence for each feature that tells the label."""
    if len(examples) < MIN_EXAMPLES:
        return []
    above, below = np.zeros(features.COUNT), np.zeros(features.COUNT)
    for example in examples:
        chosen, others = example.features[0], example.features[1:]
        above += chosen > others.max(axis=0, initial=-np.inf)
        below += chosen < others.min(axis=0, initial=np.inf)
    shares = np.maximum(above, below) / len(examples)
    return [
        f"the feature {features.NAMES[place]} tells the chosen item in {shares[place]:.1%} of {len(examples)} examples"
        for place in np.flatnonzero(shares >= TELLING_SHARE).tolist()
    ]
