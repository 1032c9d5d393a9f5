"""Publications wait for their byte budget, but not for ever."""

import pytest

from agents.items import PublicationLimiter


@pytest.mark.parametrize(
    ("size_bytes", "due_after_s"), [(0, 2.0), (1_000, 2.0), (4_000, 4.0), (9_000, 9.0), (10**9, 9.0)]
)
def test_a_publication_waits_for_the_interval_then_the_budget_and_at_most_the_allowed_staleness(
    size_bytes: int, due_after_s: float
) -> None:
    limiter = PublicationLimiter(lambda: 2.0, 1_000, max_staleness_s=9.0)
    assert limiter.due(100.0)
    limiter.published(100.0, size_bytes)
    assert not limiter.due(100.0 + due_after_s - 0.01)
    assert limiter.due(100.0 + due_after_s)


def test_an_interval_that_is_longer_than_the_staleness_holds() -> None:
    limiter = PublicationLimiter(lambda: 60.0, 1_000, max_staleness_s=9.0)
    limiter.published(100.0, 10**9)
    assert not limiter.due(159.0)
    assert limiter.due(160.0)
