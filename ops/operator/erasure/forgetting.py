"""Takes users who were erased since out of a partition's rows, as an owner of the partition would. Pure."""

from collections.abc import MutableMapping

from agents.followers.erasures import PartitionErasures
from tables.user import Change
from tables.user_plane import FoldLimits, UserPlane


def forgotten(
    rows: MutableMapping[bytes, bytes], partition: int, partitions: int, erasures: PartitionErasures
) -> list[Change]:
    """Brings `rows` up to date with every erasure that they do not contain; returns what changed (None = dropped).

    What the dropped rows had counted is counted as erased, and the rows note that it is done, so that they are those
    of an owner who carried out the same erasures.
    """
    plane = UserPlane(partition, partitions, rows, FoldLimits())
    if erasures.next_position <= plane.erasures_applied:
        return []
    for user_id in erasures.since(plane.erasures_applied):
        plane.forget(user_id)
    plane.note_erasures(erasures.next_position)
    return plane.changes()
