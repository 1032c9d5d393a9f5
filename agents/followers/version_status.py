"""What the registry says about this worker's version, followed from `freshet.versions`."""

import asyncio

from aiokafka.structs import ConsumerRecord

from serving.registry import Registry


class VersionStatus:
    """Made within the event loop. `retired` is set once somebody begins to remove the version."""

    def __init__(self, version: str) -> None:
        self.registry = Registry()
        self.retired = asyncio.Event()
        self._version = version

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic."""
        self.registry.apply(record.key, record.value)
        if self.registry.is_retired(self._version):
            self.retired.set()

    @property
    def serves(self) -> bool:
        """Whether anybody is served by this version now."""
        return self.registry.weight_of(self._version) > 0

    @property
    def reads_archive(self) -> bool:
        """Whether the version reads archived records before those of the log."""
        record = self.registry.records.get(self._version)
        return record is not None and record.archive

    @property
    def leads(self) -> bool:
        """Whether this version serves most users, and so speaks for all about records that stay in their topics."""
        current = self.registry.current
        return current is not None and current.leader == self._version

    def answers_for(self, append_ms: int) -> bool:
        """Whether this version writes the dead letter of a record appended then; see `Registry.answers_for`."""
        return self.registry.answers_for(self._version, append_ms)
