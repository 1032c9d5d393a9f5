"""Snapshots and the archive of a namespace, as erasing a user sees them."""

from agents.retention.archive_store import ArchiveStore
from ops.operator.archive.erasure import ArchiveErasure, KnownErasures
from ops.operator.snapshots.erasure import SnapshotErasure
from ops.operator.snapshots.store import SnapshotStore
from streams.kafka.topics import Topics


class RetainedFiles:
    """What is kept below one address. Files elsewhere, copies of them too, are nobody's to reach."""

    def __init__(self, storage_url: str, topics: Topics) -> None:
        self._topic = topics.interactions
        self._archive = ArchiveStore(storage_url, topics.namespace, topics.interactions)
        self._snapshots = SnapshotStore(storage_url, topics.namespace)

    def erase(self, known: KnownErasures) -> None:
        """Blanks and drops everybody who was erased. Raises `StorageError` and `NoSnapshot` when a file cannot be
        read: then nobody can say who is in it."""
        ArchiveErasure(self._archive, self._topic, known).blank(self._archive.files())
        SnapshotErasure(self._snapshots, known).drop()

    def count(self, known: KnownErasures, user_id: str, names: frozenset[bytes]) -> dict[str, int]:
        """What is left of a user by place: `user_id` as producers send it, `names` with the stored id, encoded."""
        return {
            "archive": ArchiveErasure(self._archive, self._topic, known).count(user_id),
            "snapshots": SnapshotErasure(self._snapshots, known).count(names),
        }
