"""The configuration of a one-node Kafka on loopback: small, quick to start, and as strict as production."""

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


def server_properties(port: int, controller_port: int, data: Path) -> str:
    """`server.properties` of a combined broker and controller that listens on 127.0.0.1 only."""
    return "".join(f"{name}={value}\n" for name, value in _settings(port, controller_port, data).items())


def logging_properties() -> str:
    """`log4j2.properties`: warnings and the server's own milestones on standard output."""
    return _LOGGING


def _settings(port: int, controller_port: int, data: Path) -> dict[str, object]:
    return {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "listeners": f"BROKER://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"BROKER://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "BROKER",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        # A misspelt topic is an error, and internal topics need one replica only.
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
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
