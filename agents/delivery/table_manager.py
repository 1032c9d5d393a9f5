"""Where Faust calls the delivery design: a table manager whose recovery fences and restores in bulk.

Faust's own recovery reads changelogs record by record through the group's consumer, starts before former owners are
fenced, and waits for ever for the marker at the end of a transactional changelog. This one runs `Ownership.take_over`
in the same place of the same background task, so heartbeats go on during a long restore and another rebalance
interrupts it.
"""

from typing import Any, ClassVar

from aiokafka.errors import ProducerFenced
from aiokafka.structs import TopicPartition
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped

from agents.delivery.log_check import LogChanged
from agents.delivery.ownership import Ownership, StateBehindOffsets
from agents.delivery.process_exit import EXIT_FENCED, EXIT_LOG, die
from agents.delivery.restore import RowsUnreadable
from serving.supervisor import is_asked_to_end


class TransactionalRecovery(Recovery):
    """Fence, restore, and only then let streams flow."""

    ownership: Ownership

    async def _resume_streams(self, generation_id: int = 0) -> None:
        assigned = [TopicPartition(tp.topic, tp.partition) for tp in self.app.consumer.assignment()]
        try:
            await self._wait(self.ownership.take_over(assigned, generation_id))
        except (RebalanceAgain, ServiceStopped):
            raise
        except ProducerFenced as error:
            die("another worker took over what this one was assigned", error, EXIT_FENCED)
        except (LogChanged, StateBehindOffsets, RowsUnreadable) as error:
            die("cannot take over the assigned partitions", error, EXIT_LOG)
        except BaseException as error:  # a worker that could not restore must not consume
            if is_asked_to_end():
                raise
            # Faust takes a cancellation of what recovery waited for, a client's, for its own: it would never restore.
            die("cannot take over the assigned partitions", error)
        await super()._resume_streams(generation_id)


class TransactionalTableManager(TableManager):
    """Faust's table manager without Faust tables: rows belong to partition tasks."""

    ownership: ClassVar[Ownership]

    @property
    def recovery(self) -> Recovery:
        """The recovery service, made on first use."""
        if self._recovery is None:
            recovery = TransactionalRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
            recovery.ownership = self.ownership
            self._recovery = recovery
        return self._recovery

    async def on_stop(self) -> None:
        """Gives the partitions away before the consumer leaves the group."""
        await super().on_stop()
        await self.ownership.close()


def table_manager_for(ownership: Ownership) -> type[TransactionalTableManager]:
    """The class to give to `faust.App(TableManager=...)`."""
    made: Any = type("TransactionalTableManager", (TransactionalTableManager,), {"ownership": ownership})
    return made  # type: ignore[no-any-return]
