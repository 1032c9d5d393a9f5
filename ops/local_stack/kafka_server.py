"""One node of Kafka as a local server: KRaft, broker and controller in one process, on loopback."""

import subprocess
import time
from pathlib import Path

from kafka import errors

from ops.local_stack.errors import StackError
from ops.local_stack.java import find_java
from ops.local_stack.kafka_config import NodeAddress, logging_properties, server_properties
from ops.local_stack.kafka_jars import kafka_class_path
from ops.local_stack.kafka_record import ClusterRecord
from ops.local_stack.ports import accepts_connections
from ops.local_stack.server import LocalServer
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.errors import KafkaUnreachable

_ANSWER_TIMEOUT_S = 2.0
_FORMAT_TIMEOUT_S = 120.0
_HEAP_ALONE = ("-Xms256m", "-Xmx512m")
_HEAP_AMONG_OTHERS = ("-Xms128m", "-Xmx384m")
_JVM_OPTIONS = ("-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")


class KafkaServer(LocalServer):
    """A real broker, node `number` (from 1) of those in `record`; its data is under `folder/data`."""

    def __init__(self, state_dir: Path, port: int, number: int, record: ClusterRecord) -> None:
        self.number = number
        self._record = record
        super().__init__("kafka" if record.nodes == 1 else f"kafka-{number}", state_dir, port)

    def answers(self) -> bool:
        """Whether a metadata request shows at least one broker that may be used."""
        return bool(self.brokers())

    def brokers(self) -> frozenset[int]:
        """The numbers of the nodes that a metadata request sent here shows; none when it is not answered."""
        return broker_ids(self.address) if accepts_connections(self.port) else frozenset()

    def sees(self, numbers: frozenset[int]) -> bool:
        """Whether a metadata request sent here shows all these nodes as brokers that may be used."""
        return self.brokers() >= numbers

    def use(self, record: ClusterRecord) -> None:
        """What the next start goes by."""
        self._record = record

    def prepare(self) -> list[str]:
        """Fetches Kafka, writes its configuration, formats the data folder the first time."""
        began = time.monotonic()
        class_path = kafka_class_path()
        self.download_s = time.monotonic() - began
        self._write_configuration()
        heap = _HEAP_ALONE if self._record.nodes == 1 else _HEAP_AMONG_OTHERS
        options = (*heap, *_JVM_OPTIONS, f"-Dlog4j2.configurationFile={self._logging}")
        java = [str(find_java()), *options, "-cp", class_path]
        if not (self._data / "meta.properties").exists():
            self._format(java)
        return [*java, "kafka.Kafka", str(self._properties)]

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"

    @property
    def _logging(self) -> Path:
        return self.folder / "log4j2.properties"

    def _write_configuration(self) -> None:
        address = NodeAddress(self.number, self.port, self._record.controller_ports)
        self._properties.write_text(server_properties(address, self._data))
        self._logging.write_text(logging_properties())

    def _format(self, java: list[str]) -> None:
        # "=" before the value: an id may begin with a dash
        arguments = ["format", f"--cluster-id={self._record.cluster_id}", "--config", str(self._properties)]
        command = [*java, "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise StackError(f"Kafka's data folder {self._data} could not be formatted:\n{done.stdout}{done.stderr}")


def broker_ids(bootstrap: str) -> frozenset[int]:
    """The brokers that a real metadata request at `bootstrap` shows; none when nobody answers within 2 s."""
    try:
        admin = blocking_admin(bootstrap, _ANSWER_TIMEOUT_S)
    except (errors.KafkaError, KafkaUnreachable):
        return frozenset()
    try:
        # The answer names fenced brokers too: those that are starting, stopping or lost.
        brokers = admin.describe_cluster()["brokers"]
        return frozenset(broker["broker_id"] for broker in brokers if not broker.get("is_fenced", False))
    except errors.KafkaError:
        return frozenset()
    finally:
        admin.close()
