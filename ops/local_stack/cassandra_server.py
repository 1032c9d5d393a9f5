"""Cassandra as a local server: one node on loopback, from jar files, in a Java 17."""

import time
from pathlib import Path

from ops.local_stack.cassandra_config import cassandra_yaml, jvm_options, logging_xml
from ops.local_stack.java import find_java_17
from ops.local_stack.maven import class_path
from ops.local_stack.ports import accepts_connections, free_port
from ops.local_stack.server import LocalServer

CASSANDRA_VERSION = "5.0.6"


class CassandraServer(LocalServer):
    """A real Cassandra that keeps its data below the state folder; takes about 650 MB of memory."""

    def __init__(self, state_dir: Path, port: int) -> None:
        super().__init__("cassandra", state_dir, port)

    def answers(self) -> bool:
        """Whether it takes connections of clients: the last thing it does when it starts."""
        return accepts_connections(self.port)

    def prepare(self) -> list[str]:
        """Fetches it (about 70 MB the first time) and writes its configuration. Raises `StackError`."""
        began = time.monotonic()
        jars = class_path(f"Cassandra {CASSANDRA_VERSION}", [f"org.apache.cassandra:cassandra-all:{CASSANDRA_VERSION}"])
        java = find_java_17()
        self.download_s = time.monotonic() - began
        data = self.folder / "data"
        for name in ("data", "commitlog", "saved_caches", "hints"):
            (data / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "cassandra.yaml").write_text(cassandra_yaml(self.port, free_port(), data), encoding="utf-8")
        (self.folder / "logback.xml").write_text(logging_xml(), encoding="utf-8")
        options = jvm_options(self.folder)
        return [str(java), *options, "-cp", jars, "org.apache.cassandra.service.CassandraDaemon"]
