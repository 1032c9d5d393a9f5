"""The bench of experiments knows the truth of what it makes up; what it says of few seeds is about right."""

import pytest
from experiments import assignment, known_lift, lost_users, same_for_all


@pytest.fixture(scope="module")
def figures() -> dict[str, dict[str, float]]:
    return same_for_all(60)


def test_where_there_is_nothing_little_is_found(figures: dict[str, dict[str, float]]) -> None:
    for name in ("ctr", "clickers", "watch_time"):
        assert figures[name]["pct"] <= 15, figures
    assert figures["sequential, looked at 20 times"]["pct"] <= 5
    assert figures["fixed, looked at 20 times"]["pct"] > 10, "which is what sequential intervals are for"


def test_a_known_lift_is_found_about_as_often_as_said() -> None:
    found = known_lift(150)
    assert 70 <= found["found"]["pct"] <= 90
    assert found["lift_in_interval"]["pct"] >= 90


def test_lost_users_are_noticed() -> None:
    found = lost_users(500)
    assert found["caught"]["pct"] > 99
    assert found["false_alarms"]["pct"] <= 1


def test_assignments_stay_and_layers_are_independent() -> None:
    found = assignment()
    assert found["changed_variant"] == 0
    assert min(found["layers_p"], found["layer_buckets_p"]) > 0.001
