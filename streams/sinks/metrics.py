"""What a sink counts, for Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

LOOPBACK = "127.0.0.1"


class SinkMetrics:
    """The figures of one process; all carry the label `sink`."""

    def __init__(self, sink: str) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"freshet_sink_{name}", text, ("sink", *labels), registry=self.registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"freshet_sink_{name}", text, ("sink",), registry=self.registry).labels(sink)

        self.rows = counter("rows", "Rows that the store confirmed.").labels(sink)
        self.blocks = counter("blocks", "Blocks that the store confirmed.").labels(sink)
        self.retries = counter("retries", "Writes that the store did not take and that were tried again.").labels(sink)
        self.refused = counter("refused_records", "Records that the store refused: dead letters.").labels(sink)
        self._skipped = counter("skipped_records", "Records that are no row, by reason.", "reason")
        self.missing = counter("missing_records", "Offsets of interactions that retention took unread.").labels(sink)
        self.erased = counter("erased_users", "Erasures that the store carried out and that were verified.").labels(
            sink
        )
        self.attributed = counter("attributed_events", "Events that belong to a list.").labels(sink)
        self.circuit_open = gauge("circuit_open", "1 while the store is given up but for probes.")
        self.waiting = gauge("waiting_records", "Records that were read and wait to be written.")
        self.write_s = Histogram(
            "freshet_sink_write_seconds",
            "How long the store took for one write.",
            ("sink",),
            registry=self.registry,
            buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30),
        ).labels(sink)
        self._sink = sink

    def skipped(self, reason: str, count: int) -> None:
        """Counts records that are no row."""
        self._skipped.labels(self._sink, reason).inc(count)

    def serve(self, port: int) -> None:
        """The metrics page, on loopback."""
        start_http_server(port, LOOPBACK, registry=self.registry)
