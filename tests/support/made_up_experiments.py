"""Experiments for tests."""

from typing import Any

from streams.contract.experiments import Experiment, RankingOverrides, Variant

STARTED_MS = 1_764_500_000_000
HALVES = (Variant("control", 50), Variant("treatment", 50))
QUIET = RankingOverrides(explore_items=0, generators_off=("explore",))


def running(experiment_id: str = "a", layer: str = "ranking", **more: Any) -> Experiment:
    """One that runs on everybody, half and half, unless said otherwise."""
    fields: dict[str, Any] = {
        "experiment_id": experiment_id,
        "layer": layer,
        "seed": experiment_id,
        "buckets": (0, 10_000),
        "variants": HALVES,
        "state": "running",
        "changed_ms": STARTED_MS,
        "started_ms": STARTED_MS,
    }
    return Experiment(**fields | more)


def treated(overrides: RankingOverrides) -> tuple[Variant, Variant]:
    """Half as ever, half with `overrides`."""
    return Variant("control", 50), Variant("treatment", 50, overrides)


def everybody(overrides: RankingOverrides) -> tuple[Variant, Variant]:
    """All with `overrides`."""
    return Variant("control", 50, overrides), Variant("treatment", 50, overrides)
