"""The configuration of one Cassandra on loopback: small and quick to start, with a commit log that survives a kill."""

import json
from pathlib import Path
from typing import Any

from ops.local_stack.ports import LOOPBACK

_LOGGING = """\
<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%date{ISO8601} %-5level [%thread] %logger{0} - %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
  <logger name="org.apache.cassandra.service" level="INFO"/>
</configuration>
"""

_EXPORTED = (
    "java.base/jdk.internal.misc",
    "java.base/java.lang.ref",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.attach/sun.tools.attach",
    "jdk.unsupported/sun.misc",
)
_OPENED = (
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
)
_JVM = (
    "-Xms384m",
    "-Xmx384m",
    "-Xss384k",
    "-XX:+UseSerialGC",
    "-XX:MaxDirectMemorySize=192m",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+PerfDisableSharedMem",
    "-Djava.net.preferIPv4Stack=true",
    "-Djdk.attach.allowAttachSelf=true",
    "-Dio.netty.tryReflectionSetAccessible=true",
    "-Dio.netty.allocator.numDirectArenas=1",
    "-Dio.netty.allocator.numHeapArenas=1",
)
#: There is no other node to wait for.
_ALONE = (
    "-Dcassandra.skip_wait_for_gossip_to_settle=0",
    "-Dcassandra.ring_delay_ms=0",
    "-Dcassandra.superuser_setup_delay_ms=0",
    "-Dcassandra.initial_token=0",
    "-Dcassandra.available_processors=2",
    "-Dcassandra.disable_auth_caches_remote_configuration=true",
    "-Dcassandra-foreground=yes",
)


def jvm_options(folder: Path) -> list[str]:
    """What stands before the class path, for configuration and data below `folder`."""
    exported = [part for name in _EXPORTED for part in ("--add-exports", f"{name}=ALL-UNNAMED")]
    opened = [part for name in _OPENED for part in ("--add-opens", f"{name}=ALL-UNNAMED")]
    places = [
        f"-Dcassandra.config=file://{folder / 'cassandra.yaml'}",
        f"-Dlogback.configurationFile=file://{folder / 'logback.xml'}",
        f"-Dcassandra.logdir={folder}",
        f"-Dcassandra.storagedir={folder / 'data'}",
    ]
    return [*_JVM, *_ALONE, *exported, *opened, *places]


def logging_xml() -> str:
    """`logback.xml`: warnings and the server's own milestones on standard output."""
    return _LOGGING


def cassandra_yaml(port: int, storage_port: int, data: Path) -> str:
    """`cassandra.yaml` of one node that listens on 127.0.0.1 only."""
    # JSON is YAML, and quotes what has to be quoted
    return json.dumps(_settings(port, storage_port, data), indent=1)


def _settings(port: int, storage_port: int, data: Path) -> dict[str, Any]:
    seeds = {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider"}
    return {
        "cluster_name": "freshet",
        "num_tokens": 1,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "endpoint_snitch": "SimpleSnitch",
        "seed_provider": [{**seeds, "parameters": [{"seeds": f"{LOOPBACK}:{storage_port}"}]}],
        "listen_address": LOOPBACK,
        "rpc_address": LOOPBACK,
        "storage_port": storage_port,
        "native_transport_port": port,
        "auto_bootstrap": False,
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "saved_caches_directory": str(data / "saved_caches"),
        "hints_directory": str(data / "hints"),
        "cdc_enabled": False,
        # What a client was told is stored is on the disk, or with the kernel: a killed process loses nothing.
        "commitlog_sync": "periodic",
        "commitlog_sync_period": "1000ms",
        "commitlog_segment_size": "8MiB",
        "commitlog_total_space": "256MiB",
        "disk_failure_policy": "die",
        "commit_failure_policy": "die",
        "auto_snapshot": False,
        "memtable_heap_space": "64MiB",
        "memtable_offheap_space": "64MiB",
        "memtable_flush_writers": 1,
        "file_cache_size": "64MiB",
        "networking_cache_size": "32MiB",
        "key_cache_size": "8MiB",
        "counter_cache_size": "1MiB",
        "row_cache_size": "0MiB",
        "concurrent_reads": 8,
        "concurrent_writes": 16,
        "concurrent_counter_writes": 4,
        "concurrent_compactors": 1,
        "compaction_throughput": "64MiB/s",
        "native_transport_max_threads": 32,
        # Of a machine that is busy with other things as well.
        "read_request_timeout": "10s",
        "write_request_timeout": "10s",
        "request_timeout": "20s",
    }
