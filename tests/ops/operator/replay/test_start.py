"""Which versions may be replayed into, and from when."""

import pytest

from ops.operator.replay.start import Beginning, CannotReplay, _filled, _record, parse_from
from serving.registry import Registry, Switch, VersionRecord


def test_a_time_is_rfc3339_or_ms() -> None:
    assert parse_from("2026-01-01T01:00:00+01:00") == parse_from("1767225600000") == 1767225600000
    assert parse_from("earliest") is None
    with pytest.raises(CannotReplay, match="yesterday"):
        parse_from("yesterday")


def test_a_version_is_begun_once_and_no_live_or_retired_one_is_rebuilt() -> None:
    registry = Registry()
    registry.apply(*Switch(1, "first", {"v1": 100}, "ann", 1).record())
    registry.apply(*VersionRecord(1, "ann", retired_ms=2).record("v0"))
    ((key, value),) = _record(registry, "v2", Beginning())
    registry.apply(key, value)
    assert registry.records["v2"].reads_from == "earliest"
    assert _record(registry, "v2", Beginning()) == []
    with pytest.raises(CannotReplay, match="begun with --from earliest"):
        _record(registry, "v2", Beginning("2026-01-01T00:00:00Z"))
    with pytest.raises(CannotReplay, match="is live"):
        _record(registry, "v1", Beginning())
    with pytest.raises(CannotReplay, match="was retired"):
        _record(registry, "v0", Beginning())


def test_a_version_that_began_with_a_snapshot_is_filled_once() -> None:
    registry = Registry()
    beginning = Beginning(snapshot="s1", archive=True)
    for changes in (_record(registry, "v2", beginning), _record(registry, "v2", beginning)):
        for key, value in changes:
            registry.apply(key, value)
    record = registry.records["v2"]
    assert (record.snapshot, record.archive, record.filled) == ("s1", True, False)
    others = (Beginning(), Beginning(snapshot="s1"), Beginning(snapshot="s2", archive=True), Beginning(archive=True))
    for other in others:
        with pytest.raises(CannotReplay, match="v2 was begun with --snapshot s1 --archive; choose another name"):
            _record(registry, "v2", other)
    ((key, value),) = _filled(registry, "v2")
    registry.apply(key, value)
    assert registry.records["v2"].filled
    assert _record(registry, "v2", beginning) == []
