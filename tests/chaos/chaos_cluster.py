"""Two supervised workers on three brokers and a Valkey, behind proxies, with a ledger of what was published."""

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from harness.cluster import Cluster, StackConfig
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.zombies import ends
from ledger import Balance, Counted, Ledger
from proxy import Proxy

from ops.configuration.settings import Settings, variable
from ops.local_stack.stack import LocalStack
from streams.contract.reasons import Reason
from streams.kafka.producer import Acknowledgement, OutgoingRecord
from tables import user_keys, user_row

WORKER = Path(__file__).with_name("detoured_worker.py")
#: As workers are by default: transactions gather what they gather, and what waits for long is a backlog.
DEFAULTS = {
    variable(name): str(Settings.model_fields[name].default)
    for name in ("commit_interval_s", "commit_max_records", "overload_after_s")
}
#: The worker of this name keeps its rows in RocksDB, all others in memory.
ON_DISK = "disk"


@dataclass(frozen=True)
class DetouredPlace(StackConfig):
    """A place whose workers reach the servers through proxies; `detours` maps server ports to proxy ports."""

    detours: Mapping[int, int]

    def worker(self, name: str, version: str) -> WorkerProcess:
        """A started worker."""
        environment = self.environment(version) | DEFAULTS | {"CHAOS_DETOURS": json.dumps(self.detours)}
        if name.endswith(ON_DISK):
            environment["FRESHET_STATE_STORE"] = "rocksdb"
        return WorkerProcess(name, [sys.executable, str(WORKER)], environment, self.folder)


class ChaosCluster(Cluster):
    """What faults are done to. `first` and `second` are its two workers, restarted whenever they end."""

    first: WorkerProcess
    second: WorkerProcess

    def __init__(self, stack: LocalStack, place: StackConfig, proxies: Iterable[Proxy]) -> None:
        super().__init__(place, "v1")
        self.stack = stack
        self.proxies = list(proxies)
        self.ledger = Ledger()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.workers.end)  # meanwhile the proxies still serve them
        await super().__aexit__(kind, error, traceback)

    def start_workers(self) -> None:
        """Both of them."""
        self.first, self.second = self.start_worker("memory"), self.start_worker(ON_DISK)

    async def publish(self, records: Iterable[OutgoingRecord]) -> int:
        """Returns when all are acknowledged and, as far as they are interactions, in the ledger."""
        return await self.producer.publish_all(records, self._note)

    async def publish_unusable(self, records: Iterable[OutgoingRecord], reason: Reason) -> None:
        """Records that must become dead letters."""
        await self.producer.publish_all(records, lambda record, where: self.ledger.note(record, where, reason))

    def _note(self, record: OutgoingRecord, where: Acknowledgement) -> None:
        if record.topic == self.topics.interactions:
            self.ledger.note(record, where)

    async def ends(self, member: WorkerProcess, times: int = 1) -> None:
        """Waits until a worker ended by itself that often since its exits were cleared; it is restarted each time."""
        await ends(self, member, times)

    async def balance(self) -> Balance:
        """Everything published so far against the log, the committed rows and the dead letters; needs quiet."""
        rows = await self._users()
        counted = {user: Counted(row.folded, row.duplicates) for user, row in rows.items()}
        of_log = self.ledger.of_log(await self.progress.ends(self.topics.interactions))
        of_dead_letters = self.ledger.of_dead_letters(await self.dead_letters())
        return of_log + self.ledger.of_users(counted) + of_dead_letters

    async def lists_behind(self) -> list[str]:
        """Users whose list in Redis is not exactly as of their committed row."""
        rows = await self._users()
        prefixes = await asyncio.to_thread(lambda: {user: self.list_prefix(user) for user in rows})
        return [user for user, row in rows.items() if (p := prefixes[user]) is None or p.offset != row.last_offset]

    async def lists_are_current(self) -> None:
        """Waits until no list is older than its row."""

        async def none_behind() -> bool:
            self.workers.tend()
            return not await self.lists_behind()

        await eventually("every list is as of its user's row", none_behind)

    async def _users(self) -> dict[str, user_row.UserRow]:
        rows = (await self.user_rows()).items()
        return {key[1:].decode(): user_row.CODEC.decode(row) for (_, key), row in rows if key[:1] == user_keys.USER}


async def open_proxies(stack: LocalStack, opened: AsyncExitStack) -> dict[int, Proxy]:
    """One proxy for each broker and one for Redis, by the server's port."""
    addresses = [*stack.bootstrap.split(","), stack.redis_url.rpartition("/")[0]]
    ports = [int(address.rpartition(":")[2]) for address in addresses]
    return {port: await opened.enter_async_context(Proxy(port)) for port in ports}
