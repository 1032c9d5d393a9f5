"""What a partition's list keeper is told: how long lists live, who gets one, and how a sweep spreads its work."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SweepLimits:
    """How a sweep spreads its work over ticks."""

    lists_per_tick: int = 200
    rows_per_tick: int = 2_000
    renewals_per_tick: int = 20
    written_position_check_ms: int = 1_000
    missed_check_ms: int = 400
    retry_ms: int = 500
    renew_at: float = 0.8  # share of a list's life after which it is rewritten


@dataclass(frozen=True, slots=True)
class KeeperSettings:
    """Users without an event or a read for `active_days` get no list; one that is not rewritten is gone after
    `list_ttl_s`. A partition whose events wait for longer than `overload_after_ms` makes lists by turns (0 = never)."""

    active_days: int
    list_ttl_s: int
    limits: SweepLimits = SweepLimits()
    overload_after_ms: int = 0
