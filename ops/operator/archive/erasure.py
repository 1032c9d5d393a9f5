"""Blanks erased users in the archive: their records keep their places and times, and nothing else."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.structs import ConsumerRecord

from agents.followers.erasures import Erasures
from agents.followers.refusals import read_usable
from agents.retention.archive_files import ArchiveFile
from agents.retention.archive_store import ArchiveStore, hashed
from agents.retention.blanking import BlankedRecord, blanked
from agents.retention.record_files import ArchivedRecord, RecordWriter, is_event, read_records
from ops.operator.erasure.erasures import read_markers
from streams.contract.id_search import Ids, suspects
from streams.contract.identities import Identities
from streams.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class KnownErasures:
    """Everything erased as of now: as the fold asks for it, and the users' ids as producers send them."""

    erasures: Erasures
    users: frozenset[str]
    identities: Identities


async def read_erasures(bootstrap: str, topics: Topics, identities: Identities) -> KnownErasures:
    """All erasures of the namespace. Raises `TopicMissing`."""
    users = frozenset(user for user, marker in (await read_markers(bootstrap, topics)).items() if marker.end_offset)
    erasures = Erasures(identities)
    await read_usable(bootstrap, [topics.erasure], erasures.apply)
    return KnownErasures(erasures, users, identities)


class ArchiveErasure:
    """Blanks and counts in one archive. Raises `StorageError` when a file is damaged."""

    def __init__(self, store: ArchiveStore, topic: str, known: KnownErasures) -> None:
        self._store = store
        self._topic = topic
        self._known = known
        about = store.about()
        self._partitions = about.partitions if about else 0

    def blank(self, files: Iterable[ArchiveFile]) -> int:
        """Blanks every erased record of `files` that is not yet; returns their number."""
        return sum(self._blank_file(file) for file in files) if self._known.users else 0

    def count(self, user_id: str) -> int:
        """Records that name the user and are to be blanked, or all of theirs when they are not erased."""
        return sum(self._count_file(file, user_id) for file in self._store.files())

    def _blank_file(self, file: ArchiveFile) -> int:
        with TemporaryDirectory() as scratch:
            local = self._naming(file, self._known.users, Path(scratch))
            if local is None:
                return 0
            made, count = Path(scratch) / "blanked.parquet", 0
            with RecordWriter(made) as writer:
                for group in read_records(local, self._topic, file.partition):
                    for kept in group:
                        left = self._left(kept.record)
                        count += left is not None
                        writer.add(kept if left is None else ArchivedRecord(left))
            if count:
                self._store.put(hashed(file.revised(""), made), made, file)
            return count

    def _count_file(self, file: ArchiveFile, user_id: str) -> int:
        with TemporaryDirectory() as scratch:
            local = self._naming(file, {user_id}, Path(scratch))
            if local is None:
                return 0
            erased, ids = user_id in self._known.users, Ids([user_id])
            return sum(
                self._left(kept.record) is not None if erased else True
                for group in read_records(local, self._topic, file.partition)
                for kept in group
                if user_id in kept.users or _may_be_about(kept.record, ids)
            )

    def _naming(self, file: ArchiveFile, users: Collection[str], scratch: Path) -> Path | None:
        """A copy of the file, None when it names none of the users. Most files are told by their footers."""
        if not self._store.may_name(file, users):
            return None
        local = scratch / "archived.parquet"
        self._store.fetch(file, local)
        return local

    def _left(self, record: ConsumerRecord) -> ConsumerRecord | None:
        return blanked(record, self._known.erasures, self._known.identities, self._partitions)


def _may_be_about(record: ConsumerRecord, ids: Ids) -> bool:
    """Whether a record that is no event names one of `ids` in any encoding, or cannot be read so that it may."""
    if isinstance(record, BlankedRecord) or is_event(record):
        return False
    headers = [value for _, value in record.headers if value]
    return bool(suspects(ids, record.key, record.value, headers).all)
