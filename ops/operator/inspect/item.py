"""Everything the system holds of one item: counts, hours, neighbours, its catalogue entry and similar list."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import msgspec
import numpy as np
from aiokafka.structs import ConsumerRecord

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.followers.refusals import guarded, say
from ops.group_progress import GroupProgress
from ops.operator.inspect.finding import partition_count
from ops.operator.inspect.running import NotThere
from ops.operator.inspect.stored_lists import read_list
from serving.keys import Keys
from serving.redis_address import is_cluster
from streams.contract.catalog import CatalogItem, parse_catalog_item
from streams.contract.reasons import InvalidEvent
from streams.contract.units import HOUR_MS
from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end, read_topics
from streams.kafka.topics import Topics
from tables import item_rows
from tables.item_deltas import item_partition
from tables.item_facts import Facts, facts_of
from tables.item_model import ItemModel
from tables.stored_rows import check_item_row

SHOWN_NEIGHBOURS = 20
_NEIGHBOURS = frozenset({item_rows.ASSOCIATIONS, item_rows.LEARNED})


async def inspect_item(bootstrap: str, redis_url: str, topics: Topics, item_id: str) -> dict[str, Any]:
    """Plain JSON values. Raises `NotThere` when neither the catalogue nor the version knows the item."""
    async with bulk_consumer(bootstrap) as consumer:
        partition = item_partition(item_id, await partition_count(consumer, topics.deltas))
        table = ChangelogTable(topics.item_model, partition)
        model = ItemModel()  # neighbours are of any partition, and named there

        def apply(record: ConsumerRecord) -> None:
            if record.key[:1] in _NEIGHBOURS:
                model.apply(record.key, record.value)
            if record.partition == partition and (record.key == POSITION_KEY or _item_of(record.key) == item_id):
                if record.key != POSITION_KEY and record.value is not None:
                    check_item_row(record.key, record.value)
                table.load(record.key, record.value)

        everywhere = await partitions_of(consumer, [topics.item_model])
        await read_to_end(consumer, everywhere, guarded(apply, say), damaged=pass_over)
    entry = await _catalogue_entry(bootstrap, topics, item_id)
    if entry is None and not table.rows:
        raise NotThere(f"neither the catalogue nor version {topics.version} knows an item {item_id!r}")
    async with GroupProgress(bootstrap, topics.consumer_group) as progress:
        committed = (await progress.committed(topics.deltas))[partition]
    keys = Keys(topics.namespace, topics.version, is_cluster(redis_url))
    return {
        "item_id": item_id,
        "version": topics.version,
        "partition": partition,
        "committed_offset": committed,
        "rows_contain_before": table.next_offset,
        "catalogue": entry,
        "facts": asdict(_facts(table.rows, item_id)),
        "counts": _counts(table.rows, item_id),
        "hours": _hours(table.rows),
        "neighbours": _neighbours(model, item_id),
        "similar": read_list(redis_url, keys, keys.similar(item_id)),
    }


def _item_of(key: bytes) -> str | None:
    kind = key[:1]
    if kind == item_rows.COUNTS:
        return key[1:].decode()
    if kind == item_rows.BUCKET:
        return item_rows.bucket_of(key)[1]
    return key[1:].decode() if kind == item_rows.ASSOCIATIONS else None


async def _catalogue_entry(bootstrap: str, topics: Topics, item_id: str) -> dict[str, Any] | str | None:
    """The entry; what is wrong with it, as text; or None."""
    last: list[bytes | None] = [None]

    def apply(record: ConsumerRecord) -> None:
        if record.key == item_id.encode():
            last[0] = record.value

    await read_topics(bootstrap, [topics.catalog], apply, pass_over)
    if last[0] is None:
        return None
    try:
        item: CatalogItem | None = parse_catalog_item(item_id.encode(), last[0])
    except InvalidEvent as error:
        return f"unreadable: {error}"
    return None if item is None else msgspec.to_builtins(item)


def _facts(rows: Mapping[bytes, bytes], item_id: str) -> Facts:
    value = rows.get(item_rows.counts_key(item_id))
    counts = None if value is None else item_rows.COUNTS_CODEC.decode(value)
    return facts_of(counts)


def _counts(rows: Mapping[bytes, bytes], item_id: str) -> dict[str, Any] | None:
    value = rows.get(item_rows.counts_key(item_id))
    return None if value is None else msgspec.structs.asdict(item_rows.COUNTS_CODEC.decode(value))


def _hours(rows: Mapping[bytes, bytes]) -> list[dict[str, Any]]:
    """Counted events by hour and country, newest first."""
    found = [
        (item_rows.bucket_of(key)[0], item_rows.BUCKET_CODEC.decode(value).countries)
        for key, value in rows.items()
        if key[:1] == item_rows.BUCKET
    ]
    found.sort(key=lambda bucket: -bucket[0])
    return [{"from_ms": hour * HOUR_MS, "events": countries} for hour, countries in found]


def _neighbours(model: ItemModel, item_id: str) -> list[dict[str, Any]]:
    """The strongest neighbours by raw co-occurrence weight."""
    index = model.index(item_id)
    if index < 0:
        return []
    weights = model.neighbours.weights[index]
    strongest = np.argsort(-weights, kind="stable")[: min(SHOWN_NEIGHBOURS, np.count_nonzero(weights))]
    items = model.neighbours.items[index, strongest].tolist()
    return [
        {"item_id": model.ids[item], "weight": weight}
        for item, weight in zip(items, weights[strongest].tolist(), strict=True)
    ]
