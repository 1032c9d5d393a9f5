"""What a replay exports is how far it is, under the names that the docs have."""

from harness.metrics import Scraped, differences

from offline.replay.progress import ReplayProgress
from ops.metrics_docs import table
from ops.operator.replay.metrics import ReplayMetrics
from streams.metrics import MetricsText

DOCUMENTED = {
    name: frozenset(metric.labels)
    for name, (metric, kinds) in table().items()
    if "replay" in kinds and not name.startswith("freshet_process_")
}


def page(metrics: ReplayMetrics) -> Scraped:
    return Scraped.of(MetricsText(metrics.readings()).text().decode())


def test_a_replay_is_ready_at_the_head_and_not_before() -> None:
    metrics = ReplayMetrics()
    assert metrics.unready() == "nobody has looked how far it is yet"
    assert page(metrics).value("freshet_replay_caught_up") == 0
    metrics.note(ReplayProgress(40, 100, 60, None, None, 0, 5_000, 0, 1_500), at_head=False)
    assert metrics.unready() == "it is 60 records behind"
    found = page(metrics)
    assert differences(found, DOCUMENTED, ()) == []
    assert found.value("freshet_replay_folded_records") == 40
    assert found.value("freshet_replay_behind_records") == 60
    assert found.value("freshet_replay_lag_seconds") == 5
    assert found.value("freshet_replay_skew_seconds") == 1.5
    metrics.note(ReplayProgress(110, 111, 1, None, None, 0, 10), at_head=True)
    assert metrics.unready() == ""
    assert page(metrics).value("freshet_replay_caught_up") == 1
