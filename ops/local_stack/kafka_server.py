"""Kafka as a local server: one node, KRaft, on loopback."""

import base64
import subprocess
import time
import uuid
from pathlib import Path

from kafka import errors
from kafka.admin import KafkaAdminClient

from ops.local_stack.errors import StackError
from ops.local_stack.java import find_java
from ops.local_stack.kafka_config import logging_properties, server_properties
from ops.local_stack.kafka_jars import kafka_class_path
from ops.local_stack.ports import accepts_connections, free_port
from ops.local_stack.server import LocalServer

_ANSWER_TIMEOUT_MS = 2000
_FORMAT_TIMEOUT_S = 120.0
_JVM_OPTIONS = ("-Xms256m", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true")


class KafkaServer(LocalServer):
    """A real broker; its data is under `folder/data`."""

    name = "kafka"

    def answers(self) -> bool:
        """Whether a metadata request shows at least one broker that may be used."""
        return accepts_connections(self.port) and broker_count(self.address) > 0

    def prepare(self) -> list[str]:
        """Fetches Kafka, writes its configuration, formats the data folder the first time."""
        began = time.monotonic()
        class_path = kafka_class_path()
        self.download_s = time.monotonic() - began
        self._write_configuration()
        java = [str(find_java()), *_JVM_OPTIONS, f"-Dlog4j2.configurationFile={self._logging}", "-cp", class_path]
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
        self._properties.write_text(server_properties(self.port, free_port(), self._data))
        self._logging.write_text(logging_properties())

    def _format(self, java: list[str]) -> None:
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
        # "=" before the value: an id may begin with a dash
        arguments = ["format", f"--cluster-id={cluster_id}", "--config", str(self._properties)]
        command = [*java, "kafka.tools.StorageTool", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_FORMAT_TIMEOUT_S, check=False)
        if done.returncode != 0:
            raise StackError(f"Kafka's data folder {self._data} could not be formatted:\n{done.stdout}{done.stderr}")


def broker_count(bootstrap: str) -> int:
    """How many brokers a real metadata request at `bootstrap` shows; 0 when nobody answers within 2 s."""
    try:
        admin = KafkaAdminClient(
            bootstrap_servers=bootstrap, bootstrap_timeout_ms=_ANSWER_TIMEOUT_MS, request_timeout_ms=_ANSWER_TIMEOUT_MS
        )
    except errors.KafkaError:
        return 0
    try:
        return len(admin.describe_cluster()["brokers"])
    except errors.KafkaError:
        return 0
    finally:
        admin.close()
