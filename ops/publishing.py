"""What `freshet publish` and `freshet simulate` share: from validated input to acknowledged records."""

import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import typer

from offline.pacing import paced
from offline.traffic import Traffic
from ops.publish_progress import progress_bar
from streams.contract.events import InvalidEvent, Reason
from streams.contract.json_input import plain_size, read_values
from streams.kafka.outgoing import ToRecord
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer
from streams.kafka.topics import Topics


@dataclass
class Published:
    """Acknowledged records by topic, and input lines that were refused by reason."""

    records: Counter[str] = field(default_factory=Counter)
    refused: Counter[Reason] = field(default_factory=Counter)

    def acknowledged(self, record: OutgoingRecord, _: Acknowledgement) -> None:
        """Counts one record that is in the log."""
        self.records[record.topic] += 1


async def publish_lines(
    bootstrap: str,
    file_descriptor: int,
    topic: str,
    to_record: ToRecord,
    complain: Callable[[str], None],
    encoding: str | None = None,
) -> Published:
    """Publishes every line that `to_record` accepts; `complain` hears of the others, by line number.

    Raises `KafkaError`, and `OSError` or `UnreadableInput` when the input cannot be read.
    """
    published = Published()

    async def records(advance: Callable[[int], None]) -> AsyncIterator[OutgoingRecord]:
        async for line in read_values(file_descriptor, encoding):
            try:
                yield to_record(topic, line.value, time.time_ns() // 1_000_000)
            except InvalidEvent as refusal:
                published.refused[refusal.reason] += 1
                complain(f"line {line.number}: {refusal}")
            advance(line.end_byte)

    with progress_bar(f"publishing to {topic}", plain_size(file_descriptor), "bytes") as advance:
        async with Producer(bootstrap) as producer:
            await producer.publish_all(records(advance), published.acknowledged)
    return published


async def publish_traffic(
    producer: Producer, topics: Topics, traffic: Traffic, speed: float | None, total: int | None
) -> Published:
    """Publishes the catalogue and the profiles at once and the events at `speed` (see `paced`).

    `total` is the number of records for the interactions topic, when known. Raises `KafkaError`.
    """
    published = Published()
    await producer.publish_all(traffic.catalog(), published.acknowledged)
    await producer.publish_all(traffic.profiles(), published.acknowledged)
    with progress_bar(f"publishing to {topics.interactions}", total, "events") as advance:

        def acknowledged(record: OutgoingRecord, acknowledgement: Acknowledgement) -> None:
            published.acknowledged(record, acknowledgement)
            advance(published.records[topics.interactions])

        await producer.publish_all(paced(traffic.events(), speed), acknowledged)
    return published


def quiet_client() -> None:
    """Keeps what the Kafka client logs off standard error: it retries by itself, and failures become our errors."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def parse_speed(text: str) -> float | None:
    """A number above 0, or None for `max`: for `--speed 60`, `--rate 200` and `--rate 200/s`.

    >>> parse_speed("200/s"), parse_speed("max")
    (200.0, None)
    """
    if text == "max":
        return None
    try:
        speed_up = float(text.removesuffix("/s"))
    except ValueError:
        speed_up = math.nan
    if not 0 < speed_up < math.inf:
        raise typer.BadParameter(f"{text!r} is neither a number above 0 nor 'max'")
    return speed_up
