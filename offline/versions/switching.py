"""The next switch: what a promotion, a rollback and a retirement make of the registry. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serving.live_pointer import BUCKETS
from serving.registry import Registry, Switch, VersionState

PERCENTS = (5, 25, 100)


class Refused(ValueError):
    """The switch makes no sense, forced or not; the message says why."""


@dataclass(frozen=True, slots=True)
class SwitchDecision:
    """Who switches, when (ms since the epoch), and on what grounds. `after` is the highest sequence number that Redis
    has seen: the next one is higher, so that a pointer never goes back even when the registry was made anew."""

    who: str
    when_ms: int
    after: int = 0
    forced: bool = False
    figures: Mapping[str, Any] | None = None


def promote(registry: Registry, version: str, percent: int, decision: SwitchDecision) -> Switch:
    """Gives `percent` of the users to `version`, the rest to the version that serves most besides it.

    Users are taken in steps: those of 5 % are among those of 25 %. Raises `Refused`.
    """
    if not 1 <= percent <= BUCKETS:
        raise Refused(f"{percent} is no percentage of users")
    if version not in registry.versions:
        raise Refused(f"there is no version {version}: `freshet versions` lists them")
    if registry.is_retired(version):
        raise Refused(f"{version} was retired")
    current = registry.current
    others = {name: weight for name, weight in current.weights.items() if name != version} if current else {}
    if percent == registry.weight_of(version):
        raise Refused(f"{version} serves {percent} % already")
    if len(others) > 1:
        served = ", ".join(f"{name} serves {weight} %" for name, weight in others.items())
        raise Refused(f"{served}: promote one of them to 100 % or roll back first")
    if percent == BUCKETS:
        weights = {version: BUCKETS}
    elif others:
        weights = {version: percent, next(iter(others)): BUCKETS - percent}
    else:
        raise Refused(f"{version} serves everybody and there is nobody to give the rest to: roll back instead")
    continued = current is not None and version in current.weights and len(current.weights) > 1
    sequence = _next(registry, decision)
    salt = current.salt if current and continued else f"rollout-{sequence}"
    return _switch(sequence, "promote", weights, salt, decision)


def rollback(registry: Registry, decision: SwitchDecision) -> Switch:
    """Gives everybody back to the version that served them before. Raises `Refused`."""
    target = registry.rollback_target()
    if target is None:
        raise Refused("there is no version to go back to: none served everybody before, or it was retired")
    return _switch(_next(registry, decision), "rollback", {target: BUCKETS}, "", decision)


def check_retirable(registry: Registry, version: str) -> None:
    """Raises `Refused` unless nobody is served by `version`."""
    if version not in registry.versions:
        raise Refused(f"there is no version {version}: `freshet versions` lists them")
    if registry.state_of(version) is VersionState.LIVE:
        raise Refused(f"{version} serves {registry.weight_of(version)} % of the users: promote another one first")


def _next(registry: Registry, decision: SwitchDecision) -> int:
    return max(registry.current.sequence if registry.current else 0, decision.after) + 1


def _switch(sequence: int, action: Any, weights: dict[str, int], salt: str, decision: SwitchDecision) -> Switch:
    figures = dict(decision.figures or {})
    return Switch(sequence, action, weights, decision.who, decision.when_ms, salt, decision.forced, figures)
