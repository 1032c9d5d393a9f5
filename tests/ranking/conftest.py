"""Fixtures of the ranking tests."""

import pytest
from small_world import SmallWorld


@pytest.fixture
def world() -> SmallWorld:
    """Ten people watch a, b, c in this order; ten others x, y."""
    world = SmallWorld()
    for number in range(10):
        world.sends(f"abc{number}", "abc")
        world.sends(f"xy{number}", "xy")
    world.publish()
    return world
