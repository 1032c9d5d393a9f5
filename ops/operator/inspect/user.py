"""Everything the system holds of one user, and where."""

from typing import Any

import msgspec
from aiokafka.structs import TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from agents.followers.refusals import guarded, say
from ops.group_progress import GroupProgress
from ops.operator.erasure.erasures import read_markers
from ops.operator.erasure.links import read_links
from ops.operator.inspect.finding import partition_count
from ops.operator.inspect.one_user import read_parts
from ops.operator.inspect.running import NotThere
from ops.operator.inspect.stored_lists import read_list
from serving.keys import Keys
from serving.redis_address import is_cluster
from streams.contract.identities import Identities
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer, pass_over, read_to_end
from streams.kafka.topics import Topics
from tables import partition_row, user_keys
from tables.guest_part import GuestPart
from tables.partition_row import PartitionRow
from tables.stored_rows import check_user_row
from tables.type_codes import CODE_OF, FINISHED
from tables.user import User

HISTORY = 100
_TYPE_OF = {code: kind.value for kind, code in CODE_OF.items()} | {FINISHED: "finished"}
#: Parts of the row that are shown decoded, or are bookkeeping of the encoding.
_HIDDEN = ("version", "history", "watching", "dedupe_segments", "seen_segments")


async def inspect_user(
    bootstrap: str, redis_url: str, topics: Topics, user_id: str, allowed_lateness_ms: int, identities: Identities
) -> dict[str, Any]:
    """Plain JSON values. Raises `NotThere` when the version has no row, no list and no erasure of the user."""
    stored_id = identities.of(user_id)
    async with bulk_consumer(bootstrap) as consumer:
        partition = user_partition(user_id, await partition_count(consumer, topics.interactions))
        table = ChangelogTable(topics.user_changelog, partition)
        wanted = stored_id.encode()

        def apply(record: Any) -> None:
            if record.key in (POSITION_KEY, user_keys.PARTITION) or wanted in (record.key[1:], record.key[5:]):
                if record.key != POSITION_KEY and record.value is not None:
                    check_user_row(record.key, record.value)
                table.load(record.key, record.value)

        await read_to_end(consumer, [TopicPartition(table.topic, partition)], guarded(apply, say), damaged=pass_over)
        parts = await read_parts(consumer, topics, partition, stored_id)
    links = await read_links(bootstrap, topics)
    linked_with, guests = links.in_force.get(user_id), links.guests_of(user_id)
    async with GroupProgress(bootstrap, topics.consumer_group) as progress:
        committed = (await progress.committed(topics.interactions))[partition]
    keys = Keys(topics.namespace, topics.version, is_cluster(redis_url))
    user = User.load(table.rows, stored_id, HISTORY)
    marker = (await read_markers(bootstrap, topics)).get(user_id)
    shown = read_list(redis_url, keys, keys.at(partition, keys.user_list(stored_id)))
    if user is None and shown is None and marker is None and not (linked_with or guests):
        raise NotThere(f"version {topics.version} knows no user {user_id!r} (partition {partition})")
    return {
        "user_id": user_id,
        "stored_id": stored_id,
        "version": topics.version,
        "partition": partition,
        "committed_offset": committed,
        "rows_contain_before": table.next_offset,
        "watermark_ms": _partition_row(table).watermark_ms(allowed_lateness_ms),
        "erasure": None if marker is None else msgspec.to_builtins(marker),
        "linked_with": linked_with,
        "guests": [_of_guest(guest_id, parts.get(identities.of(guest_id))) for guest_id in guests],
        **(_decoded(user) if user else {"row": None}),
        "list": shown,
        "continue_watching": read_list(redis_url, keys, keys.at(partition, keys.continue_watching(stored_id))),
    }


def _of_guest(guest_id: str, part: GuestPart | None) -> dict[str, Any]:
    """What the user has of a guest; nothing before the guest's partition was folded as far as the link."""
    if part is None:
        return {"guest_id": guest_id, "partition": None, "contains_before": None, "events": 0, "seen_items": 0}
    return {
        "guest_id": guest_id,
        "partition": part.source,
        "contains_before": part.last_offset + 1,
        "events": part.folded,
        "seen_items": len(part.met),
    }


def _partition_row(table: ChangelogTable) -> PartitionRow:
    value = table.rows.get(user_keys.PARTITION)
    return PartitionRow() if value is None else partition_row.CODEC.decode(value)


def _decoded(user: User) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(user.row, name) for name in user.row.__struct_fields__ if name not in _HIDDEN}
    newest_first = reversed(user.history.entries.items())
    return {
        "row": msgspec.to_builtins(row),
        "history": [
            {"item_id": item_id, "timestamp_ms": at_ms, "event_type": _TYPE_OF[code]}
            for item_id, (at_ms, code) in newest_first
        ],
        "unfinished": [msgspec.to_builtins(entry) for entry in reversed(user.watching.to_rows())],
        "seen_items": len(user.seen),
        "remembered_event_ids": len(user.dedupe.known),
    }
