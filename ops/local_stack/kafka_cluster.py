"""All nodes of a local Kafka: one, or several that survive the loss of a node."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path

from ops.local_stack.errors import StackError
from ops.local_stack.kafka_record import ClusterRecord
from ops.local_stack.kafka_server import KafkaServer
from ops.local_stack.process import Ended
from ops.local_stack.server import ServerOwner, Started

NODES = (1, 3)
_RECORD = "kafka-cluster.json"


class KafkaCluster:
    """Nodes 1 to `nodes` on consecutive ports from `port` on. Not thread-safe, as `LocalServer`.

    `nodes` is one of `NODES`, or None for what `state_dir` remembers, which is 1 before the first start.
    """

    def __init__(self, state_dir: Path, port: int, nodes: int | None = None) -> None:
        if nodes not in (None, *NODES):
            raise StackError(f"a local Kafka has {' or '.join(map(str, NODES))} nodes, not {nodes}")
        self._record_path = state_dir / _RECORD
        remembered = ClusterRecord.read(self._record_path)
        if remembered is None or nodes not in (None, remembered.nodes):
            self._record = ClusterRecord.new(nodes or 1)
        else:
            self._record = remembered
        numbers = range(1, self._record.nodes + 1)
        self.servers = [KafkaServer(state_dir, port + number - 1, number, self._record) for number in numbers]

    @property
    def bootstrap(self) -> str:
        """All nodes as `host:port`, with commas between."""
        return ",".join(server.address for server in self.servers)

    def chosen(self, node: int | None) -> list[KafkaServer]:
        """The server of one node, or all when `node` is None. Raises `StackError` when there is no such node."""
        if node is None:
            return self.servers
        if not 1 <= node <= len(self.servers):
            raise StackError(f"there is no node {node}: this Kafka has {len(self.servers)}")
        return [self.servers[node - 1]]

    def start(self, node: int | None = None) -> dict[str, Started]:
        """Starts what is missing, side by side, by server name; every node then sees all that were asked for.

        Raises `StackError`; what this call started is then ended again.
        """
        servers = self.chosen(node)
        self._check_owners(servers)
        self._remember()
        started: dict[str, Started] = {}
        try:
            for server in servers:
                started[server.name] = server.launch()
            self._wait_until_ready(servers, started)
        except BaseException:  # Ctrl-C included: what did not come up is not left behind
            for server in servers:
                if started.get(server.name) is Started.NOW:
                    server.kill()
            raise
        return started

    @staticmethod
    def stop(servers: Iterable[KafkaServer], kill: bool) -> dict[str, Ended]:
        """Ends those of `servers` that are ours, by name: gracefully, or with `kill` as a crash would."""
        servers = list(servers)
        if not kill:
            for server in servers:
                server.ask_to_stop()
        return {server.name: server.kill() if kill else server.stop() for server in servers}

    def wipe(self) -> None:
        """Removes what the stopped nodes stored, and forgets how many there were. Raises `StackError`."""
        for server in self.servers:
            server.wipe()
        self._record_path.unlink(missing_ok=True)

    def _wait_until_ready(self, servers: list[KafkaServer], started: dict[str, Started]) -> None:
        if Started.BY_OTHERS in started.values():
            for server in servers:
                server.wait_for_foreign()
            return
        asked_for = frozenset(server.number for server in servers)
        for server in servers:
            server.wait_until(partial(server.sees, asked_for))

    def _check_owners(self, servers: Iterable[KafkaServer]) -> None:
        foreign = {server.owner() is ServerOwner.OTHER: server for server in servers}
        if len(foreign) == 2:
            raise StackError(f"something that is not ours listens on {foreign[True].address}, but not at all addresses")

    def _remember(self) -> None:
        """Makes sure that the folder holds this cluster or none, and settles the controllers' ports."""
        found = ClusterRecord.read(self._record_path)
        if found is not None and found.nodes != self._record.nodes:
            raise StackError(
                f"{self._record_path.parent} holds a Kafka of {found.nodes} node(s), not {self._record.nodes};"
                " `freshet down --wipe` removes it"
            )
        self._record = found or self._record
        if found is None or all(server.pid() is None for server in self.servers):
            self._record = self._record.on_new_ports()
            self._record.write(self._record_path)
        for server in self.servers:
            server.use(self._record)
