"""docs/metrics.md, generated from the definitions: `python -m ops.metrics_docs > docs/metrics.md`."""

import sys
from collections.abc import Iterable
from typing import Final

from prometheus_client import ProcessCollector

from agents.metrics.definitions import METRICS as OF_WORKERS
from ops.operator.replay.metrics import METRICS as OF_REPLAYS
from serving.collect.metrics import METRICS as OF_COLLECT
from serving.endpoint.metrics import METRICS as OF_ENDPOINTS
from streams.metrics import ExportedMetric, MetricKind
from streams.sinks.metrics import METRICS as OF_SINKS

_HEAD: Final = """\
# Metrics

Generated from `agents/metrics/definitions.py`, `serving/endpoint/metrics.py`, `serving/collect/metrics.py`,
`streams/sinks/metrics.py` and `ops/operator/replay/metrics.py` by `make docs`; do not edit.

A worker, a sink, `freshet replay` and each of its workers answer `/metrics`, `/healthz` and `/readyz` on
`FRESHET_METRICS_PORT` (off without one) of `FRESHET_METRICS_HOST` (127.0.0.1; for probes from another machine, set
an address of that network: the page names topics and versions, never users). One port is for one process: with several
on a host give each its own. `freshet replay` and `freshet demo` start their workers on the ports behind the one that is
set. The endpoint has all three on its own port, for all of its processes together, and so has `freshet collect`.

* `/healthz` is 200 while the event loop turns and the process asks for records; else 503 with the reason. Restart what
  is not healthy.
* `/readyz` is 200 while the process owns restored partitions and works on them; else 503 with the reason: it starts,
  restores, the group rebalances, or it owns no partition. None of these is a reason to restart it. A replay is ready
  once its version is at the head of the log.

Alerts and dashboards over these are in `deploy/monitoring/`; what to do is in [operations.md](operations.md).

Counters begin at 0 with each process; those of a partition go on when it is given away. Labels have few values: of
topics, partitions, reasons and routes; at most 100 versions and combinations of variants.

| Name | Type | Unit | Labels | Of | Meaning |
|---|---|---|---|---|---|
"""


def of_process() -> list[ExportedMetric]:
    """What the client of Prometheus says of the process itself, where there is /proc."""
    return [
        ExportedMetric(family.name, MetricKind(family.type), family.documentation)
        for family in ProcessCollector(namespace="freshet", registry=None).collect()
    ]


def table() -> dict[str, tuple[ExportedMetric, tuple[str, ...]]]:
    """Every metric by its exported name, and which processes have it."""
    kinds = (
        ("worker", OF_WORKERS),
        ("endpoint", OF_ENDPOINTS),
        ("collect", OF_COLLECT),
        ("sink", OF_SINKS),
        ("replay", OF_REPLAYS),
    )
    found = {metric.exported: (metric, (kind,)) for kind, metrics in kinds for metric in metrics}
    return found | {metric.exported: (metric, ("worker", "sink", "replay")) for metric in of_process()}


def metrics_page() -> str:
    """The whole page as Markdown."""
    return _HEAD + "".join(_row(name, metric, kinds) for name, (metric, kinds) in table().items())


def _row(name: str, metric: ExportedMetric, kinds: Iterable[str]) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    unit = metric.unit or "1"
    return f"| `{name}` | {metric.kind} | {unit} | {labels} | {', '.join(kinds)} | {metric.meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
