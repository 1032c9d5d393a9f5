"""The configuration of a Kafka on loopback, of one node or several: small, quick to start, as strict as production."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.local_stack.ports import LOOPBACK

_LOGGING = """\
# Written by `freshet up`; changes are lost.
status = error
# Otherwise the log goes silent before the broker has shut down.
shutdownHook = disable
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %c{1} %m%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = OUT
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


@dataclass(frozen=True)
class NodeAddress:
    """Where node `number` (from 1) of a cluster listens: as a broker, and as one of the controllers by their order."""

    number: int
    port: int
    controller_ports: Sequence[int]


def server_properties(address: NodeAddress, data: Path) -> str:
    """`server.properties` of a combined broker and controller that listens on 127.0.0.1 only."""
    settings = _settings(address, data) | _replication(len(address.controller_ports))
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def logging_properties() -> str:
    """`log4j2.properties`: warnings and the server's own milestones on standard output."""
    return _LOGGING


def _replication(nodes: int) -> dict[str, object]:
    """As many copies as there are nodes; all but one must confirm a write, so that one node may be down."""
    in_sync = max(1, nodes - 1)
    return {
        # Leaders move when a node is missed, not before it goes: the last of several to go would wait for five minutes
        # for leave to do so, which only a majority of the controllers can give.
        "controlled.shutdown.enable": "true" if nodes == 1 else "false",
        "default.replication.factor": nodes,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": nodes,
        "transaction.state.log.replication.factor": nodes,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": nodes,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


def _settings(address: NodeAddress, data: Path) -> dict[str, object]:
    port, controller_port = address.port, address.controller_ports[address.number - 1]
    voters = (f"{number}@{LOOPBACK}:{voter}" for number, voter in enumerate(address.controller_ports, 1))
    return {
        "process.roles": "broker,controller",
        "node.id": address.number,
        "controller.quorum.voters": ",".join(voters),
        "listeners": f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # A misspelt topic is an error.
        "auto.create.topics.enable": "false",
        # 50 partitions each by default, all opened again at every start.
        "offsets.topic.num.partitions": 8,
        "transaction.state.log.num.partitions": 8,
        # One machine, few members: nobody is worth waiting for.
        "group.initial.rebalance.delay.ms": 0,
        # The default of 128 MiB does not fit a small heap.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
        # Topics of finished demos and tests give their disk space back at once.
        "log.segment.delete.delay.ms": 1000,
        # A killed broker may come back once its old session is over; the default is 9 s.
        "broker.session.timeout.ms": 5000,
        "broker.heartbeat.interval.ms": 1000,
        "num.network.threads": 2,
        "num.io.threads": 4,
    }
