"""The truth about versions, folded from its records."""

import pytest

from serving.live_pointer import InvalidPointer
from serving.registry import OVERLAP_MS, Registry, Switch, VersionRecord, VersionState, figures_record
from streams.contract.reasons import InvalidEvent

T_MS = 1_800_000_000_000


def switch(sequence: int, weights: dict[str, int], action: str = "promote", when_ms: int = T_MS) -> Switch:
    return Switch(sequence, action, weights, "ann@host", when_ms)  # type: ignore[arg-type]


def registry_of(*switches: Switch, retired: str = "") -> Registry:
    registry = Registry()
    for made in switches:
        registry.apply(*made.record())
    if retired:
        registry.apply(*VersionRecord(T_MS, "ann", retired_ms=T_MS).record(retired))
    return registry


def test_a_version_is_what_the_records_say() -> None:
    registry = registry_of(switch(1, {"v1": 100}, "first"), switch(2, {"v2": 100}), retired="v0")
    registry.apply(b"fingerprint:v3", b"{}")
    assert registry.versions == ["v0", "v1", "v2", "v3"]
    states = {version: registry.state_of(version) for version in registry.versions}
    assert states == {
        "v0": VersionState.RETIRED,
        "v1": VersionState.PREVIOUS,
        "v2": VersionState.LIVE,
        "v3": VersionState.CANDIDATE,
    }
    assert (registry.weight_of("v1"), registry.weight_of("v2")) == (0, 100)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"switch:000000000002", b"nonsense"),
        (b"switch:000000000002", b"\xff"),
        (b"switch:000000000003", switch(2, {"v2": 100}).record()[1]),
        (b"switch:2", switch(2, {"v2": 100}).record()[1]),
        switch(2, {}).record(),
        switch(2, {"v2": 60}).record(),
        switch(2, {"v2": 150, "v1": -50}).record(),
        switch(2, {"no version": 100}).record(),
        switch(-2, {"v2": 100}).record(),
        switch(10**13, {"v2": 100}).record(),
        (b"switch:%012d" % 10**30, switch(10**30, {"v2": 100}).record()[1]),
        (b"version:v2", b'{"created_ms":"x"}'),
        (b"version:../v2", VersionRecord(T_MS, "ann").record("v2")[1]),
        (b"version:", VersionRecord(T_MS, "ann").record("v2")[1]),
        (b"figures:v2", b"[]"),
        (b"fingerprint:v 2", b"{}"),
    ],
)
def test_a_record_that_cannot_be_read_is_refused_and_changes_nothing(key: bytes, value: bytes) -> None:
    registry = registry_of(switch(1, {"v1": 100}, "first"))
    with pytest.raises(InvalidEvent):
        registry.apply(key, value)
    assert registry.versions == ["v1"]
    assert registry.current is not None
    assert registry.current.sequence == 1


def test_records_may_come_twice_and_in_any_order() -> None:
    records = [switch(n, {f"v{n}": 100}).record() for n in range(1, 12)]
    registry = Registry()
    for record in [*reversed(records), *records]:
        registry.apply(*record)
    assert [made.sequence for made in registry.switches] == list(range(1, 12))
    assert registry.current is not None
    assert registry.current.pointer.weights == {"v11": 100}
    assert registry.current.pointer.sequence == 11


def test_foreign_keys_are_left_alone_and_nulls_remove() -> None:
    registry = Registry()
    for record in [(None, b"?"), (b"later:v1", b"?"), figures_record("v1", {"quality": 1}), figures_record("v1", None)]:
        registry.apply(*record)
    assert registry.versions == []
    assert registry.figures == {}
    assert registry.current is None


def test_weights_that_do_not_add_up_are_no_pointer() -> None:
    with pytest.raises(InvalidPointer):
        _ = switch(1, {"v1": 99}).pointer


ONE, TWO = {"v1": 100}, {"v2": 100}
SPLIT = {"v2": 5, "v1": 95}


@pytest.mark.parametrize(
    ("switches", "target"),
    [
        ([], None),
        ([ONE], None),
        ([ONE, SPLIT], "v1"),
        ([ONE, SPLIT, TWO], "v1"),
        ([ONE, TWO, {"v3": 100}], "v2"),
        ([ONE, TWO, "back to v1"], None),  # v2 was rolled back: a second rollback must not bring it back
        ([ONE, TWO, {"v3": 100}, "back to v2"], "v1"),
        ([ONE, SPLIT, "back to v1", TWO], "v1"),
    ],
)
def test_a_rollback_leads_to_who_served_everybody_before(switches: list[dict[str, int] | str], target: str) -> None:
    made = [
        switch(n, {s.split()[-1]: 100}, "rollback") if isinstance(s, str) else switch(n, s)
        for n, s in enumerate(switches)
    ]
    assert registry_of(*made).rollback_target() == target


def test_no_rollback_leads_to_a_retired_version() -> None:
    assert registry_of(switch(1, ONE), switch(2, TWO), retired="v1").rollback_target() is None


def test_every_moment_has_one_version_that_answers_and_switches_overlap() -> None:
    registry = registry_of(
        switch(1, ONE, "first", T_MS), switch(2, SPLIT, when_ms=T_MS + 10), switch(3, TWO, when_ms=T_MS + 20)
    )
    assert registry.answers_for("v1", T_MS - 1)  # before anybody switched anything
    assert registry.answers_for("v1", T_MS + 19)
    assert not registry.answers_for("v2", T_MS + 19)  # 5 % do not lead
    assert registry.answers_for("v2", T_MS + 20)
    assert registry.answers_for("v1", T_MS + 20 + OVERLAP_MS - 1)  # v2 may not know yet
    assert not registry.answers_for("v1", T_MS + 20 + OVERLAP_MS)
    assert not registry.answers_for("v3", T_MS)
    for ms in range(T_MS - 5, T_MS + 30):
        assert any(registry.answers_for(version, ms) for version in ("v1", "v2"))
