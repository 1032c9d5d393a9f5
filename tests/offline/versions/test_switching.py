"""What a promotion and a rollback make of the registry, and what they refuse."""

import pytest

from offline.versions.switching import Refused, SwitchDecision, check_retirable, promote, rollback
from serving.registry import Registry, VersionRecord

T_MS = 1_800_000_000_000
DECISION = SwitchDecision("ann@host", T_MS)


@pytest.fixture
def registry() -> Registry:
    made = Registry()
    for version in ("v1", "v2", "v3"):
        made.apply(*VersionRecord(T_MS, "ann").record(version))
    made.apply(*promote(made, "v1", 100, DECISION).record())
    return made


def step(registry: Registry, version: str, percent: int) -> dict[str, int]:
    made = promote(registry, version, percent, DECISION)
    registry.apply(*made.record())
    return made.weights


def test_a_rollout_keeps_its_users_and_ends_with_everybody(registry: Registry) -> None:
    users = [f"u{n}" for n in range(2_000)]
    served: list[set[str]] = []
    for percent in (5, 25, 100):
        step(registry, "v2", percent)
        assert registry.current is not None
        pointer = registry.current.pointer
        served.append({user for user in users if pointer.version_of(user) == "v2"})
    assert served[0] < served[1] < served[2]
    assert served[2] == set(users)
    assert [s.sequence for s in registry.switches] == [1, 2, 3, 4]


def test_the_first_version_may_be_given_everybody_only() -> None:
    empty = Registry()
    empty.apply(*VersionRecord(T_MS, "ann").record("v1"))
    with pytest.raises(Refused, match="nobody to give the rest"):
        promote(empty, "v1", 5, DECISION)
    assert promote(empty, "v1", 100, DECISION).weights == {"v1": 100}


def test_what_makes_no_sense_is_refused(registry: Registry) -> None:
    with pytest.raises(Refused, match="no version v9"):
        promote(registry, "v9", 5, DECISION)
    with pytest.raises(Refused, match="serves 100 % already"):
        promote(registry, "v1", 100, DECISION)
    with pytest.raises(Refused, match="no percentage"):
        promote(registry, "v2", 0, DECISION)
    step(registry, "v2", 25)
    with pytest.raises(Refused, match="v2 serves 25 %, v1 serves 75 %"):
        promote(registry, "v3", 5, DECISION)
    registry.apply(*VersionRecord(T_MS, "ann", retired_ms=T_MS).record("v3"))
    with pytest.raises(Refused, match="v3 was retired"):
        promote(registry, "v3", 100, DECISION)


def test_the_sequence_number_goes_past_what_redis_has_seen(registry: Registry) -> None:
    assert promote(registry, "v2", 5, SwitchDecision("ann", T_MS, after=41)).sequence == 42


def test_a_rollback_gives_everybody_back_once(registry: Registry) -> None:
    step(registry, "v2", 100)
    registry.apply(*rollback(registry, DECISION).record())
    assert registry.current is not None
    assert (registry.current.weights, registry.current.sequence) == ({"v1": 100}, 3)
    with pytest.raises(Refused, match="no version to go back to"):
        rollback(registry, DECISION)


def test_a_version_that_serves_anybody_is_not_retired(registry: Registry) -> None:
    step(registry, "v2", 5)
    for version in ("v1", "v2"):
        with pytest.raises(Refused, match="of the users"):
            check_retirable(registry, version)
    check_retirable(registry, "v3")
    with pytest.raises(Refused, match="no version v9"):
        check_retirable(registry, "v9")
