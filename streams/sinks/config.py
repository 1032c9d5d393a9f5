"""What a sink process needs to know; `ops` fills it in from the settings."""

from __future__ import annotations

from dataclasses import dataclass

from streams.contract.identities import PLAIN, Identities
from streams.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class SinkConfig:
    """`block_records` offsets of interactions make a block, a tenth as many of served lists, which are about 20 rows
    each. A tail is written once it waited for `flush_s`. Events are tied to lists shown within `attribution_window_ms`,
    of which `shown_bytes` are kept in memory."""

    bootstrap: str
    topics: Topics
    identities: Identities = PLAIN
    block_records: int = 10_000
    flush_s: float = 5.0
    attribution_window_ms: int = 24 * 60 * 60 * 1000
    shown_bytes: int = 512 * 1024 * 1024
    session_timeout_s: float = 10.0
