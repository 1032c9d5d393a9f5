"""What a sink counts, and its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from aiokafka.structs import TopicPartition

from streams.contract.served import Surface
from streams.metrics import Distribution, ExportedMetric, MetricKind, Reading

#: Anybody who may write to a topic may have written a list: what is of no surface of ours has one name.
OTHER_SURFACE: Final = "other"
SURFACES: Final = (*Surface, OTHER_SURFACE)
#: Of one write to an analytic store: a block of ten thousand rows, or an erasure.
WRITE_BOUNDS_S = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0)


def _metric(name: str, kind: MetricKind, meaning: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(f"freshet_sink_{name}", kind, meaning, ("sink", *labels))


ROWS: Final = _metric("rows", MetricKind.COUNTER, "Rows that the store confirmed.")
BLOCKS: Final = _metric("blocks", MetricKind.COUNTER, "Blocks that the store confirmed.")
RETRIES: Final = _metric("retries", MetricKind.COUNTER, "Writes that the store did not take and that were tried again.")
REFUSED: Final = _metric("refused_records", MetricKind.COUNTER, "Records that the store refused: dead letters.")
SKIPPED: Final = _metric("skipped_records", MetricKind.COUNTER, "Records that are no row, by reason.", "reason")
MISSING: Final = _metric("missing_records", MetricKind.COUNTER, "Offsets of interactions that retention took unread.")
ERASED: Final = _metric(
    "erased_users", MetricKind.COUNTER, "Erasures that the store carried out and that were verified."
)
ATTRIBUTED: Final = _metric("attributed_events", MetricKind.COUNTER, "Events that belong to a list.")
SHOWN: Final = _metric("shown_items", MetricKind.COUNTER, "Items of the lists that were shown, by surface.", "surface")
CLICKED: Final = _metric(
    "clicks", MetricKind.COUNTER,
    "Clicks that belong to a list, by its surface: the quotient with the shown items is the CTR.", "surface",
)  # fmt: skip
WATCHED: Final = _metric(
    "watches", MetricKind.COUNTER,
    "Plays and begun watching that belong to a list, by its surface: with the shown items the watch rate.", "surface",
)  # fmt: skip
CIRCUIT_OPEN: Final = _metric("circuit_open", MetricKind.GAUGE, "1 while the store is given up but for probes.")
WAITING: Final = _metric("waiting_records", MetricKind.GAUGE, "Records that were read and wait to be written.")
LAG: Final = _metric(
    "lag_records", MetricKind.GAUGE, "Offsets of an owned partition that are not written yet.", "topic", "partition"
)
WRITE: Final = _metric("write_seconds", MetricKind.HISTOGRAM, "How long the store took for one write.")

METRICS: Final = tuple(value for value in list(globals().values()) if isinstance(value, ExportedMetric))


class SinkMetrics:
    """The figures of one process; all carry the label `sink`."""

    def __init__(self, sink: str) -> None:
        self._sink = sink
        self.rows = 0
        self.blocks = 0
        self.retries = 0
        self.refused = 0
        self.skipped: Counter[str] = Counter()
        self.missing = 0
        self.erased = 0
        self.attributed = 0
        self.shown: Counter[str] = Counter(dict.fromkeys(SURFACES, 0))
        self.clicked: Counter[str] = Counter(dict.fromkeys(SURFACES, 0))
        self.watched: Counter[str] = Counter(dict.fromkeys(SURFACES, 0))
        self.circuit_open = False
        self.waiting = 0
        self.lag: Mapping[TopicPartition, int] = {}
        self.write_s = Distribution(WRITE_BOUNDS_S)

    def readings(self) -> Iterator[Reading]:
        """See `streams.metrics.Observed`."""
        own = (self._sink,)
        for metric, value in (
            (ROWS, self.rows),
            (BLOCKS, self.blocks),
            (RETRIES, self.retries),
            (REFUSED, self.refused),
            (MISSING, self.missing),
            (ERASED, self.erased),
            (ATTRIBUTED, self.attributed),
            (CIRCUIT_OPEN, self.circuit_open),
            (WAITING, self.waiting),
        ):
            yield metric, {own: float(value)}
        for by, counts in (
            (SKIPPED, self.skipped),
            (SHOWN, self.shown),
            (CLICKED, self.clicked),
            (WATCHED, self.watched),
        ):
            yield by, {(self._sink, name): float(count) for name, count in counts.items()}
        yield LAG, {(self._sink, tp.topic, str(tp.partition)): float(lag) for tp, lag in self.lag.items()}
        yield WRITE, {own: self.write_s}
