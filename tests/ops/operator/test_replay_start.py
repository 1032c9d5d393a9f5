"""Which versions may be replayed into, and from when."""

import pytest

from ops.operator.replay_start import CannotReplay, _record, parse_from
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
    ((key, value),) = _record(registry, "v2", "earliest")
    registry.apply(key, value)
    assert registry.records["v2"].reads_from == "earliest"
    assert _record(registry, "v2", "earliest") == []
    with pytest.raises(CannotReplay, match="begun with --from earliest"):
        _record(registry, "v2", "2026-01-01T00:00:00Z")
    with pytest.raises(CannotReplay, match="is live"):
        _record(registry, "v1", "earliest")
    with pytest.raises(CannotReplay, match="was retired"):
        _record(registry, "v0", "earliest")
