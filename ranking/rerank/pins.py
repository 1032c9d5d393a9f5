"""Operators' pins: an item stands in its slot on every list that it may be on; all others keep their order around it.

What eligibility dropped is in no pool, so no pin can bring it back."""

import numpy as np

from ranking.kernels.slates import place_pins
from ranking.ragged import offsets_of
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import RerankSettings


def pins(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Moves pinned items of the pools to their slots, or behind the last item of a shorter list."""
    del settings  # what operators want holds under any
    if pools.rules is None or not pools.rules.has_pins:
        return
    of_effects = [effect.pins for effect in pools.rules.effects]
    ends = offsets_of([len(own) for own in of_effects])
    items = np.array([pin.item for own in of_effects for pin in own], np.int32)
    slots = np.array([pin.slot for own in of_effects for pin in own], np.int64)
    place_pins(pools.offsets, pools.items, pools.rules.of, ends, items, slots, slates.order)
